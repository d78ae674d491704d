"""The simulated network: the contract of every Network, and what only a made-up world can do."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from gateway.services.api import (
    Credentials,
    Encryption,
    Interface,
    JoinError,
    JoinFailure,
    Network,
    NetworkListener,
    Wanted,
)
from gateway.services.network.news import NetworkNews, Presence
from gateway.services.network.simulated import SimulatedAccessPoint, SimulatedNetwork, World
from tests.fake_time import NothingLeftToHappen, run
from tests.services.network_contract import FIXED, SOFTAP, Harness, NetworkContract, Recorder

GOOD = Credentials(b"esp-at-sim", b"password")
OPEN = Credentials(b"esp-at-open")
WPA3 = Credentials(b"esp-at-wpa3", b"password")

EXTRA = (
    SimulatedAccessPoint(b"hidden", b"password", Encryption.WPA2, hidden=True),
    SimulatedAccessPoint(b"old", b"s3cr3", Encryption.WEP),
    SimulatedAccessPoint(b"office", b"password", Encryption.ENTERPRISE),
    SimulatedAccessPoint(b"no-dhcp", dhcp=False),
    SimulatedAccessPoint(b"twin", rssi=-80, bssid="06:00:00:00:00:01"),
    SimulatedAccessPoint(b"twin", rssi=-40, bssid="06:00:00:00:00:02"),
)
PACED = World(access_points=World().access_points + EXTRA)
AT_ONCE = replace(PACED, pace=0)


@asynccontextmanager
async def network_of(world: World) -> AsyncIterator[tuple[SimulatedNetwork, Recorder]]:
    """A network with a session begun, its first events over and forgotten."""
    network = SimulatedNetwork(world)
    recorder = Recorder()
    await network.start()
    network.begin(recorder, Wanted(), None)
    await asyncio.sleep(1)
    recorder.clear()
    try:
        yield network, recorder
    finally:
        await network.close()
        assert len(asyncio.all_tasks()) == 1


class _Simulated(NetworkContract):
    world: World

    def harness(self) -> AbstractAsyncContextManager[Harness]:
        return self._harness()

    @asynccontextmanager
    async def _harness(self) -> AsyncIterator[Harness]:
        network = SimulatedNetwork(self.world)
        await network.start()
        try:
            yield Harness(
                network,
                good=GOOD,
                other=OPEN,
                unknown=Credentials(b"nowhere", b"password"),
                settle=lambda: asyncio.sleep(60),
                lose_access_point=lambda: network.lose_access_point(GOOD.ssid),
                restore_access_point=lambda: network.restore_access_point(GOOD.ssid),
                unplug_ethernet=network.unplug_ethernet,
                plug_ethernet=network.plug_ethernet,
            )
        finally:
            await network.close()
            assert len(asyncio.all_tasks()) == 1

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        run(work)


class TestAtOnce(_Simulated):
    world = World(pace=0)


class TestAtRealisticPace(_Simulated):
    world = World()


def test_it_is_a_network() -> None:
    network: Network = SimulatedNetwork()
    assert network.station.access_point is None
    assert network.station.mac != network.softap.mac


async def refusal_of(network: Network, credentials: Credentials) -> JoinError | None:
    """Why a join fails, None when it works."""
    try:
        await network.join(credentials, keep=False)
    except JoinError as refusal:
        return refusal
    return None


def now() -> float:
    return asyncio.get_running_loop().time()


@pytest.mark.parametrize(
    ("credentials", "failure", "seconds"),
    [
        (GOOD, None, 0.9),
        (OPEN, None, 0.9),
        (WPA3, None, 0.9),
        (Credentials(b"hidden", b"password"), None, 0.9),
        (Credentials(b"esp-at-open", b"whatever"), None, 0.9),
        (Credentials(b"esp-at-sim", b"Passw0rd"), JoinFailure.WRONG_PASSWORD, 2.0),
        (Credentials(b"esp-at-sim", b""), JoinFailure.WRONG_PASSWORD, 2.0),
        (Credentials(b"esp-at-wpa3", b"passwore"), JoinFailure.WRONG_PASSWORD, 2.0),
        (Credentials(b"old", b"s3cr3"), JoinFailure.OTHER, 0.3),
        (Credentials(b"office", b"s3cr3ts3cr3t"), JoinFailure.OTHER, 0.3),
        (Credentials(b"nowhere"), JoinFailure.NO_SUCH_AP, 1.5),
        (replace(GOOD, bssid="06:00:00:00:00:09"), JoinFailure.NO_SUCH_AP, 1.5),
        (Credentials(b"no-dhcp"), JoinFailure.TIMED_OUT, 15.5),
    ],
    ids=lambda value: repr(value),
)
@pytest.mark.parametrize("pace", [1.0, 0.5, 0.0])
def test_joins_take_their_time_and_fail_with_their_reason(
    credentials: Credentials, failure: JoinFailure | None, seconds: float, pace: float
) -> None:
    async def work() -> None:
        async with network_of(replace(PACED, pace=pace)) as (network, _):
            start = now()
            refusal = await refusal_of(network, credentials)
            assert (refusal and refusal.failure) == failure
            if credentials.password:
                assert credentials.password.decode() not in repr(refusal)
            assert now() - start == pytest.approx(seconds * pace)
            assert (network.station.address is None) == (failure is not None)
            assert (network.station.access_point is None) == (failure is not None)

    run(work())


def test_the_key_itself_joins_wpa2_and_not_wpa3() -> None:
    async def work() -> None:
        async with network_of(AT_ONCE) as (network, _):
            for ssid, works in ((b"esp-at-sim", True), (b"esp-at-wpa3", False)):
                key = hashlib.pbkdf2_hmac("sha1", b"password", ssid, 4096, 32).hex().encode()
                refusal = await refusal_of(network, Credentials(ssid, key))
                assert (refusal and refusal.failure) == (
                    None if works else JoinFailure.WRONG_PASSWORD
                )
                assert (network.station.address is not None) == works
            with pytest.raises(JoinError):
                await network.join(Credentials(b"esp-at-sim", b"z" * 64), keep=False)

    run(work())


def test_the_stronger_twin_is_joined_unless_the_bssid_says_otherwise() -> None:
    async def work() -> None:
        async with network_of(AT_ONCE) as (network, _):
            await network.join(Credentials(b"twin"), keep=False)
            assert network.station.access_point is not None
            assert network.station.access_point.bssid == "06:00:00:00:00:02"
            await network.join(Credentials(b"twin", bssid="06:00:00:00:00:01"), keep=False)
            assert network.station.access_point.bssid == "06:00:00:00:00:01"

    run(work())


def test_the_default_world_is_what_the_manual_says() -> None:
    async def work() -> None:
        async with network_of(World()) as (network, _):
            start = now()
            seen = await network.scan()
            assert now() - start == pytest.approx(1.5)
            assert [(a.ssid, a.encryption, a.channel, a.rssi) for a in seen] == [
                (b"esp-at-sim", Encryption.WPA2, 6, -48),
                (b"esp-at-open", Encryption.OPEN, 1, -61),
                (b"esp-at-wpa3", Encryption.WPA3, 11, -72),
            ]
            assert len({a.bssid for a in seen}) == 3
            assert all(int(a.bssid[:2], 16) & 3 == 2 and len(a.bssid) == 17 for a in seen)
            await network.join(GOOD, keep=False)
            assert network.station.address is not None
            assert network.station.address.ip.startswith("192.168.100.")
            assert network.station.dns == ("192.168.100.1",)
            assert network.ethernet is not None
            assert network.ethernet.address is not None
            assert network.ethernet.address.ip.startswith("192.168.101.")
            assert network.ethernet.address.gateway == "192.168.101.1"
            assert network.ethernet.address.netmask == "255.255.255.0"
            assert network.ethernet.dns == ("192.168.101.1",)

    run(work())


def test_hidden_access_points_are_seen_only_by_name() -> None:
    async def work() -> None:
        async with network_of(AT_ONCE) as (network, _):
            assert b"hidden" not in {a.ssid for a in await network.scan()}
            assert b"hidden" not in {a.ssid for a in await network.scan(b"esp-at-sim")}
            assert b"hidden" in {a.ssid for a in await network.scan(b"hidden")}

    run(work())


def test_tries_in_the_background_grow_rarer(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        network = SimulatedNetwork(World())
        times: list[float] = []

        class Watch(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                times.append(now())
                levels.append(record.levelno)
                assert "secret" not in record.getMessage()

        levels: list[int] = []
        log = logging.getLogger("gateway.services.network.simulated_station")
        watch = Watch()
        log.addHandler(watch)
        try:
            network.begin(Recorder(), Wanted(), Credentials(b"nowhere", b"secret123"))
            await asyncio.sleep(120)
        finally:
            log.removeHandler(watch)
            await network.close()
        # Each try is a scan of 1.5 s; between them 1, 2, 4, 8, 16, then always 30 s.
        gaps = [round(b - a - 1.5, 3) for a, b in itertools.pairwise(times)]
        assert gaps == [1, 2, 4, 8, 16, 30, 30]
        assert levels == [logging.WARNING] + [logging.DEBUG] * 7

    with caplog.at_level(logging.DEBUG, "gateway"):
        run(work())


def test_without_a_pace_a_hopeless_join_does_not_spin() -> None:
    async def work() -> None:
        network = SimulatedNetwork(World(pace=0))
        network.begin(Recorder(), Wanted(), Credentials(b"nowhere"))
        try:
            for _ in range(3):
                network.apply(Wanted())
                for _ in range(20):
                    await asyncio.sleep(0)
            with pytest.raises(NothingLeftToHappen):
                asyncio.get_running_loop()._run_once()  # type: ignore[attr-defined]
        finally:
            await network.close()

    run(work())


def test_the_stored_access_point_is_joined_when_it_appears_and_only_then() -> None:
    async def work() -> None:
        network = SimulatedNetwork(World(pace=0))
        network.lose_access_point(GOOD.ssid)
        recorder = Recorder()
        network.begin(recorder, Wanted(), GOOD)
        await asyncio.sleep(60)
        assert len(recorder.events) == 2
        recorder.clear()
        network.restore_access_point(GOOD.ssid)
        await recorder.until("connected", "got address")
        await network.close()

    run(work())


def test_the_stored_access_point_waits_for_station_mode() -> None:
    async def work() -> None:
        network = SimulatedNetwork(World(pace=0))
        recorder = Recorder()
        network.begin(recorder, Wanted(station=False, softap_mode=True), GOOD)
        await asyncio.sleep(60)
        assert len(recorder.events) == 2
        recorder.clear()
        with pytest.raises(JoinError):
            await network.join(OPEN, keep=False)
        network.begin(recorder, Wanted(station=False, softap_mode=True), GOOD)
        await asyncio.sleep(1)
        recorder.clear()
        network.apply(Wanted())
        await recorder.until("connected", "got address")
        await network.close()

    run(work())


def test_a_background_join_gives_way_to_a_join() -> None:
    async def work() -> None:
        network = SimulatedNetwork(World())
        recorder = Recorder()
        network.begin(recorder, Wanted(), GOOD)
        await asyncio.sleep(0.6)
        assert recorder.events[2:] == ["connected"]
        await network.join(OPEN, keep=False)
        assert recorder.events[2:] == ["connected", "lost", "connected"]
        await asyncio.sleep(60)
        assert recorder.events[5:] == []
        await network.close()

    run(work())


def test_a_join_that_a_reset_interrupts_fails_and_does_not_disturb_the_next_session() -> None:
    async def work() -> None:
        async with network_of(World()) as (network, before):
            joining = asyncio.ensure_future(network.join(OPEN, keep=False))
            await before.until("connected")
            network.end()
            joining.cancel()
            recorder = Recorder()
            network.begin(recorder, Wanted(), GOOD)
            assert network.station.access_point is None
            with pytest.raises(asyncio.CancelledError):
                await joining
            await asyncio.sleep(5)
            assert recorder.events[2:] == ["connected", "got address"]
            assert before.events == []

    run(work())


def test_a_second_join_ends_the_first() -> None:
    async def work() -> None:
        async with network_of(World()) as (network, recorder):
            first = asyncio.ensure_future(network.join(GOOD, keep=False))
            await asyncio.sleep(0.1)
            await network.join(OPEN, keep=False)
            with pytest.raises(JoinError) as caught:
                await first
            assert caught.value.failure is JoinFailure.OTHER
            assert recorder.events == ["connected"]

    run(work())


@pytest.mark.parametrize("after", [0.1, 0.4, 0.6])
def test_an_access_point_lost_during_a_join_fails_it(after: float) -> None:
    async def work() -> None:
        async with network_of(World()) as (network, recorder):
            joining = asyncio.ensure_future(network.join(GOOD, keep=False))
            await asyncio.sleep(after)
            network.lose_access_point(GOOD.ssid)
            with pytest.raises(JoinError) as caught:
                await joining
            assert caught.value.failure is JoinFailure.NO_SUCH_AP
            assert recorder.events == (["connected", "lost"] if after > 0.5 else [])
            network.restore_access_point(GOOD.ssid)
            await asyncio.sleep(60)
            assert network.station.access_point is None

    run(work())


def test_a_fixed_address_joins_where_there_is_no_dhcp() -> None:
    async def work() -> None:
        async with network_of(World(access_points=EXTRA)) as (network, recorder):
            network.apply(Wanted(station_dhcp=False, station_address=FIXED))
            start = now()
            await network.join(Credentials(b"no-dhcp"), keep=False)
            assert now() - start == pytest.approx(0.5)
            assert network.station.address == FIXED
            assert network.station.dns == ()
            assert recorder.events == ["connected"]

    run(work())


def test_a_fixed_address_ends_the_wait_for_dhcp() -> None:
    async def work() -> None:
        network = SimulatedNetwork(World(access_points=EXTRA))
        recorder = Recorder()
        network.begin(recorder, Wanted(), Credentials(b"no-dhcp"))
        await asyncio.sleep(3)
        assert recorder.events[2:] == ["connected"]
        recorder.clear()
        network.apply(Wanted(station_dhcp=False, station_address=FIXED))
        assert network.station.address == FIXED
        await recorder.until("got address")
        await asyncio.sleep(60)
        assert recorder.events == []
        await network.close()

    run(work())


def test_a_fixed_address_lets_the_background_join_try_again_at_once() -> None:
    async def work() -> None:
        network = SimulatedNetwork(AT_ONCE)
        recorder = Recorder()
        network.begin(recorder, Wanted(), Credentials(b"no-dhcp"))
        await asyncio.sleep(60)
        assert recorder.events[2:] == ["connected", "lost"]
        recorder.clear()
        network.apply(Wanted(station_dhcp=False, station_address=FIXED))
        await recorder.until("connected", "got address")
        await network.close()

    run(work())


def test_a_reset_in_the_middle_of_a_background_join_joins_what_is_stored_now() -> None:
    async def work() -> None:
        network = SimulatedNetwork(World())
        before, after = Recorder(), Recorder()
        network.begin(before, Wanted(), GOOD)
        await asyncio.sleep(0.6)
        assert before.events[2:] == ["connected"]
        network.begin(after, Wanted(), OPEN)
        await asyncio.sleep(60)
        # "lost" would come first if the old access point had not been dropped in silence.
        assert after.events[2:] == ["connected", "got address"]
        assert network.station.access_point is not None
        assert network.station.access_point.ssid == OPEN.ssid
        assert before.events[2:] == ["connected"]
        await network.close()

    run(work())


def test_the_end_in_the_middle_of_a_background_join_leaves_the_station_unjoined() -> None:
    async def work() -> None:
        network = SimulatedNetwork(World())
        network.begin(Recorder(), Wanted(), GOOD)
        await asyncio.sleep(0.6)
        network.end()
        assert network.station.access_point is None
        network.lose_access_point(GOOD.ssid)
        network.restore_access_point(GOOD.ssid)
        await asyncio.sleep(60)
        assert network.station.access_point is None
        await network.close()

    run(work())


def test_whoever_hears_of_a_join_sees_it() -> None:
    async def work() -> None:
        seen = []

        class Looker(Recorder):
            def station_connected(self) -> None:
                seen.append((network.station.access_point, network.station.address))

        network = SimulatedNetwork(World())
        network.begin(Looker(), Wanted(), None)
        await network.join(GOOD, keep=False)
        assert seen == [(network.station.access_point, None)]
        assert network.station.access_point is not None
        await network.close()

    run(work())


def test_ethernet_dhcp_takes_its_time_and_a_pulled_cable_ends_it() -> None:
    async def work() -> None:
        async with network_of(World()) as (network, recorder):
            network.unplug_ethernet()
            await recorder.until("ethernet lost")
            network.plug_ethernet()
            await recorder.until("ethernet connected")
            network.unplug_ethernet()
            await recorder.until("ethernet lost")
            await asyncio.sleep(0.3)
            network.plug_ethernet()
            network.plug_ethernet()
            assert network.ethernet is not None
            assert network.ethernet.plugged
            start = now()
            await recorder.until("ethernet connected", "ethernet 192.168.101.20")
            assert now() - start == pytest.approx(0.4)

    run(work())


def test_a_world_without_ethernet() -> None:
    async def work() -> None:
        network = SimulatedNetwork(World(ethernet=False))
        recorder = Recorder()
        network.begin(recorder, Wanted(), None)
        network.plug_ethernet()
        await asyncio.sleep(60)
        assert network.ethernet is None
        assert network.interface_of("127.0.0.1") is None
        assert recorder.events == []
        await network.close()

    run(work())


def test_an_unplugged_world() -> None:
    async def work() -> None:
        network = SimulatedNetwork(World(ethernet_plugged=False, pace=0))
        recorder = Recorder()
        network.begin(recorder, Wanted(), None)
        await asyncio.sleep(60)
        assert recorder.events == []
        network.plug_ethernet()
        await recorder.until("ethernet connected", "ethernet 192.168.101.20")
        await network.close()

    run(work())


def test_foreign_addresses_count_for_station_then_softap_then_ethernet() -> None:
    async def work() -> None:
        async with network_of(AT_ONCE) as (network, _):
            assert network.interface_of("127.0.0.1") is Interface.ETHERNET
            network.apply(Wanted(softap_mode=True, softap=SOFTAP))
            assert network.interface_of("127.0.0.1") is Interface.SOFTAP
            await network.join(GOOD, keep=False)
            assert network.interface_of("127.0.0.1") is Interface.STATION
            assert network.interface_of("192.168.4.1") is Interface.SOFTAP

    run(work())


def test_closing_ends_a_join() -> None:
    async def work() -> None:
        network = SimulatedNetwork(World())
        network.begin(Recorder(), Wanted(), None)
        joining = asyncio.ensure_future(network.join(GOOD, keep=False))
        await asyncio.sleep(0.1)
        await network.close()
        with pytest.raises(JoinError):
            await joining

    run(work())


def test_what_a_listener_ends_is_told_no_further() -> None:
    async def work() -> None:
        class Quitter(Recorder):
            def ethernet_connected(self) -> None:
                super().ethernet_connected()
                news.end()

        presence = Presence(1, FIXED, 1, FIXED)
        news = NetworkNews(lambda: presence)
        listener = Quitter()
        quitter: NetworkListener = listener
        news.begin(quitter)
        assert listener.events == []
        news.announce()
        assert listener.events == ["ethernet connected"]

    run(work())


def test_passwords_do_not_show() -> None:
    assert "password" not in repr(World().access_points[0]).replace("password=", "")
    assert "password" not in repr(World())


@pytest.mark.parametrize("subnet", ["10.0.0.0/31", "10.0.0.0/33", "10.0.0.1/24", "x"])
def test_impossible_subnets_are_refused(subnet: str) -> None:
    with pytest.raises(ValueError, match=r"netmask|room|host bits|Expected 4"):
        World(station_subnet=subnet)
