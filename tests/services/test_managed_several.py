"""Two gateways on one machine: one radio, one cable, and no quarrel about them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.services.api import Address, Credentials, Interface, JoinError, ServiceError, Wanted
from gateway.services.network import view
from gateway.services.network.ownership import OwnershipRecord
from gateway.services.network.profiles import MARK
from tests.services.fake_daemon import FakeDaemon
from tests.services.managed_world import (
    CAFE,
    GOOD,
    HOME,
    NOWHERE,
    OPEN,
    OWNERS,
    WRONG,
    Scene,
    on,
    run,
    world,
)
from tests.services.network_contract import SOFTAP

FIXED = Address("10.42.7.9", "10.42.7.1", "255.255.255.0")
OTHER_FIXED = Address("10.42.7.10", "10.42.7.1", "255.255.255.0")
MACS = ("02:00:00:00:00:0a", "02:00:00:00:00:0b")
ALONE = Wanted(station=False, softap_mode=True, softap=SOFTAP)
BOTH = Wanted(softap_mode=True, softap=SOFTAP)


@asynccontextmanager
async def two(
    daemon: FakeDaemon, *, stored: tuple[Credentials | None, ...] = (None, None), **settings: Any
) -> AsyncIterator[tuple[Scene, Scene]]:
    """Two gateways, each with a state of its own; both have begun, and settled."""
    async with (
        on(daemon, stored=stored[0], **settings) as one,
        on(daemon, stored=stored[1], started=False, stops=False, **settings) as other,
    ):
        yield one, other


async def quiet(*scenes: Scene) -> None:
    """Nobody calls NetworkManager any more: what has become is to stay."""
    await asyncio.sleep(120)
    for scene in scenes:
        scene.manager.calls.clear()
    await asyncio.sleep(240)
    for scene in scenes:
        assert scene.manager.asked("activate", "add_profile", "delete_profile", "reapply") == []


def on_radio(scene: Scene, *, owner: bool = False) -> bytes | None:
    """Where the radio really is; everybody says the same."""
    assert scene.ssid() == scene.really()
    return scene.really()


def test_what_one_joins_the_other_sees() -> None:
    async def work() -> None:
        async with two(world()) as (one, other):
            await one.network.join(GOOD, keep=True)
            await one.settle()
            assert other.recorder.events == ["connected", "got address"]
            assert on_radio(one) == on_radio(other) == HOME.ssid
            assert other.address() == one.address() != None  # noqa: E711
            assert other.network.station == one.network.station
            assert other.record.profiles() == frozenset()
            await quiet(one, other)

    run(work())


@pytest.mark.parametrize("keep", [False, True])
def test_a_later_join_takes_the_radio_and_nobody_takes_it_back(keep: bool) -> None:
    async def work() -> None:
        async with two(world(owner=True)) as (one, other):
            await one.network.join(GOOD, keep=keep)
            await one.settle()
            for scene in (one, other):
                scene.recorder.clear()
            await other.network.join(OPEN, keep=keep)
            await other.settle()
            assert one.recorder.events == ["lost", "connected", "got address"]
            # the address is the caller's to say
            assert other.recorder.events == ["lost", "connected"]
            await quiet(one, other)
            assert on_radio(one) == on_radio(other) == CAFE.ssid
            # and back again
            await one.network.join(GOOD, keep=keep)
            await quiet(one, other)
            assert on_radio(one) == on_radio(other) == HOME.ssid

    run(work())


def test_who_has_lost_the_radio_gets_no_profile_deleted_but_its_own() -> None:
    async def work() -> None:
        async with two(world()) as (one, other):
            await one.network.join(GOOD, keep=True)
            await other.network.join(OPEN, keep=True)
            await other.settle()
            ssids = {profile.ssid for profile in one.ours}
            assert ssids == {HOME.ssid, CAFE.ssid}
            owned = [scene.record.profiles(Interface.STATION) for scene in (one, other)]
            assert len(owned[0]) == len(owned[1]) == 1
            assert owned[0] != owned[1]

    run(work())


def test_a_start_takes_nothing_from_who_has_joined(tmp_path: Path) -> None:
    """Neither the radio, nor the profiles that it might take for those of a killed run."""

    async def work() -> None:
        async with on(world(owner=True)) as one:
            await one.network.join(GOOD, keep=False)
            await one.settle()
            profiles = [profile.uuid for profile in one.ours]
            for stored in (None, OPEN, GOOD, NOWHERE):
                one.recorder.clear()
                async with on(one.daemon, started=False, stops=False, stored=stored) as other:
                    await quiet(one, other)
                    assert on_radio(one) == on_radio(other) == HOME.ssid
                assert one.recorder.events == []
                assert [profile.uuid for profile in one.ours] == profiles

    run(work())


@pytest.mark.parametrize("late", [0.0, 0.1, 1.0, 3.0, 7.0])
@pytest.mark.parametrize("stored", [(GOOD, OPEN), (GOOD, GOOD)])
def test_two_that_both_have_one_stored_come_to_rest(
    late: float, stored: tuple[Credentials, Credentials]
) -> None:
    async def work() -> None:
        daemon = world(owner=True)
        async with (
            on(daemon, begun=False) as one,
            on(daemon, begun=False, started=False, stops=False) as other,
        ):
            one.network.begin(one.recorder, Wanted(), stored[0])
            await asyncio.sleep(late)
            other.network.begin(other.recorder, Wanted(), stored[1])
            await quiet(one, other)
            assert on_radio(one) in {one.ssid for one in (HOME, CAFE)}
            assert on_radio(one) == on_radio(other)

    run(work())


@pytest.mark.parametrize("late", [0.0, 0.02, 0.2, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5])
def test_both_joining_at_once_one_has_it(late: float) -> None:
    async def work() -> None:
        async with two(world()) as (one, other):

            async def joined(scene: Scene, credentials: Credentials, late: float) -> bool:
                await asyncio.sleep(late)
                try:
                    await scene.network.join(credentials, keep=False)
                except JoinError:
                    return False
                return True

            worked = await asyncio.gather(joined(one, GOOD, 0.0), joined(other, OPEN, late))
            await quiet(one, other)
            # The later one has it, also where the earlier one had it for a moment.
            assert True in worked
            assert on_radio(one) == on_radio(other) == (CAFE if worked[1] else HOME).ssid

    run(work())


@pytest.mark.parametrize("late", [0.1, 0.5, 1.0, 1.5, 2.0, 2.5])
def test_a_join_that_fails_ends_nothing_that_the_other_has_joined_meanwhile(late: float) -> None:
    async def work() -> None:
        async with two(world()) as (one, other):
            looking = asyncio.create_task(one.network.join(NOWHERE, keep=False))
            await asyncio.sleep(late)
            await other.network.join(OPEN, keep=False)
            with pytest.raises(JoinError):
                await looking
            await quiet(one, other)
            assert on_radio(one) == on_radio(other) == CAFE.ssid

    run(work())


def test_a_failed_join_leaves_nobody_trying() -> None:
    async def work() -> None:
        async with two(world()) as (one, other):
            await one.network.join(GOOD, keep=True)
            with pytest.raises(JoinError):
                await other.network.join(WRONG, keep=False)
            await quiet(one, other)
            assert on_radio(one) == on_radio(other)
            await one.network.join(GOOD, keep=True)
            assert on_radio(one) == on_radio(other) == HOME.ssid

    run(work())


def test_leaving_by_one_is_leaving_by_all() -> None:
    async def work() -> None:
        async with two(world(owner=True)) as (one, other):
            await one.network.join(GOOD, keep=False)
            await one.settle()
            other.network.leave()
            assert other.ssid() is None
            # One of them may have come back by itself, but they do not play ball.
            await quiet(one, other)

    run(work())


def test_each_stop_gives_back_what_its_own_gateway_has_taken() -> None:
    async def work() -> None:
        daemon = world(owner=True)
        async with on(daemon) as one:
            await one.network.join(GOOD, keep=False)
            await one.settle()
            async with on(daemon, started=False, stops=False) as other:
                await other.network.join(OPEN, keep=False)
                await other.settle()
                await one.network.join(GOOD, keep=False)
                await one.settle()
                one.recorder.clear()
            await quiet(one)
            # It went while the radio was not its own.
            assert one.recorder.events == []
            assert on_radio(one) == HOME.ssid
            assert {profile.ssid for profile in one.ours} == {HOME.ssid}
            assert not one.daemon.devices["wlan0"].connects_by_itself
            async with on(daemon, started=False, stops=False) as other:
                await other.network.join(OPEN, keep=False)
                await other.settle()
            await one.settle()
            # It went while it had the radio: the owner has it, as before.
            assert on_radio(one) == OWNERS.ssid

    run(work())


def test_a_stop_leaves_the_addresses_of_the_other_alone() -> None:
    async def work() -> None:
        daemon = world()
        async with on(daemon) as one:
            async with on(daemon, started=False, stops=False) as other:
                await other.network.join(OPEN, keep=False)
                await other.settle()
                other.network.leave()
                await other.settle()
                assert other.record.holds("wlan0")
                await one.network.join(GOOD, keep=False)
                one.network.apply(Wanted(station_dhcp=False, station_address=FIXED))
                await one.settle()
            assert other.manager.asked("reapply") == []
            await one.settle()
            assert one.address() == FIXED
            assert view.address(one.manager.objects, one.daemon.devices["wlan0"].path) == FIXED

    run(work())


def test_who_has_the_radio_keeps_the_owners_network_from_it() -> None:
    """Also when NetworkManager was told by another that it may connect by itself again."""

    async def work() -> None:
        daemon = world(owner=True)
        async with on(daemon) as one:
            async with on(daemon, started=False, stops=False) as other:
                await other.network.join(OPEN, keep=False)
                await other.settle()
                await one.network.join(GOOD, keep=False)
                await one.settle()
                assert not daemon.devices["wlan0"].connects_by_itself
                await other.manager.set_autoconnect(daemon.devices["wlan0"].path, True)
                await one.settle()
                assert not daemon.devices["wlan0"].connects_by_itself
            await one.settle()
            daemon.lose(HOME.ssid)
            await one.settle()
            assert one.really() is None

    run(work())


def test_who_only_shared_an_access_point_joins_it_when_the_other_has_gone() -> None:
    async def work() -> None:
        daemon = world()
        async with on(daemon, begun=False) as one:
            async with on(daemon, started=False, stops=False) as other:
                await other.network.join(GOOD, keep=False)
                one.network.begin(one.recorder, Wanted(), GOOD)
                await quiet(one, other)
                assert {profile.uuid for profile in one.ours} == other.record.profiles()
            await one.settle()
            assert on_radio(one) == HOME.ssid

    run(work())


@pytest.mark.parametrize("late", [0.5 * n for n in range(40)])
def test_who_still_looks_for_its_own_does_not_take_the_radio(late: float) -> None:
    """Not even where its access point comes on the air while it looks."""

    async def work() -> None:
        async with two(world(CAFE), stored=(GOOD, None)) as (one, other):
            await asyncio.sleep(late)
            joining = asyncio.create_task(other.network.join(OPEN, keep=False))
            await asyncio.sleep(0.5)
            one.daemon.air.add(HOME)
            await joining
            await quiet(one, other)
            assert on_radio(one) == on_radio(other) == CAFE.ssid

    run(work())


def test_a_guest_frees_the_radio_once() -> None:
    """Where the other's microcontroller wants no network at all, that is the last word."""

    async def work() -> None:
        fixed = Wanted(station_dhcp=False, station_address=FIXED)
        async with two(world(owner=True)) as (one, other):
            await one.network.join(GOOD, keep=False)
            one.network.apply(fixed)
            await other.network.join(OPEN, keep=False)
            await other.settle()
            other.network.leave()
            await quiet(one, other)
            assert one.really() is None

    run(work())


def test_the_owners_protection_protects_from_one_another() -> None:
    async def work() -> None:
        async with two(world(), protect_owner=True) as (one, other):
            await one.network.join(GOOD, keep=False)
            await one.settle()
            with pytest.raises(JoinError, match="protect_owner"):
                await other.network.join(OPEN, keep=False)
            with pytest.raises(ServiceError, match="protect_owner"):
                other.network.leave()
            await quiet(one, other)
            assert on_radio(one) == on_radio(other) == HOME.ssid

    run(work())


def test_a_wrong_password_shows_at_once_for_each() -> None:
    """Every gateway is asked for its own passwords only."""

    async def work() -> None:
        async with two(world()) as (one, other):
            for scene in (one, other):
                with pytest.raises(JoinError):
                    await scene.network.join(WRONG, keep=False)
            assert one.daemon.dialogues == []

    run(work())


@pytest.mark.parametrize("ap0", [False, True])
def test_there_is_one_softap(ap0: bool, caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        async with two(world(ap0=ap0)) as (one, other):
            one.network.apply(ALONE)
            await one.settle()
            with pytest.raises(ServiceError, match="another gateway"):
                other.network.check(ALONE)
            assert one.on_air()
            one.network.apply(Wanted())
            await one.settle()
            other.network.check(ALONE)
            other.network.apply(ALONE)
            await other.settle()
            assert other.on_air()

    run(work())


@pytest.mark.parametrize("ap0", [False, True])
def test_a_stored_softap_waits_until_the_other_is_off_the_air(
    ap0: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        daemon = world(ap0=ap0)
        async with (
            on(daemon, wanted=ALONE) as one,
            on(daemon, wanted=ALONE, started=False, stops=False) as other,
        ):
            assert one.on_air()
            assert not other.on_air()
            assert "another gateway" in caplog.text
            await quiet(one, other)
            one.network.apply(Wanted())
            await asyncio.sleep(100)
            assert other.on_air()
            assert not one.on_air()

    caplog.set_level(logging.ERROR)
    run(work())


def test_one_joins_by_the_radio_that_the_others_softap_has() -> None:
    """Without a second interface the station takes it, and the SoftAP waits."""

    async def work() -> None:
        async with two(world()) as (one, other):
            one.network.apply(ALONE)
            await one.settle()
            await other.network.join(GOOD, keep=False)
            await quiet(other)
            assert other.ssid() == other.really() == HOME.ssid
            assert not one.on_air()
            async with on(one.daemon, started=False, stops=False, stored=OPEN) as third:
                await quiet(other)
                assert third.ssid() == HOME.ssid
            other.network.leave()
            await one.settle()
            assert one.on_air()

    run(work())


def test_station_of_one_and_softap_of_the_other_at_once() -> None:
    async def work() -> None:
        daemon = world(ap0=True)
        daemon.unmanaged.add("ap0")
        async with two(daemon) as (one, other):
            one.network.apply(BOTH)
            await one.settle()
            await other.network.join(GOOD, keep=False)
            await quiet(one, other)
            assert on_radio(one) == on_radio(other) == HOME.ssid
            assert one.on_air()
            profile = one.runs("ap0")
            assert profile is not None
            assert profile.value("802-11-wireless", "channel") == 6

    run(work())


def test_the_later_mac_of_ethernet_holds() -> None:
    async def work() -> None:
        async with two(world()) as (one, other):
            for scene, mac in ((one, MACS[0]), (other, MACS[1]), (one, MACS[0])):
                scene.network.apply(Wanted())
                await scene.settle()
                scene.network.apply(Wanted(ethernet_mac=mac))
                await quiet(one, other)
                assert one.daemon.devices["eth0"].mac.lower() == mac
                for each in (one, other):
                    assert each.network.ethernet is not None
                    assert each.network.ethernet.mac == mac

    run(work())


def test_both_with_a_stored_mac_of_ethernet_come_to_rest() -> None:
    async def work() -> None:
        daemon = world()
        async with (
            on(daemon, begun=False) as one,
            on(daemon, begun=False, started=False, stops=False) as other,
        ):
            one.network.begin(one.recorder, Wanted(ethernet_mac=MACS[0]), None)
            other.network.begin(other.recorder, Wanted(ethernet_mac=MACS[1]), None)
            await quiet(one, other)
            assert daemon.devices["eth0"].mac.lower() in MACS

    run(work())


def test_the_later_address_of_ethernet_holds_and_is_shown_by_both() -> None:
    async def work() -> None:
        async with two(world()) as (one, other):
            for scene, address in ((one, FIXED), (other, OTHER_FIXED)):
                scene.network.apply(Wanted(ethernet_dhcp=False, ethernet_address=address))
                await quiet(one, other)
                for each in (one, other):
                    assert each.network.ethernet is not None
                    assert each.network.ethernet.address == address

    run(work())


def test_what_is_anothers_is_not_the_owners_to_come_back(tmp_path: Path) -> None:
    """A stop brings up what the owner has, never what another gateway has stored."""

    async def work() -> None:
        daemon = world()
        async with on(daemon) as one:
            await one.network.join(GOOD, keep=True)
            await one.settle()
            one.network.leave()
            await one.settle()
            async with on(daemon, started=False, stops=False) as other:
                await other.network.join(OPEN, keep=False)
                await other.settle()
                other.manager.calls.clear()
            assert other.manager.asked("activate") == []
            assert all(MARK in profile.settings["user"]["data"][1] for profile in one.ours)

    run(work())


def test_a_copied_state_is_not_taken_for_ours(tmp_path: Path) -> None:
    """Who sets up a second one by copying the first one's folder does not share its profiles."""
    ours, theirs = tmp_path / "esp-at-gateway", tmp_path / "esp-at-gateway-ttyUSB0"

    async def record() -> None:
        await OwnershipRecord(ours).add_profile("a uuid", Interface.STATION)
        await OwnershipRecord(ours).hold("wlan0")

    run(record())
    theirs.mkdir()
    (theirs / "network.json").write_bytes((ours / "network.json").read_bytes())
    assert OwnershipRecord(theirs).empty
    assert OwnershipRecord(ours).has_profile("a uuid")
    # One that was moved is still the same.
    ours.rename(tmp_path / "moved")
    assert OwnershipRecord(tmp_path / "moved").has_profile("a uuid")
