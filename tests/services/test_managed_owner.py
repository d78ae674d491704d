"""What belongs to the owner: given back as it was, and not taken where that is forbidden."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gateway.services.api import (
    Address,
    Credentials,
    Encryption,
    ServiceError,
    SoftApSettings,
    Wanted,
)
from tests.services.managed_world import GOOD, HOME, OWNERS, Scene, on, run, world

FIXED = Wanted(
    station_dhcp=False,
    station_address=Address("192.168.99.200", "192.168.99.1", "255.255.255.0"),
    dns=("9.9.9.9",),
)
SOFTAP_ONLY = Wanted(
    station=False,
    softap_mode=True,
    softap=SoftApSettings(b"gateway", b"longenough", 5, Encryption.WPA2),
)
MAC = "02:12:34:56:78:9a"


def method(scene: Scene) -> str:
    """How the station's live connection really comes to its address."""
    ipv4 = scene.daemon.devices["wlan0"].applied["ipv4"]
    return str(ipv4["method"][1])


async def begin_anew(scene: Scene, wanted: Wanted, stored: Credentials | None = None) -> None:
    """A reset, after which `wanted` is what is stored."""
    scene.network.end()
    scene.network.begin(scene.recorder, wanted, stored)
    await scene.settle()


@pytest.mark.parametrize("stored", [False, True])
def test_what_the_owner_connects_by_hand_stays_until_it_is_asked_for_something_else(
    stored: bool,
) -> None:
    async def work() -> None:
        daemon = world(HOME, owner=True)
        async with on(daemon, stored=GOOD if stored else None) as scene:
            await scene.network.join(GOOD, keep=stored)
            await scene.settle()
            scene.recorder.clear()
            owners = next(one for one in daemon.profiles if one.name == "owner's")
            daemon.activate(owners.path, daemon.devices["wlan0"].path, "/")
            await scene.settle()
            assert scene.really() == scene.ssid() == OWNERS.ssid
            assert scene.recorder.events == ["lost", "connected", "got address"]
            assert [one.on_disk for one in scene.ours] == ([True] if stored else [])
            await begin_anew(scene, Wanted(), GOOD if stored else None)
            assert scene.really() == (HOME if stored else OWNERS).ssid

    run(work())


def test_a_stop_gives_the_owners_connection_its_own_addresses_back() -> None:
    async def work() -> None:
        daemon = world(owner=True)
        async with on(daemon, stops=False) as scene:
            scene.network.apply(FIXED)
            await scene.settle()
            assert method(scene) == "manual"
        assert scene.really() == OWNERS.ssid
        assert method(scene) == "auto"
        assert scene.record.empty
        await _stop(scene)

    run(work())


def test_what_a_kill_left_of_addresses_goes_at_the_next_start(tmp_path: Path) -> None:
    async def work() -> None:
        daemon = world(owner=True)
        async with on(daemon, stops=False, killed=True, folder=tmp_path) as killed:
            killed.network.apply(FIXED)
            await killed.settle()
        async with on(daemon, started=False, stops=False, folder=tmp_path) as scene:
            assert scene.really() == OWNERS.ssid
            assert method(scene) == "auto"
            assert scene.record.empty
        await _stop(scene)

    run(work())


def test_a_protected_connection_is_not_left_for_a_stored_mode() -> None:
    async def work() -> None:
        async with on(world(owner=True), protect_owner=True) as scene:
            with pytest.raises(ServiceError, match="protect_owner"):
                scene.network.check(SOFTAP_ONLY)
            await begin_anew(scene, SOFTAP_ONLY)
            assert scene.really() == OWNERS.ssid
            assert not scene.on_air()
            scene.network.apply(replace(SOFTAP_ONLY, dns=("9.9.9.9",)))
            await scene.settle()
            assert scene.really() == OWNERS.ssid

    run(work())


def test_a_protected_cable_keeps_its_connection_and_mac() -> None:
    async def work() -> None:
        async with on(world(owner=True), protect_owner=True) as scene:
            with pytest.raises(ServiceError, match="protect_owner"):
                scene.network.check(Wanted(ethernet_mac=MAC))
            await begin_anew(scene, Wanted(ethernet_mac=MAC))
            assert scene.daemon.devices["eth0"].mac.lower() != MAC
            profile = scene.runs("eth0")
            assert profile is not None
            assert profile.name == "Wired connection 1"

    run(work())


def test_autoconnect_counts_for_what_is_on_disk_also_when_away() -> None:
    async def work() -> None:
        async with on(world(HOME)) as scene:
            await scene.network.join(GOOD, keep=True)
            scene.network.leave()
            scene.network.apply(Wanted(autoconnect=False))
            await scene.settle()
            (stored,) = scene.ours
            assert stored.on_disk
            assert stored.value("connection", "autoconnect") is False

    run(work())


async def _stop(scene: Scene) -> None:
    scene.daemon.stop()
    await scene.settle()
