"""The station's addresses, name servers, host name and MAC, changed while it is joined."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from gateway.services.api import Address, Wanted
from tests.services.fake_air import lease
from tests.services.managed_world import GOOD, HOME, OWNERS, Scene, on, run, world

FIXED = Address("192.168.77.200", "192.168.77.1", "255.255.255.0")
STATIC = Wanted(station_dhcp=False, station_address=FIXED)
MAC = "02:12:34:56:78:9a"


def real_address(scene: Scene) -> str | None:
    """The first address that the radio really has."""
    device = scene.daemon.devices["wlan0"]
    config = scene.manager.objects[f"{device.ip_path}"]
    (properties,) = config.values()
    return next((entry["address"] for entry in properties["AddressData"]), None)


@pytest.mark.parametrize("owner", [False, True])
def test_a_static_address_there_and_back(owner: bool) -> None:
    async def work() -> None:
        async with on(world(owner=owner)) as scene:
            if not owner:
                await scene.network.join(GOOD, keep=False)
                scene.recorder.clear()
            leased = scene.network.station
            fixed = FIXED if not owner else replace(FIXED, ip="192.168.99.200")
            profiles = [(one.uuid, one.settings) for one in scene.daemon.profiles]
            scene.network.apply(Wanted(station_dhcp=False, station_address=fixed))
            assert scene.address() == fixed
            await scene.recorder.until("got address")
            assert real_address(scene) == fixed.ip
            scene.network.apply(Wanted())
            await scene.recorder.until("got address")
            assert scene.network.station == leased
            assert real_address(scene) == (leased.address.ip if leased.address else None)
            await scene.settle()
            assert scene.recorder.events == []
            if owner:
                assert [(one.uuid, one.settings) for one in scene.daemon.profiles] == profiles
                assert scene.really() == OWNERS.ssid

    run(work())


def test_a_join_with_a_static_address_has_it_at_once() -> None:
    async def work() -> None:
        async with on(world(), wanted=STATIC) as scene:
            await scene.network.join(GOOD, keep=False)
            assert scene.address() == FIXED
            assert real_address(scene) == FIXED.ip
            assert scene.recorder.events == ["connected"]
            assert scene.manager.asked("reapply") == []

    run(work())


def test_the_owners_connection_is_not_changed_by_what_was_not_asked() -> None:
    async def work() -> None:
        async with on(world(owner=True)) as scene:
            scene.network.apply(Wanted(softap_dhcp=False, ethernet_dhcp=False))
            scene.network.apply(Wanted(autoconnect=False))
            await scene.settle()
            assert scene.manager.asked("reapply", "update_profile", "set_autoconnect") == []
            assert scene.recorder.events == []

    run(work())


def test_name_servers_of_the_user_are_used_alone() -> None:
    async def work() -> None:
        async with on(world(owner=True)) as scene:
            scene.network.apply(Wanted(dns=("9.9.9.9", "1.1.1.1")))
            assert scene.dns() == ("9.9.9.9", "1.1.1.1")
            await scene.settle()
            device = scene.daemon.devices["wlan0"]
            (properties,) = scene.manager.objects[device.ip_path].values()
            assert properties["NameserverData"] == [{"address": "9.9.9.9"}, {"address": "1.1.1.1"}]
            scene.network.apply(Wanted())
            await scene.settle()
            (properties,) = scene.manager.objects[device.ip_path].values()
            assert properties["NameserverData"] == [{"address": "192.168.99.1"}]
            assert scene.dns() == ("192.168.99.1",)
            assert scene.recorder.events == []

    run(work())


def test_a_host_name_reaches_the_live_connection_and_the_next() -> None:
    async def work() -> None:
        async with on(world()) as scene:
            await scene.network.join(GOOD, keep=True)
            scene.network.apply(Wanted(station_host_name="oven"))
            await scene.settle()
            device = scene.daemon.devices["wlan0"]
            assert device.applied["ipv4"]["dhcp-hostname"][1] == "oven"
            (ours,) = scene.ours
            assert ours.value("ipv4", "dhcp-hostname") == "oven"
            assert scene.recorder.events == ["connected"]

    run(work())


def test_a_mac_comes_with_a_new_join_and_goes_with_another() -> None:
    async def work() -> None:
        async with on(world()) as scene:
            await scene.network.join(GOOD, keep=False)
            device = scene.daemon.devices["wlan0"]
            before = scene.network.station
            scene.recorder.clear()
            scene.network.apply(Wanted(station_mac=MAC))
            assert scene.network.station.mac == MAC
            await scene.recorder.until("lost", "connected", "got address")
            assert device.mac == MAC.upper()
            address = scene.network.station.address
            assert address is not None
            assert address.ip == lease(HOME.subnet, MAC).ip
            scene.network.apply(Wanted())
            await scene.recorder.until("lost", "connected", "got address")
            assert device.mac == device.permanent_mac
            assert scene.network.station == before

    run(work())


def test_a_mac_does_not_disturb_the_owners_connection() -> None:
    async def work() -> None:
        async with on(world(HOME, owner=True)) as scene:
            scene.network.apply(Wanted(station_mac=MAC))
            await scene.settle()
            assert scene.really() == OWNERS.ssid
            assert scene.recorder.events == []
            assert scene.network.station.mac == MAC
            await scene.network.join(GOOD, keep=False)
            assert scene.daemon.devices["wlan0"].mac == MAC.upper()

    run(work())


def test_the_last_of_many_changes_wins() -> None:
    async def work() -> None:
        async with on(world()) as scene:
            await scene.network.join(GOOD, keep=False)
            scene.recorder.clear()
            for last in range(100, 110):
                address = replace(FIXED, ip=f"192.168.77.{last}")
                scene.network.apply(Wanted(station_dhcp=False, station_address=address))
                await asyncio.sleep(0.001 * (last % 4))
            await scene.settle()
            assert scene.address() == replace(FIXED, ip="192.168.77.109")
            assert real_address(scene) == "192.168.77.109"
            assert set(scene.recorder.events) == {"got address"}

    run(work())


def test_a_static_address_survives_the_loss_of_the_access_point() -> None:
    async def work() -> None:
        async with on(world()) as scene:
            await scene.network.join(GOOD, keep=False)
            scene.network.apply(STATIC)
            await scene.settle()
            scene.recorder.clear()
            scene.daemon.air.remove(HOME.ssid)
            await scene.recorder.until("lost")
            assert scene.address() is None
            scene.daemon.air.add(HOME)
            await scene.recorder.until("connected", "got address")
            assert scene.address() == FIXED
            assert real_address(scene) == FIXED.ip

    run(work())


def test_the_owners_connection_takes_what_was_set_before_it_came() -> None:
    async def work() -> None:
        async with on(world(owner=True)) as scene:
            scene.daemon.switch_wireless(False)
            await scene.recorder.until("lost")
            fixed = replace(FIXED, ip="192.168.99.200")
            scene.network.apply(Wanted(station_dhcp=False, station_address=fixed))
            scene.daemon.switch_wireless(True)
            await scene.settle()
            assert scene.address() == fixed
            assert real_address(scene) == fixed.ip

    run(work())
