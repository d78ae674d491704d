"""What goes at an awkward moment, and what is not taken for gone: the station comes to its goal."""

from __future__ import annotations

import asyncio
from unittest.mock import patch

import pytest

from gateway.services.api import Address, Credentials, Wanted
from gateway.services.network.manager import Profile
from tests.services.fake_states import WIRELESS_DEVICE
from tests.services.fake_wifi import FakeWifi
from tests.services.managed_world import (
    CAFE,
    GOOD,
    HOME,
    OPEN,
    OWNERS,
    Scene,
    on,
    run,
    world,
)

FIXED = Wanted(
    station_dhcp=False,
    station_address=Address("192.168.77.200", "192.168.77.1", "255.255.255.0"),
)
RANDOM_MAC = "5E:11:22:33:44:55"
OWN_MAC = "b8:27:eb:00:00:01"
OWN_NAME = "ESP-000001"


async def begin_anew(scene: Scene, stored: Credentials | None = None) -> None:
    """A reset."""
    scene.network.end()
    scene.network.begin(scene.recorder, Wanted(), stored)
    await scene.settle()


@pytest.mark.parametrize("seconds", [0.0, 4.0, 8.0, 14.0])
def test_one_that_is_lost_while_addresses_change_is_joined_again(seconds: float) -> None:
    async def work() -> None:
        async with on(world(), wanted=FIXED) as scene:
            await scene.network.join(GOOD, keep=False)
            await scene.settle()
            scene.recorder.clear()
            # With nobody to lease an address the change takes as long as it may, 15 s, and a
            # radio notices after as long that an access point is gone.
            scene.daemon.air.remove(HOME.ssid)
            await asyncio.sleep(seconds)
            scene.network.apply(Wanted())
            await scene.recorder.until("lost")
            await asyncio.sleep(60)
            scene.daemon.air.add(HOME)
            await scene.recorder.until("connected", "got address")
            assert scene.really() == HOME.ssid

    run(work())


def test_one_that_is_lost_while_it_is_stored_is_joined_again() -> None:
    async def work() -> None:
        async with on(world(HOME, owner=True)) as scene:
            store = scene.manager.update_profile

            async def slowly(path: str, profile: Profile, *, on_disk: bool) -> None:
                await asyncio.sleep(18)
                await store(path, profile, on_disk=on_disk)

            with patch.object(scene.manager, "update_profile", slowly):
                await scene.network.join(GOOD, keep=True)
                scene.recorder.clear()
                scene.daemon.lose(HOME.ssid)
                await scene.recorder.until("lost")
                await asyncio.sleep(60)
            scene.daemon.air.add(HOME)
            await scene.recorder.until("connected", "got address")
            assert scene.really() == HOME.ssid

    run(work())


@pytest.mark.parametrize("keep", [False, True], ids=["in memory", "on disk"])
@pytest.mark.parametrize("left", [False, True], ids=["joined", "left"])
def test_a_join_works_after_the_owner_has_deleted_our_profile(left: bool, keep: bool) -> None:
    async def work() -> None:
        async with on(world()) as scene:
            await scene.network.join(GOOD, keep=keep)
            await scene.settle()
            (ours,) = scene.ours
            if left:
                scene.network.leave()
                await scene.settle()
            if ours in scene.ours:
                scene.daemon.delete_profile(ours.path)
            await scene.settle()
            assert await scene.refusal(GOOD, keep=keep) is None
            await scene.settle()
            assert scene.really() == HOME.ssid
            (another,) = scene.ours
            assert another.on_disk == keep
            assert scene.record.profiles() == {another.uuid}

    run(work())


def test_what_is_stored_is_joined_after_the_owner_has_deleted_its_profile() -> None:
    async def work() -> None:
        async with on(world(), stored=GOOD) as scene:
            (ours,) = scene.ours
            scene.daemon.delete_profile(ours.path)
            await scene.settle()
            await begin_anew(scene, GOOD)
            assert scene.really() == HOME.ssid
            assert [one.on_disk for one in scene.ours] == [True]

    run(work())


@pytest.mark.parametrize("seconds", [-20.0, -3.0, 0.0, 0.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 12.0])
def test_a_protected_connection_gets_the_time_to_come_up(seconds: float) -> None:
    """NetworkManager starts so long before us; the stored access point is the stronger one."""

    async def work() -> None:
        daemon = world(HOME, owner=True)
        asyncio.get_running_loop().call_later(max(-seconds, 0), daemon.start)
        await asyncio.sleep(max(seconds, 0))
        async with on(daemon, started=False, stored=GOOD, protect_owner=True) as scene:
            assert scene.really() == scene.ssid() == OWNERS.ssid
            assert scene.ours == []

    run(work())


def test_the_owners_is_up_while_what_is_stored_is_out_of_reach() -> None:
    async def work() -> None:
        async with on(world(HOME, owner=True), stored=GOOD) as scene:
            scene.daemon.lose(HOME.ssid)
            await asyncio.sleep(300)
            assert scene.really() is None
            await begin_anew(scene, GOOD)
            assert scene.really() == scene.ssid() == OWNERS.ssid
            scene.recorder.clear()
            await asyncio.sleep(600)
            assert scene.recorder.events == []
            scene.daemon.air.add(HOME)
            scene.daemon.look()
            await scene.recorder.until("lost", "connected", "got address")
            assert scene.really() == HOME.ssid

    run(work())


def test_a_mac_that_is_only_for_scanning_is_not_the_stations() -> None:
    async def work() -> None:
        async with on(world()) as scene:
            radio = _scanning_at_random(scene)
            await scene.settle()
            assert radio.mac == RANDOM_MAC
            assert scene.network.station.mac == OWN_MAC
            await scene.network.join(GOOD, keep=True)
            assert scene.network.station.mac == radio.mac.lower() == OWN_MAC
            scene.network.leave()
            await scene.settle()
            assert radio.mac == RANDOM_MAC
            assert scene.network.station.mac == OWN_MAC

    run(work())


@pytest.mark.parametrize("keep", [False, True])
def test_no_host_name_is_made_of_a_mac_that_is_only_for_scanning(keep: bool) -> None:
    async def work() -> None:
        async with on(world()) as scene:
            radio = _scanning_at_random(scene)
            await scene.settle()
            await scene.network.join(GOOD, keep=keep)
            await scene.settle()
            assert radio.applied["ipv4"]["dhcp-hostname"] == ("s", OWN_NAME)
            assert [one.value("ipv4", "dhcp-hostname") for one in scene.ours] == [OWN_NAME]
            scene.network.leave()
            await scene.settle()
            names = {one.value("ipv4", "dhcp-hostname") for one in scene.ours}
            assert names == ({OWN_NAME} if keep else set())

    run(work())


def test_a_refused_scan_does_not_hide_what_is_listed() -> None:
    async def work() -> None:
        async with on(world(HOME, CAFE)) as scene:
            await scene.network.join(OPEN, keep=False)
            # While it is joined nobody looks around, so HOME was seen long ago.
            await asyncio.sleep(600)
            scene.manager.fail_always("request_scan")
            await scene.network.join(GOOD, keep=False)
            assert scene.really() == scene.ssid() == HOME.ssid

    run(work())


def _scanning_at_random(scene: Scene) -> FakeWifi:
    radio = scene.daemon.devices["wlan0"]
    assert isinstance(radio, FakeWifi)
    radio.scan_as(RANDOM_MAC)
    return radio


def test_the_end_of_a_scan_that_was_under_way_does_not_say_that_nobody_is_there() -> None:
    async def work() -> None:
        async with on(world(CAFE)) as scene:
            scene.daemon.air.points.append(HOME)  # not heard of yet
            loop, device = asyncio.get_running_loop(), scene.daemon.devices["wlan0"]
            ended = {"LastScan": int((loop.time() + 0.5) * 1000)}
            loop.call_later(
                0.5,
                lambda: scene.daemon.objects.set(device.path, WIRELESS_DEVICE, **ended),
            )
            await scene.network.join(GOOD, keep=False)
            assert scene.really() == HOME.ssid

    run(work())
