"""Anything, in any order, at any time: in the end what is said and what is agree."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.services.api import Credentials, ServiceError, Wanted
from gateway.services.network.ownership import OwnershipRecord
from gateway.services.network.release import release
from tests.services.fake_manager import FakeManager
from tests.services.managed_world import (
    CAFE,
    GOOD,
    HOME,
    NOWHERE,
    OPEN,
    OWNER,
    OWNERS,
    WRONG,
    Scene,
    on,
    run,
    world,
)
from tests.services.network_contract import FIXED, SOFTAP, Recorder
from tests.services.test_managed_faults import CALLS

SEEDS = 40
STEPS = 14
# How long a call to NetworkManager takes, in seconds.
PACES = (0.0005, 0.002, 0.05, 0.3)
POINTS = (HOME, CAFE, OWNERS)


class Anything:
    """Does things to a scene by chance, and knows what should have come of them."""

    def __init__(self, scene: Scene, chance: random.Random, *, protects: bool) -> None:
        self.scene = scene
        self.protects = protects
        self.chance = chance
        self.wanted = Wanted()
        self.recorder = scene.recorder
        self.running = True
        self.stuck = False
        self.trace: list[str] = []
        self.joins: set[asyncio.Task[None]] = set()

    async def act(self) -> None:
        """One thing, and then some time."""
        things: list[Callable[[], None]] = [
            *([self.join] * 4),
            self.leave,
            self.apply,
            self.apply,
            self.reset,
            self.lose,
            self.bring,
            self.stop_or_start,
            self.radio,
            self.pull_or_put,
            self.fault,
            self.cable,
        ]
        thing = self.chance.choice(things)
        self.trace.append(thing.__name__)
        thing()
        await asyncio.sleep(self.chance.choice([0.0, 0.001, 0.003, 0.05, 1.0, 4.0, 20.0, 60.0]))

    def join(self) -> None:
        """A join of whatever; it may be cut off."""
        credentials = self.chance.choice([GOOD, OPEN, OWNER, WRONG, NOWHERE])
        keep = self.chance.random() < 0.5
        cut = self.chance.choice([None, None, None, 0.5, 5.0])
        self.trace.append(f"{credentials.ssid!r} keep={keep} cut={cut}")
        task = asyncio.get_running_loop().create_task(self._join(credentials, keep, cut))
        self.joins.add(task)

    async def _join(self, credentials: Credentials, keep: bool, cut: float | None) -> None:
        before = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(cut):
                refused = await self.scene.refusal(credentials, keep=keep)
        except TimeoutError:
            return
        assert asyncio.get_running_loop().time() - before <= 18.0
        assert refused is None or refused.detail

    async def join_well(self) -> None:
        """After all that a join works, if there is a station to join."""
        if self.wanted.station and not self.protects:
            await self.scene.network.join(OPEN, keep=self.chance.random() < 0.5)
            await asyncio.sleep(100)
            assert self.scene.ssid() == CAFE.ssid

    def leave(self) -> None:
        """AT+CWQAP."""
        try:
            self.scene.network.leave()
        except ServiceError:
            assert self.protects
        else:
            assert self.scene.ssid() is None

    def apply(self) -> None:
        """Another mode, address, MAC and so on."""
        choice = self.chance.choice
        wanted = Wanted(
            station=choice([True, True, True, False]),
            softap_mode=choice([True, False]),
            softap=choice([None, SOFTAP, replace(SOFTAP, ssid=b"another")]),
            station_dhcp=(dhcp := choice([True, False])),
            station_address=None if dhcp else FIXED,
            dns=choice([(), ("9.9.9.9",)]),
            station_mac=choice([None, None, "02:12:34:56:78:9a"]),
            ethernet_mac=choice([None, None, None, "02:12:34:56:78:9b"]),
            station_host_name=choice([None, "oven"]),
            autoconnect=choice([True, False]),
        )
        self.wanted = wanted
        try:
            self.scene.network.check(wanted)
        except ServiceError:
            self.wanted = wanted = replace(wanted, station=True, softap_mode=False)
        self.scene.network.apply(wanted)

    def reset(self) -> None:
        """A session ends, and another one begins."""
        self.scene.network.end()
        stored = self.chance.choice([None, GOOD, OPEN, WRONG])
        self.wanted = Wanted()
        self.recorder = Recorder()
        self.trace.append(f"stored={stored and stored.ssid!r}")
        self.scene.network.begin(self.recorder, self.wanted, stored)

    def lose(self) -> None:
        """An access point goes."""
        self.scene.daemon.air.remove(self.chance.choice(POINTS).ssid)

    def bring(self) -> None:
        """An access point comes."""
        self.scene.daemon.air.add(self.chance.choice(POINTS))

    def stop_or_start(self) -> None:
        """NetworkManager goes or comes."""
        if self.running:
            self.scene.manager.stop()
        else:
            self.scene.daemon.start()
        self.running = not self.running

    def radio(self) -> None:
        """Rfkill."""
        if self.running:
            self.scene.daemon.switch_wireless(not self.scene.daemon.wireless)

    def pull_or_put(self) -> None:
        """The radio is pulled out of the machine, or put back."""
        if not self.running:
            return
        if "wlan0" in self.scene.daemon.devices:
            self.scene.daemon.remove_device("wlan0")
        else:
            self.scene.daemon.add_device("wlan0")

    def fault(self) -> None:
        """A call goes wrong."""
        manager, name = self.scene.manager, self.chance.choice(CALLS)
        self.trace.append(name)
        # An address that NetworkManager would not change is logged, shown, and left at that.
        self.stuck = self.stuck or name in ("applied", "reapply")
        hands = (manager.fail_next, manager.hang_next, manager.lose_next_answer)
        self.chance.choice(hands)(name)

    def cable(self) -> None:
        """The cable."""
        if self.running:
            self.scene.daemon.plug(not self.scene.daemon.plugged)

    async def calm(self) -> None:
        """All is mended, and nothing happens for a while."""
        self.mend()
        # A radio that is joined does not look around by itself.
        self.scene.daemon.look()
        await asyncio.sleep(200)
        await asyncio.gather(*self.joins)

    def mend(self) -> None:
        """Everything is there and works."""
        self.scene.manager.heal()
        if not self.running:
            self.stop_or_start()
        if not self.scene.daemon.wireless:
            self.radio()
        if not self.scene.daemon.plugged:
            self.cable()
        if "wlan0" not in self.scene.daemon.devices:
            self.pull_or_put()
        for point in POINTS:
            self.scene.daemon.air.add(point)


def check(anything: Anything) -> None:
    """What is said is what is."""
    scene, wanted = anything.scene, anything.wanted
    if wanted.station:
        assert scene.ssid() == scene.really()
    else:
        assert scene.ssid() is None
    # A protected connection of the owner's stays in a mode without station, and is not shown.
    stays = not wanted.station and scene.really() is not None
    assert not stays or (anything.protects and scene.really() == OWNERS.ssid)
    passing = [one for one in scene.ours if not one.on_disk and not one.opens_access_point]
    assert len([one for one in passing if one.value("connection", "type") != "802-3-ethernet"]) <= 1
    assert len([one for one in scene.ours if one.on_disk]) <= 1
    beside = "ap0" in scene.daemon.devices
    opened = scene.runs("ap0" if beside else "wlan0")
    assert scene.on_air() == (opened is not None and opened.opens_access_point)
    asked = wanted.softap_mode and wanted.softap is not None
    assert scene.on_air() == (asked and (beside or not (wanted.station or stays)))
    if scene.ssid() is not None:
        device = scene.daemon.devices["wlan0"]
        if not anything.stuck:
            assert (scene.address() == FIXED) == (not wanted.station_dhcp)
        assert scene.network.station.mac == (wanted.station_mac or device.mac.lower())
        (config,) = scene.manager.objects[device.ip_path].values()
        address = scene.address()
        assert address is not None
        assert address.ip == config["AddressData"][0]["address"]
    told = [one for one in anything.recorder.events if one in ("connected", "lost")]
    assert told == ["connected", "lost"] * (len(told) // 2) + ["connected"] * (len(told) % 2)
    assert (len(told) % 2 == 1) == (scene.ssid() is not None)


async def anything_goes(seed: int) -> None:
    """One life of a gateway."""
    chance = random.Random(seed)
    owner, ap0 = chance.random() < 0.7, chance.random() < 0.6
    protects = chance.random() < 0.15
    daemon = world(HOME, CAFE, owner=owner, ap0=ap0)
    async with on(daemon, begun=False, stops=False, protect_owner=protects) as scene:
        scene.manager.call_seconds = chance.choice(PACES)
        scene.network.begin(scene.recorder, Wanted(), None)
        anything = Anything(scene, chance, protects=protects)
        try:
            for _ in range(STEPS):
                await anything.act()
            await anything.calm()
            check(anything)
            await anything.join_well()
            check(anything)
        except AssertionError as error:
            error.add_note(f"seed {seed}: {' · '.join(anything.trace)}")
            raise
    await asyncio.sleep(60)
    assert [one for one in scene.ours if not one.on_disk] == [], f"seed {seed}"
    assert all(device.connects_by_itself for device in daemon.devices.values()), f"seed {seed}"
    assert not owner or scene.really() == OWNERS.ssid, f"seed {seed}"
    daemon.stop()
    await asyncio.sleep(0)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_anything_goes(seed: int, caplog: pytest.LogCaptureFixture) -> None:
    run(anything_goes(seed))
    for record in caplog.records:
        assert record.exc_info is None, record.getMessage()


async def killed_at_any_time(seed: int, folder: Path) -> None:
    """A life that ends by a kill; `release`, which runs after it, gives everything back."""
    chance = random.Random(seed)
    daemon = world(HOME, CAFE, owner=True, ap0=chance.random() < 0.6)
    async with on(daemon, begun=False, stops=False, killed=True, folder=folder) as scene:
        scene.manager.call_seconds = chance.choice(PACES)
        scene.network.begin(scene.recorder, Wanted(), None)
        anything = Anything(scene, chance, protects=False)
        for _ in range(chance.randint(2, 8)):
            await anything.act()
        await asyncio.sleep(chance.choice([0.0, 0.001, 0.003, 0.05, 1.0, 2.0, 3.003, 3.005]))
    for joining in anything.joins:
        joining.cancel()
    await asyncio.gather(*anything.joins, return_exceptions=True)
    await scene.manager.close()
    anything.mend()
    await asyncio.sleep(chance.choice([5.0, 60.0]))
    manager = FakeManager(daemon)
    await manager.start()
    await asyncio.sleep(1)
    before = asyncio.get_running_loop().time()
    await release(manager, OwnershipRecord(folder))
    assert asyncio.get_running_loop().time() - before < 10
    await manager.close()
    await asyncio.sleep(30)
    note = f"seed {seed}: {' · '.join(anything.trace)}"
    assert [one for one in scene.ours if not one.on_disk] == [], note
    assert all(device.connects_by_itself for device in daemon.devices.values()), note
    stored = [one.ssid for one in scene.ours]
    assert scene.really() in (OWNERS.ssid, *stored), note
    daemon.stop()
    await asyncio.sleep(0)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_kill_at_any_time_is_made_good(seed: int, tmp_path: Path) -> None:
    run(killed_at_any_time(seed, tmp_path))
