"""A module that is held in reset, on NetworkManager: off the air, and the owner's network back."""

from __future__ import annotations

import asyncio

from gateway.services.api import Encryption, SoftApSettings, Wanted
from gateway.services.reset_line import OFF_SECONDS, ResetLine, out_of_reset
from tests.harness import FakeLine
from tests.services.managed_world import GOOD, HOME, OWNERS, SETTLE_SECONDS, on, run, world
from tests.services.network_contract import Recorder
from tests.services.test_pins_reset_line import Wire

BOTH = Wanted(softap_mode=True, softap=SoftApSettings(b"module", b"password", 6, Encryption.WPA2))


def test_held_in_reset_it_gives_the_radio_back_until_it_is_let_go() -> None:
    async def work() -> None:
        async with on(world(owner=True, ap0=True), wanted=BOTH, stored=GOOD) as scene:
            assert (scene.really(), scene.on_air()) == (HOME.ssid, True)
            pin = Wire(low=True)
            reset_line = ResetLine((pin,))
            scene.network.end()
            held = asyncio.create_task(out_of_reset(reset_line, FakeLine(), scene.network))
            await asyncio.sleep(OFF_SECONDS / 2)
            assert (scene.really(), scene.on_air()) == (HOME.ssid, True)
            await asyncio.sleep(SETTLE_SECONDS)
            assert (scene.really(), scene.on_air()) == (OWNERS.ssid, False)
            assert scene.runs("ap0") is None
            assert scene.ours == []
            pin.drive(low=False)
            await held
            reset_line.close()
            after = Recorder()
            scene.network.begin(after, BOTH, GOOD)
            await scene.settle()
            assert (scene.really(), scene.on_air()) == (HOME.ssid, True)
            assert scene.recorder.events == []

    run(work())
