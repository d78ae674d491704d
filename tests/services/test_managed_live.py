"""A live connection is changed, deleted or lost, and nothing is said or lost by it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.services.api import Address, Wanted
from gateway.services.network.manager import Profile
from tests.services.managed_world import GOOD, HOME, Scene, on, run, world

NAME = "ESP-000001"
FIXED = Address("192.168.77.200", "192.168.77.1", "255.255.255.0")


def host_name(scene: Scene) -> str:
    """The name that the station's live connection tells DHCP servers."""
    return str(scene.daemon.devices["wlan0"].applied["ipv4"]["dhcp-hostname"][1])


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        (Wanted(station_dhcp=False, station_address=FIXED), NAME),
        (Wanted(dns=("9.9.9.9",)), NAME),
        (Wanted(station_host_name="oven"), "oven"),
    ],
)
def test_a_change_keeps_the_host_name_that_was_not_asked_for(asked: Wanted, name: str) -> None:
    async def work() -> None:
        async with on(world()) as scene:
            await scene.network.join(GOOD, keep=False)
            assert host_name(scene) == NAME
            scene.network.apply(asked)
            await scene.settle()
            assert host_name(scene) == name
            scene.network.apply(Wanted())
            await scene.settle()
            assert host_name(scene) == NAME

    run(work())


@pytest.mark.parametrize("owner", [False, True])
@pytest.mark.parametrize("keep", [False, True])
def test_a_profile_that_is_deleted_is_no_connection_by_hand(
    owner: bool, keep: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        async with on(world(HOME, owner=owner)) as scene:
            await scene.network.join(GOOD, keep=keep)
            await scene.settle()
            (ours,) = scene.ours
            scene.daemon.delete_profile(ours.path)
            await scene.settle()
            assert scene.really() == HOME.ssid
            assert "by hand" not in caplog.text

    with caplog.at_level("INFO", "gateway.network"):
        run(work())


def test_a_loss_while_it_is_stored_is_no_alarm(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        async with on(world()) as scene:
            store = scene.manager.update_profile

            async def slowly(path: str, profile: Profile, *, on_disk: bool) -> None:
                await asyncio.sleep(18)
                await store(path, profile, on_disk=on_disk)

            manager: Any = scene.manager
            manager.update_profile = slowly
            await scene.network.join(GOOD, keep=True)
            scene.daemon.lose(HOME.ssid)
            await asyncio.sleep(60)
            assert scene.manager.asked("reapply") == []
            assert "not activated" not in caplog.text

    with caplog.at_level("INFO", "gateway.network"):
        run(work())
