"""A SoftAP that cannot be opened, or may not be: said once, tried again, and little is written."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.services.api import Wanted
from gateway.services.atomic_file import replace_file
from gateway.services.network import ownership
from gateway.services.network.interfaces import NetworkInterfaces
from gateway.services.network.managed_softap import PROTECTED, ManagedSoftAp
from gateway.services.network.ownership import OwnershipRecord
from tests.services.fake_daemon import FakeDaemon
from tests.services.fake_manager import FakeManager
from tests.services.fake_states import FakeActive, Reason
from tests.services.managed_world import OWNERS, Scene, on, run, world
from tests.services.network_contract import SOFTAP

ALONE = Wanted(station=False, softap_mode=True, softap=SOFTAP)
BOTH = Wanted(softap_mode=True, softap=SOFTAP)


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was said of things that went wrong."""
    return [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING]


def opened(scene: Scene, interface: str) -> bool:
    """Whether an access point is really on the air there."""
    profile = scene.runs(interface)
    return profile is not None and profile.opens_access_point


@pytest.mark.parametrize("when", ["at the start", "while NetworkManager was away"])
def test_without_the_second_interface_it_is_said_once_and_opened_when_that_comes(
    when: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        late = when != "at the start"
        daemon = world()
        async with on(daemon, wanted=Wanted() if late else BOTH) as scene:
            if late:
                scene.manager.stop()
                scene.network.check(BOTH)
                scene.network.apply(BOTH)
                daemon.start()
                await scene.settle()
            scene.network.apply(replace(BOTH, dns=("9.9.9.9",)))
            await asyncio.sleep(2000)
            assert not scene.on_air()
            (told,) = errors(caplog)
            assert "ap0" in told
            daemon.add_device("ap0")
            await scene.settle()
            assert scene.on_air()
            assert opened(scene, "ap0")

    run(work())


def test_a_second_interface_that_comes_while_networkmanager_starts_is_waited_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def work() -> None:
        daemon = world()
        async with on(daemon, started=False, wanted=BOTH) as scene:
            daemon.start()
            await asyncio.sleep(5)
            daemon.add_device("ap0")
            await scene.settle()
            assert opened(scene, "ap0")
        assert errors(caplog) == []

    run(work())


@pytest.mark.parametrize("fault", ["activate", "add_profile", "activation"])
@pytest.mark.parametrize("ap0", [False, True])
def test_what_cannot_be_opened_is_written_down_once(
    ap0: bool, fault: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    writes: list[str] = []

    def counted(file: Path, text: str) -> None:
        writes.append(text)
        replace_file(file, text)

    async def fails(active: FakeActive) -> Reason:
        await asyncio.sleep(1)
        return Reason.IP_CONFIG_UNAVAILABLE

    async def work() -> None:
        async with on(world(ap0=ap0)) as scene:
            device = scene.daemon.devices["ap0" if ap0 else "wlan0"]
            if fault == "activation":
                monkeypatch.setattr(device, "run", fails)
            else:
                scene.manager.fail_always(fault)
            scene.network.apply(BOTH if ap0 else ALONE)
            await scene.settle()
            tries = len(scene.manager.asked("activate", "add_profile"))
            writes.clear()
            await asyncio.sleep(2000)
            assert 50 < len(scene.manager.asked("activate", "add_profile")) - tries < 80
            assert writes == []
            assert not scene.on_air()
            assert len(errors(caplog)) == 1
            scene.manager.heal()
            monkeypatch.undo()
            await scene.settle()
            assert scene.on_air()
            assert opened(scene, device.interface)
            assert len(scene.ours) == 1
            scene.network.apply(Wanted())
            await scene.settle()
            assert scene.ours == []
            held = scene.record.held
            assert ("ap0" in held) == ap0
            assert scene.record.profiles() == frozenset()

    monkeypatch.setattr(ownership, "replace_file", counted)
    run(work())


@pytest.mark.parametrize("answer", ["hang_next", "lose_next_answer"])
def test_one_that_may_have_been_made_is_found_again(answer: str) -> None:
    async def work() -> None:
        async with on(world(ap0=True)) as scene:
            getattr(scene.manager, answer)("add_profile")
            scene.network.apply(BOTH)
            await scene.settle()
            assert opened(scene, "ap0")
            assert len(scene.ours) == 1
            scene.network.apply(Wanted())
            await scene.settle()
            assert scene.ours == []
            assert scene.record.profiles() == frozenset()

    run(work())


@pytest.mark.parametrize("pace", [0.0005, 0.002, 0.05, 0.3])
def test_the_station_has_left_before_it_takes_the_radio(
    pace: float, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing takes its place, and the owner's network comes back."""

    async def work() -> None:
        daemon = world(owner=True)
        async with on(daemon, stops=False) as scene:
            scene.manager.call_seconds = pace
            scene.network.apply(ALONE)
            await scene.settle()
            assert opened(scene, "wlan0")
            (ours,) = scene.ours
            activated = [name for _call, name in scene.manager.asked("activate")]
            assert activated.index(ours.name) == len(activated) - 1
        await asyncio.sleep(30)
        assert scene.really() == OWNERS.ssid
        daemon.stop()
        await asyncio.sleep(0)

    run(work())
    assert errors(caplog) == []


class Ear:
    """Tells a SoftAP what NetworkManager does, as a ManagedNetwork would."""

    def __init__(self, softap: ManagedSoftAp) -> None:
        self.softap = softap
        self.was_present = False

    def manager_changed(self) -> None:
        if not self.was_present:
            self.was_present = True
            self.softap.manager_came_or_went()
        self.softap.refresh()

    def device_state_changed(self, device: str, new: int, old: int, reason: int) -> None:
        self.softap.refresh()


@asynccontextmanager
async def protected(daemon: FakeDaemon, folder: Path) -> AsyncIterator[ManagedSoftAp]:
    """A SoftAP without station, in a gateway that starts together with NetworkManager."""
    manager = FakeManager(daemon)
    softap = ManagedSoftAp(
        manager,
        NetworkInterfaces(),
        OwnershipRecord(folder),
        share_uplink=False,
        protect_owner=True,
    )
    manager.listen(Ear(softap), lambda uuid: False)
    await manager.start()
    softap.start()
    softap.apply(ALONE)
    daemon.start()
    try:
        yield softap
    finally:
        await softap.close()
        await manager.close()
        daemon.stop()
        await asyncio.sleep(0)


def on_radio(daemon: FakeDaemon) -> bytes | None:
    """What the radio has joined or opened."""
    active = daemon.devices["wlan0"].active
    return None if active is None else active.profile.ssid


def test_a_protected_connection_is_not_taken_at_a_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        daemon = world(owner=True)
        async with protected(daemon, tmp_path) as softap:
            for _ in range(40):
                await asyncio.sleep(0.5)
                assert on_radio(daemon) in (None, OWNERS.ssid)
            await asyncio.sleep(300)
            assert on_radio(daemon) == OWNERS.ssid
            assert not softap.state.on_air
            assert errors(caplog) == [f"the SoftAP is not on the air, trying again: {PROTECTED}"]
            assert len(daemon.profiles) == 2
            daemon.lose(OWNERS.ssid)
            await asyncio.sleep(100)
            assert on_radio(daemon) == SOFTAP.ssid
            assert softap.state.on_air

    run(work())


def test_where_there_is_nothing_to_protect_it_opens(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        daemon = world()
        async with protected(daemon, tmp_path) as softap:
            await asyncio.sleep(60)
            assert on_radio(daemon) == SOFTAP.ssid
            assert softap.state.on_air
        assert errors(caplog) == []

    run(work())
