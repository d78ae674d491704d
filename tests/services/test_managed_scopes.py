"""What is in force and what is stored: a reset, a kill and a power cut leave the latter."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from gateway.services.api import Address, Credentials, Wanted
from tests.services.fake_daemon import FakeDaemon
from tests.services.fake_profiles import WIRELESS, FakeProfile, unwrapped
from tests.services.managed_world import GOOD, HOME, Scene, on, run, world

MAC = "02:12:34:56:78:9a"
OWN_NAME = "ESP-000001"
FIXED = Address("192.168.77.200", "192.168.77.1", "255.255.255.0")
VALUES = {
    "address": Wanted(station_dhcp=False, station_address=FIXED),
    "name servers": Wanted(dns=("9.9.9.9",)),
    "host name": Wanted(station_host_name="mine"),
    "MAC": Wanted(station_mac=MAC),
}

every_value = pytest.mark.parametrize("asked", VALUES.values(), ids=VALUES.keys())
both_ends = pytest.mark.parametrize("power_cut", [False, True], ids=["kill", "power cut"])


class InForce(NamedTuple):
    """What NetworkManager really does with the station, whatever the network says."""

    ssid: bytes | None
    method: str
    servers: list[str]
    asked_name: str
    mac: str


def in_force(scene: Scene) -> InForce:
    device = scene.daemon.devices["wlan0"]
    ipv4 = unwrapped({key: pair[1] for key, pair in device.applied["ipv4"].items()})
    name = ipv4.get("dhcp-hostname", "")
    return InForce(
        scene.really(),
        ipv4["method"],
        ipv4.get("dns-data", []),
        "" if name.startswith("ESP-") else name,
        device.mac.lower(),
    )


def on_disk(scene: Scene) -> FakeProfile:
    """The one profile of ours that a power cut leaves."""
    (profile,) = (one for one in scene.ours if one.on_disk)
    return profile


def cut_power(daemon: FakeDaemon) -> None:
    """NetworkManager goes, and with it what it only had in memory."""
    daemon.stop()
    daemon.profiles[:] = [one for one in daemon.profiles if one.on_disk]


async def joined(scene: Scene) -> InForce:
    """Join and store an access point; gives what is in force then."""
    await scene.network.join(GOOD, keep=True)
    await scene.settle()
    return in_force(scene)


async def begin_anew(scene: Scene, wanted: Wanted, stored: Credentials) -> None:
    """A reset, after which `wanted` is what is stored."""
    scene.network.end()
    scene.network.begin(scene.recorder, wanted, stored)
    await scene.settle()


@both_ends
@every_value
def test_what_is_not_stored_does_not_outlive_us(
    tmp_path: Path, asked: Wanted, power_cut: bool
) -> None:
    async def work() -> None:
        daemon = world()
        async with on(daemon, folder=tmp_path, killed=True, stops=False) as scene:
            stored = await joined(scene)
            scene.network.apply(replace(asked, stored=Wanted()))
            await scene.settle()
            assert in_force(scene) != stored
        if power_cut:
            cut_power(daemon)
        async with on(daemon, started=power_cut, stored=GOOD, folder=tmp_path) as scene:
            assert in_force(scene) == stored

    run(work())


@both_ends
@every_value
def test_what_is_stored_outlives_us(tmp_path: Path, asked: Wanted, power_cut: bool) -> None:
    async def work() -> None:
        daemon, wanted = world(), replace(asked, stored=asked)
        async with on(daemon, folder=tmp_path, killed=True, stops=False) as scene:
            before = await joined(scene)
            scene.network.apply(wanted)
            await scene.settle()
            stored = in_force(scene)
            assert stored != before
        if power_cut:
            cut_power(daemon)
        async with on(
            daemon, started=power_cut, wanted=wanted, stored=GOOD, folder=tmp_path
        ) as scene:
            assert in_force(scene) == stored

    run(work())


@every_value
def test_without_us_the_host_joins_with_what_is_stored(tmp_path: Path, asked: Wanted) -> None:
    async def work() -> None:
        daemon = world()
        async with on(daemon, folder=tmp_path, killed=True, stops=False) as scene:
            await joined(scene)
            scene.network.apply(replace(asked, stored=asked))
            await scene.settle()
            stored = in_force(scene)
            scene.network.apply(Wanted(stored=asked))
            await scene.settle()
            assert in_force(scene) != stored
        cut_power(daemon)
        async with on(daemon, begun=False, folder=tmp_path) as scene:
            assert in_force(scene) == stored

    run(work())


@every_value
def test_what_is_stored_after_a_restart_of_ours_is_on_disk(tmp_path: Path, asked: Wanted) -> None:
    async def work() -> None:
        daemon = world()
        async with on(daemon, folder=tmp_path, killed=True, stops=False) as scene:
            await joined(scene)
        async with on(
            daemon, started=False, stored=GOOD, folder=tmp_path, killed=True, stops=False
        ) as scene:
            before = in_force(scene)
            scene.network.apply(replace(asked, stored=asked))
            await scene.settle()
            stored = in_force(scene)
            assert stored != before
        cut_power(daemon)
        async with on(daemon, begun=False, folder=tmp_path) as scene:
            assert in_force(scene) == stored

    run(work())


@every_value
def test_what_is_on_disk_is_what_is_stored_and_not_what_is_in_force(asked: Wanted) -> None:
    async def work() -> None:
        async with on(world()) as scene:
            await joined(scene)
            plain = on_disk(scene).settings
            scene.network.apply(replace(asked, stored=Wanted()))
            await scene.settle()
            assert on_disk(scene).settings == plain
            scene.network.apply(replace(asked, stored=asked))
            await scene.settle()
            changed = on_disk(scene).settings
            assert changed != plain
            scene.network.apply(Wanted(stored=asked))
            await scene.settle()
            assert on_disk(scene).settings == changed

    run(work())


@every_value
def test_a_join_stores_what_is_stored_and_not_what_is_in_force(asked: Wanted) -> None:
    async def work() -> None:
        async with on(world(), wanted=replace(asked, stored=Wanted())) as scene:
            await joined(scene)
            stored = on_disk(scene)
            assert scene.runs("wlan0") is not stored
            assert stored.value("ipv4", "method") == "auto"
            assert stored.value("ipv4", "dns-data") is None
            assert stored.value("ipv4", "dhcp-hostname") == OWN_NAME
            assert stored.value(WIRELESS, "assigned-mac-address") is None

    run(work())


@every_value
def test_a_reset_ends_what_is_not_stored_though_the_access_point_stays(asked: Wanted) -> None:
    async def work() -> None:
        async with on(world()) as scene:
            stored = await joined(scene)
            scene.network.apply(replace(asked, stored=Wanted()))
            await scene.settle()
            await begin_anew(scene, Wanted(), GOOD)
            assert in_force(scene) == stored
            assert scene.ssid() == HOME.ssid
            assert scene.network.station.mac == stored.mac

    run(work())
