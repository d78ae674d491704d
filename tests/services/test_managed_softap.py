"""The SoftAP that NetworkManager opens: alone on the radio, and beside the station."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.services.api import (
    Address,
    Encryption,
    Interface,
    ServiceError,
    SoftApSettings,
    Wanted,
)
from gateway.services.network.manager import DeviceState
from gateway.services.network.ownership import OwnershipRecord
from gateway.services.network.release import release
from tests.services.fake_manager import FakeManager
from tests.services.fake_profiles import FakeProfile
from tests.services.managed_world import (
    CAFE,
    GOOD,
    HOME,
    OWNERS,
    Scene,
    on,
    owners_wifi,
    run,
    world,
)
from tests.services.network_contract import SOFTAP, Recorder

ALONE = Wanted(station=False, softap_mode=True, softap=SOFTAP)
BOTH = Wanted(softap_mode=True, softap=SOFTAP)
MAC = "02:12:34:56:78:9a"


def opened(scene: Scene, interface: str) -> FakeProfile | None:
    """The profile by which an access point is really on the air there."""
    profile = scene.runs(interface)
    return profile if profile is not None and profile.opens_access_point else None


@pytest.mark.parametrize("ap0", [False, True])
def test_alone_it_takes_the_radio_or_the_interface_made_for_it(ap0: bool) -> None:
    async def work() -> None:
        async with on(world(owner=True, ap0=ap0)) as scene:
            scene.network.check(ALONE)
            scene.network.apply(ALONE)
            assert scene.on_air()
            assert scene.network.softap.address == Address(
                "192.168.4.1", "192.168.4.1", "255.255.255.0"
            )
            assert scene.ssid() is None
            await scene.settle()
            profile = opened(scene, "ap0" if ap0 else "wlan0")
            assert profile is not None
            assert profile.ssid == SOFTAP.ssid
            assert profile.password == SOFTAP.password
            assert profile.value("802-11-wireless", "channel") == SOFTAP.channel
            assert profile.value("ipv4", "method") == "shared"
            assert not profile.on_disk
            assert scene.recorder.events == ["lost"]
            assert scene.network.interface_of("192.168.4.1") is Interface.SOFTAP
            scene.network.apply(Wanted())
            await scene.settle()
            assert opened(scene, "ap0" if ap0 else "wlan0") is None
            assert not scene.on_air()
            assert scene.ours == []
            # The microcontroller left the owner's network: it stays away until a join.
            assert scene.really() is None
            await scene.network.join(GOOD, keep=False)

    run(work())


def test_both_at_once_on_one_radio_and_one_channel() -> None:
    async def work() -> None:
        async with on(world(ap0=True)) as scene:
            scene.network.apply(BOTH)
            await scene.settle()
            profile = opened(scene, "ap0")
            assert profile is not None
            assert profile.value("802-11-wireless", "channel") == SOFTAP.channel
            await scene.network.join(GOOD, keep=False)
            await scene.settle()
            profile = opened(scene, "ap0")
            assert profile is not None
            assert profile.value("802-11-wireless", "channel") == 6
            assert scene.really() == scene.ssid() == HOME.ssid
            scene.network.leave()
            await scene.settle()
            assert opened(scene, "ap0") is not None
            assert scene.on_air()

    run(work())


@pytest.mark.parametrize("how", ["close", "stop", "kill"])
def test_an_interface_that_was_left_alone_is_left_alone_again(how: str, tmp_path: Path) -> None:
    """NetworkManager does not even scan on it while the SoftAP is off."""

    async def work() -> None:
        daemon = world(owner=True, ap0=True)
        daemon.unmanaged.add("ap0")
        folder, killed = tmp_path / "state", how == "kill"
        async with on(daemon, folder=folder, killed=killed, stops=False) as scene:
            device = daemon.devices["ap0"]

            def is_left_alone() -> bool:
                return device.state == DeviceState.UNMANAGED

            assert is_left_alone()
            assert scene.manager.asked("set_managed", "set_autoconnect") == []
            scene.network.apply(BOTH)
            await scene.settle()
            assert opened(scene, "ap0") is not None
            assert ("set_autoconnect", "ap0 False") in scene.manager.calls
            if how == "close":
                scene.network.apply(Wanted())
                await scene.settle()
                assert is_left_alone()
        manager = FakeManager(daemon)
        await manager.start()
        await asyncio.sleep(1)
        await release(manager, OwnershipRecord(folder))
        await asyncio.sleep(10)
        assert is_left_alone()
        assert device.connects_by_itself
        assert OwnershipRecord(folder).empty
        await manager.close()
        daemon.stop()

    run(work())


def test_both_at_once_without_the_second_interface_is_refused() -> None:
    async def work() -> None:
        async with on(world()) as scene:
            with pytest.raises(ServiceError, match="ap0"):
                scene.network.check(BOTH)
            scene.network.apply(BOTH)
            await scene.settle()
            assert not scene.on_air()
            await scene.network.join(GOOD, keep=False)
            assert scene.really() == HOME.ssid

    run(work())


def test_a_protected_radio_is_not_taken() -> None:
    async def work() -> None:
        async with on(world(owner=True), protect_owner=True) as scene:
            with pytest.raises(ServiceError, match="protect_owner"):
                scene.network.check(ALONE)
            assert scene.really() == OWNERS.ssid

    run(work())


@pytest.mark.parametrize(
    "changed",
    [
        replace(SOFTAP, ssid=b"another"),
        replace(SOFTAP, password=b""),
        replace(SOFTAP, password=b"another password"),
        replace(SOFTAP, channel=11, hidden=True),
        SoftApSettings(b"old", b"longenough", 1, Encryption.WPA_WPA2),
    ],
)
def test_what_is_changed_is_on_the_air_soon(changed: SoftApSettings) -> None:
    async def work() -> None:
        async with on(world(ap0=True), wanted=BOTH) as scene:
            scene.network.apply(replace(BOTH, softap=changed))
            await scene.settle()
            profile = opened(scene, "ap0")
            assert profile is not None
            assert profile.ssid == changed.ssid
            assert profile.password == changed.password
            assert profile.value("802-11-wireless", "channel") == changed.channel
            assert bool(profile.value("802-11-wireless", "hidden")) is changed.hidden
            assert len(scene.ours) == 1

    run(work())


def test_address_dhcp_and_mac_are_as_set() -> None:
    async def work() -> None:
        address = Address("10.5.5.1", "10.5.5.1", "255.255.0.0")
        wanted = replace(BOTH, softap_address=address, softap_dhcp=False, softap_mac=MAC)
        async with on(world(ap0=True), wanted=BOTH) as scene:
            scene.network.apply(wanted)
            assert scene.network.softap.address == address
            assert scene.network.softap.mac == MAC
            await scene.settle()
            profile = opened(scene, "ap0")
            assert profile is not None
            assert profile.value("ipv4", "method") == "manual"
            (entry,) = profile.value("ipv4", "address-data")
            assert (entry["address"][1], entry["prefix"][1]) == ("10.5.5.1", 16)
            assert scene.daemon.devices["ap0"].mac == MAC.upper()

    run(work())


def test_what_does_not_concern_it_does_not_disturb_it() -> None:
    async def work() -> None:
        async with on(world(ap0=True), wanted=BOTH) as scene:
            calls = len(scene.manager.asked("activate", "add_profile", "delete_profile"))
            scene.network.apply(replace(BOTH, dns=("9.9.9.9",), station_host_name="oven"))
            await scene.settle()
            scene.network.end()
            scene.network.begin(Recorder(), BOTH, None)
            await scene.settle()
            assert len(scene.manager.asked("activate", "add_profile", "delete_profile")) == calls
            assert opened(scene, "ap0") is not None

    run(work())


def test_it_is_on_the_air_again_after_networkmanager_was_away() -> None:
    async def work() -> None:
        async with on(world(ap0=True), wanted=BOTH) as scene:
            scene.manager.stop()
            await asyncio.sleep(100)
            scene.daemon.start()
            await scene.settle()
            assert opened(scene, "ap0") is not None
            assert len(scene.ours) == 1

    run(work())


def test_it_is_opened_again_when_something_ended_it() -> None:
    async def work() -> None:
        async with on(world(ap0=True), wanted=BOTH) as scene:
            device = scene.daemon.devices["ap0"]
            assert device.active is not None
            scene.daemon.deactivate(device.active.path)
            await scene.settle()
            assert opened(scene, "ap0") is not None
            scene.daemon.remove_device("ap0")
            await scene.settle()
            assert not scene.on_air()
            scene.daemon.add_device("ap0")
            await scene.settle()
            assert opened(scene, "ap0") is not None
            assert scene.on_air()
            assert len(scene.ours) == 1

    run(work())


@pytest.mark.parametrize("killed", [False, True])
@pytest.mark.parametrize("ap0", [False, True])
def test_nothing_of_it_stays(ap0: bool, killed: bool, tmp_path: Path) -> None:
    async def work() -> None:
        daemon = world(owner=True, ap0=ap0)
        async with on(daemon, wanted=ALONE, stops=False, killed=killed, folder=tmp_path) as scene:
            assert opened(scene, "ap0" if ap0 else "wlan0") is not None
        if killed:
            manager = FakeManager(daemon)
            await manager.start()
            await asyncio.sleep(1)
            await release(manager, OwnershipRecord(tmp_path))
            await manager.close()
        await asyncio.sleep(30)
        assert scene.ours == []
        assert scene.really() == OWNERS.ssid
        daemon.stop()
        await asyncio.sleep(0)

    run(work())


def test_no_network_of_the_owners_comes_up_on_its_interface() -> None:
    async def work() -> None:
        daemon = world(owner=True, ap0=True)
        async with on(daemon) as scene:
            daemon.owner_adds(owners_wifi(CAFE, interface=""))
            await asyncio.sleep(60)
            assert scene.really() == OWNERS.ssid
            assert daemon.devices["ap0"].active is None

    run(work())


def test_what_cannot_be_opened_is_tried_with_back_off_whatever_else_happens() -> None:
    async def work() -> None:
        async with on(world(ap0=True)) as scene:
            scene.manager.fail_always("activate")
            scene.network.apply(BOTH)
            for strength in range(30, 80):
                scene.daemon.air.add(replace(HOME, strength=strength))
                scene.daemon.look()
                await asyncio.sleep(1)
            assert len(scene.manager.asked("activate")) < 10
            assert not scene.on_air()
            scene.manager.heal()
            await scene.settle()
            assert scene.on_air()
            assert opened(scene, "ap0") is not None
            assert len(scene.ours) == 1

    run(work())
