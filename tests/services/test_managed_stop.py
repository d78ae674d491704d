"""A stop in the middle of something: whatever NetworkManager still does, nothing stays."""

from __future__ import annotations

import asyncio

import pytest

from gateway.services.api import Wanted
from tests.services.managed_world import GOOD, OWNERS, on, run, world
from tests.services.network_contract import SOFTAP

ALONE = Wanted(station=False, softap_mode=True, softap=SOFTAP)
MOMENTS = [number / 2 for number in range(10)]


@pytest.mark.parametrize("milliseconds", MOMENTS)
@pytest.mark.parametrize("beginning", [0.0, 3.0])
@pytest.mark.parametrize("what", ["SoftAP", "join", "MAC"])
def test_nothing_stays_of_what_was_being_made(
    what: str, beginning: float, milliseconds: float
) -> None:
    """A call that was cut off takes effect all the same."""

    async def work() -> None:
        daemon = world(owner=True)
        joining: asyncio.Task[None] | None = None
        async with on(daemon, stops=False) as scene:
            if what == "join":
                joining = asyncio.create_task(scene.network.join(GOOD, keep=False))
            else:
                mac = Wanted(ethernet_mac="02:12:34:56:78:9a")
                scene.network.apply(ALONE if what == "SoftAP" else mac)
            await asyncio.sleep(beginning + milliseconds / 1000)
        if joining is not None:
            await asyncio.gather(joining, return_exceptions=True)
        await asyncio.sleep(20)
        assert scene.ours == []
        assert scene.really() == OWNERS.ssid
        daemon.stop()
        await asyncio.sleep(0)

    run(work())
