"""What every Network must do, whatever stands behind it.

A test class inherits `NetworkContract` and says how to come by a `Harness`: a started network
with an access point and a cable that the test can pull.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from gateway.services.api import (
    Address,
    Credentials,
    Encryption,
    Ethernet,
    Interface,
    JoinError,
    JoinFailure,
    Network,
    SoftAp,
    SoftApSettings,
    Station,
    Wanted,
)

FIXED = Address("10.9.8.7", "10.9.8.1", "255.255.255.0")
OTHER_FIXED = Address("10.9.8.70", "10.9.8.1", "255.255.255.0")
OTHER_MAC = "02:12:34:56:78:9a"
SOFTAP = SoftApSettings(b"gateway", b"longenough", 5, Encryption.WPA2)


class Recorder:
    """A NetworkListener that keeps what it hears, in order, and can be awaited."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self._news = asyncio.Event()

    def _heard(self, event: str) -> None:
        self.events.append(event)
        self._news.set()

    def station_connected(self) -> None:
        self._heard("connected")

    def station_got_address(self) -> None:
        self._heard("got address")

    def station_lost(self) -> None:
        self._heard("lost")

    def ethernet_connected(self) -> None:
        self._heard("ethernet connected")

    def ethernet_got_address(self, ip: str) -> None:
        self._heard(f"ethernet {ip}")

    def ethernet_lost(self) -> None:
        self._heard("ethernet lost")

    async def until(self, *events: str) -> None:
        """Wait until exactly `events` were heard since the last call; fail on any other."""
        while self.events != list(events):
            assert self.events == list(events[: len(self.events)]), self.events
            self._news.clear()
            await self._news.wait()
        self.events.clear()

    def clear(self) -> None:
        """Forget what was heard."""
        self.events.clear()


@dataclass(frozen=True)
class Harness:
    """A network to try, what can be joined in it, and hands to pull the plug with.

    `settle` waits until nothing is under way any more. Ethernet is plugged, its DHCP works.
    """

    network: Network
    good: Credentials
    other: Credentials
    unknown: Credentials
    settle: Callable[[], Awaitable[None]]
    lose_access_point: Callable[[], None]
    restore_access_point: Callable[[], None]
    unplug_ethernet: Callable[[], None]
    plug_ethernet: Callable[[], None]


def but_for_the_signal(network: Network) -> tuple[Station, SoftAp, Ethernet | None]:
    """The interfaces as they are, without what a radio measures anew at any time."""
    station = network.station
    if station.access_point is not None:
        station = replace(station, access_point=replace(station.access_point, rssi=0))
    return station, network.softap, network.ethernet


class EthernetContract(ABC):
    """What takes no radio. `harness` gives a fresh world, `run` the loop to run it on."""

    @abstractmethod
    def harness(self) -> AbstractAsyncContextManager[Harness]:
        """A started network that no session has begun on; closed at the end."""

    @abstractmethod
    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a test's coroutine."""

    def tried(self, test: Callable[[Harness, Recorder], Coroutine[Any, Any, None]]) -> None:
        """Run `test` on a fresh harness with a session begun and its first events over."""

        async def work() -> None:
            async with self.harness() as harness:
                recorder = await self.begun(harness)
                await test(harness, recorder)

        self.run(work())

    async def begun(
        self, harness: Harness, wanted: Wanted | None = None, stored: Credentials | None = None
    ) -> Recorder:
        """A session has begun, and its first events are over and forgotten."""
        recorder = Recorder()
        harness.network.begin(recorder, wanted or Wanted(), stored)
        await harness.settle()
        recorder.clear()
        return recorder

    def test_beginning_tells_ethernet_once_and_later(self) -> None:
        async def work() -> None:
            async with self.harness() as harness:
                recorder = Recorder()
                harness.network.begin(recorder, Wanted(), None)
                assert recorder.events == []
                await harness.settle()
                ethernet = harness.network.ethernet
                assert ethernet is not None
                assert ethernet.address is not None
                assert ethernet.plugged
                await recorder.until("ethernet connected", f"ethernet {ethernet.address.ip}")

        self.run(work())

    def test_ethernet_address_changes_at_once_and_is_told_later(self) -> None:
        async def test(harness: Harness, recorder: Recorder) -> None:
            network = harness.network
            network.apply(Wanted(ethernet_dhcp=False, ethernet_address=FIXED))
            assert network.ethernet is not None
            assert network.ethernet.address == FIXED
            assert recorder.events == []
            await recorder.until(f"ethernet {FIXED.ip}")

        self.tried(test)

    def test_ethernet_without_dhcp_keeps_the_leased_address(self) -> None:
        async def test(harness: Harness, recorder: Recorder) -> None:
            before = harness.network.ethernet
            harness.network.apply(Wanted(ethernet_dhcp=False))
            await harness.settle()
            assert harness.network.ethernet == before
            assert recorder.events == []

        self.tried(test)

    def test_beginning_applies_what_is_wanted(self) -> None:
        async def work() -> None:
            async with self.harness() as harness:
                wanted = Wanted(ethernet_dhcp=False, ethernet_address=FIXED, softap_mac=OTHER_MAC)
                recorder = Recorder()
                harness.network.begin(recorder, wanted, None)
                await harness.settle()
                await recorder.until("ethernet connected", f"ethernet {FIXED.ip}")
                assert harness.network.softap.mac == OTHER_MAC

        self.run(work())

    def test_the_cable_is_told(self) -> None:
        async def test(harness: Harness, recorder: Recorder) -> None:
            before = harness.network.ethernet
            assert before is not None
            assert before.address is not None
            harness.unplug_ethernet()
            await recorder.until("ethernet lost")
            assert harness.network.ethernet == replace(before, plugged=False, address=None, dns=())
            harness.plug_ethernet()
            await recorder.until("ethernet connected", f"ethernet {before.address.ip}")
            assert harness.network.ethernet == before

        self.tried(test)


class NetworkContract(EthernetContract):
    """The whole suite."""

    def test_beginning_joins_the_stored_access_point(self) -> None:
        async def work() -> None:
            async with self.harness() as harness:
                recorder = Recorder()
                harness.network.begin(recorder, Wanted(), harness.good)
                await harness.settle()
                assert recorder.events[2:] == ["connected", "got address"]
                access_point = harness.network.station.access_point
                assert access_point is not None
                assert access_point.ssid == harness.good.ssid

        self.run(work())

    def test_join_tells_connected_and_leaves_the_address_to_the_caller(self) -> None:
        async def test(harness: Harness, recorder: Recorder) -> None:
            await harness.network.join(harness.good, keep=False)
            assert recorder.events == ["connected"]
            station = harness.network.station
            assert station.access_point is not None
            assert station.access_point.ssid == harness.good.ssid
            assert station.address is not None
            await harness.settle()
            assert recorder.events == ["connected"]

        self.tried(test)

    def test_join_leaves_the_present_access_point_first(self) -> None:
        async def test(harness: Harness, recorder: Recorder) -> None:
            await harness.network.join(harness.good, keep=False)
            recorder.clear()
            await harness.network.join(harness.other, keep=False)
            assert recorder.events == ["lost", "connected"]
            assert harness.network.station.access_point is not None
            assert harness.network.station.access_point.ssid == harness.other.ssid

        self.tried(test)

    @pytest.mark.parametrize(
        ("name", "failure"),
        [("password", JoinFailure.WRONG_PASSWORD), ("ssid", JoinFailure.NO_SUCH_AP)],
    )
    def test_a_failed_join_leaves_the_station_unjoined(
        self, name: str, failure: JoinFailure
    ) -> None:
        async def test(harness: Harness, recorder: Recorder) -> None:
            await harness.network.join(harness.good, keep=False)
            wrong = replace(harness.good, password=b"not the one")
            with pytest.raises(JoinError) as caught:
                await harness.network.join(
                    wrong if name == "password" else harness.unknown, keep=False
                )
            assert caught.value.failure is failure
            await harness.settle()
            assert harness.network.station.access_point is None
            assert harness.network.station.address is None
            assert recorder.events == ["connected", "lost"]

        self.tried(test)

    def test_a_cancelled_join_leaves_the_station_unjoined(self) -> None:
        async def test(harness: Harness, recorder: Recorder) -> None:
            joining = asyncio.ensure_future(harness.network.join(harness.good, keep=False))
            await recorder.until("connected")
            joining.cancel()
            with pytest.raises(asyncio.CancelledError):
                await joining
            await harness.settle()
            assert harness.network.station.access_point is None
            assert recorder.events == ["lost"]

        self.tried(test)

    def test_leave_shows_at_once_and_is_told_later(self) -> None:
        async def test(harness: Harness, recorder: Recorder) -> None:
            await harness.network.join(harness.good, keep=False)
            recorder.clear()
            harness.network.leave()
            assert harness.network.station.access_point is None
            assert harness.network.station.address is None
            assert recorder.events == []
            await harness.settle()
            assert recorder.events == ["lost"]
            harness.network.leave()
            await harness.settle()
            assert recorder.events == ["lost"]

        self.tried(test)

    def test_a_lost_access_point_is_joined_again(self) -> None:
        async def test(harness: Harness, recorder: Recorder) -> None:
            await harness.network.join(harness.good, keep=False)
            recorder.clear()
            harness.lose_access_point()
            await recorder.until("lost")
            assert harness.network.station.access_point is None
            harness.restore_access_point()
            await recorder.until("connected", "got address")

        self.tried(test)

    def test_a_lost_access_point_is_not_joined_again_after_leave(self) -> None:
        async def test(harness: Harness, recorder: Recorder) -> None:
            await harness.network.join(harness.good, keep=False)
            recorder.clear()
            harness.lose_access_point()
            await recorder.until("lost")
            harness.network.leave()
            harness.restore_access_point()
            await harness.settle()
            assert recorder.events == []

        self.tried(test)

    def test_scan_shows_what_is_in_reach(self) -> None:
        async def test(harness: Harness, recorder: Recorder) -> None:
            seen = {each.ssid for each in await harness.network.scan()}
            assert {harness.good.ssid, harness.other.ssid} <= seen
            assert harness.unknown.ssid not in seen
            harness.lose_access_point()
            seen = {each.ssid for each in await harness.network.scan()}
            assert harness.good.ssid not in seen
            assert harness.other.ssid in seen

        self.tried(test)

    def test_station_address_changes_at_once_and_is_told_later(self) -> None:
        async def test(harness: Harness, recorder: Recorder) -> None:
            network = harness.network
            await network.join(harness.good, keep=False)
            leased = network.station.address
            recorder.clear()
            fixed = Wanted(station_dhcp=False, station_address=FIXED)
            network.apply(fixed)
            assert network.station.address == FIXED
            assert recorder.events == []
            await recorder.until("got address")
            network.apply(replace(fixed, station_address=OTHER_FIXED))
            assert network.station.address == OTHER_FIXED
            await recorder.until("got address")
            network.apply(Wanted())
            await recorder.until("got address")
            assert network.station.address == leased

        self.tried(test)

    def test_dhcp_takes_over_from_the_address_that_was_joined_with(self) -> None:
        async def test(harness: Harness, recorder: Recorder) -> None:
            network = harness.network
            network.apply(Wanted(station_dhcp=False, station_address=FIXED))
            await network.join(harness.good, keep=False)
            assert network.station.address == FIXED
            recorder.clear()
            network.apply(Wanted())
            await recorder.until("got address")
            assert network.station.address not in (None, FIXED)
            assert network.station.dns

        self.tried(test)

    def test_dhcp_off_without_an_address_keeps_the_leased_one(self) -> None:
        async def test(harness: Harness, recorder: Recorder) -> None:
            await harness.network.join(harness.good, keep=False)
            leased = harness.network.station.address
            recorder.clear()
            harness.network.apply(Wanted(station_dhcp=False))
            await harness.settle()
            assert harness.network.station.address == leased
            assert recorder.events == []

        self.tried(test)

    def test_what_does_not_change_is_not_touched(self) -> None:
        async def test(harness: Harness, recorder: Recorder) -> None:
            network = harness.network
            await network.join(harness.good, keep=False)
            await harness.settle()
            before = but_for_the_signal(network)
            recorder.clear()
            network.apply(Wanted())
            await harness.settle()
            after = but_for_the_signal(network)
            assert after == before, f"{before} became {after}"
            assert recorder.events == []

        self.tried(test)

    def test_a_mode_without_station_leaves(self) -> None:
        async def test(harness: Harness, recorder: Recorder) -> None:
            await harness.network.join(harness.good, keep=False)
            recorder.clear()
            harness.network.apply(Wanted(station=False, softap_mode=True))
            assert harness.network.station.access_point is None
            assert recorder.events == []
            await recorder.until("lost")
            harness.network.apply(Wanted())
            await harness.settle()
            assert recorder.events == []

        self.tried(test)

    def test_a_new_mac_joins_again(self) -> None:
        async def test(harness: Harness, recorder: Recorder) -> None:
            await harness.network.join(harness.good, keep=False)
            recorder.clear()
            harness.network.apply(Wanted(station_mac=OTHER_MAC))
            assert harness.network.station.mac == OTHER_MAC
            await recorder.until("lost", "connected", "got address")
            assert harness.network.station.mac == OTHER_MAC

        self.tried(test)

    def test_dns_is_the_users_or_dhcps(self) -> None:
        async def test(harness: Harness, recorder: Recorder) -> None:
            await harness.network.join(harness.good, keep=False)
            leased = harness.network.station.dns
            recorder.clear()
            assert leased
            harness.network.apply(Wanted(dns=("9.9.9.9", "1.1.1.1")))
            assert harness.network.station.dns == ("9.9.9.9", "1.1.1.1")
            harness.network.apply(Wanted())
            await harness.settle()
            assert harness.network.station.dns == leased
            assert recorder.events == []

        self.tried(test)

    def test_the_end_stops_the_background_join(self) -> None:
        async def work() -> None:
            async with self.harness() as harness:
                recorder = Recorder()
                harness.network.begin(recorder, Wanted(), harness.good)
                harness.network.end()
                await harness.settle()
                assert harness.network.station.access_point is None
                assert recorder.events == []

        self.run(work())

    def test_softap_is_on_air_only_with_mode_and_settings(self) -> None:
        async def test(harness: Harness, recorder: Recorder) -> None:
            network = harness.network
            for wanted in (Wanted(softap_mode=True), Wanted(softap=SOFTAP)):
                network.apply(wanted)
                assert (network.softap.on_air, network.softap.address) == (False, None)
            network.apply(Wanted(softap_mode=True, softap=SOFTAP))
            assert network.softap.on_air
            assert network.softap.address == Address("192.168.4.1", "192.168.4.1", "255.255.255.0")
            network.apply(Wanted(softap_mode=True, softap=SOFTAP, softap_address=FIXED))
            assert network.softap.address == FIXED

        self.tried(test)

    def test_interface_of_an_address_of_ours(self) -> None:
        async def test(harness: Harness, recorder: Recorder) -> None:
            network = harness.network
            await network.join(harness.good, keep=False)
            assert network.station.address is not None
            assert network.interface_of(network.station.address.ip) is Interface.STATION
            assert network.ethernet is not None
            assert network.ethernet.address is not None
            assert network.interface_of(network.ethernet.address.ip) is Interface.ETHERNET
            assert recorder.events == ["connected"]

        self.tried(test)

    def test_a_reset_keeps_the_stored_access_point_and_tells_all_anew(self) -> None:
        async def test(harness: Harness, recorder: Recorder) -> None:
            network = harness.network
            await network.join(harness.good, keep=True)
            before = network.station
            recorder.clear()
            network.end()
            after = Recorder()
            network.begin(after, Wanted(), harness.good)
            # The signal's strength changes at any time.
            present = network.station.access_point
            assert present is not None
            assert before.access_point is not None
            assert present.bssid == before.access_point.bssid
            assert network.station.address == before.address
            assert after.events == []
            await harness.settle()
            assert after.events[0] == "ethernet connected"
            assert after.events[2:] == ["connected", "got address"]
            assert recorder.events == []

        self.tried(test)

    @pytest.mark.parametrize("other_stored", [False, True])
    def test_a_reset_drops_any_other_access_point_in_silence(self, other_stored: bool) -> None:
        async def test(harness: Harness, recorder: Recorder) -> None:
            network = harness.network
            await network.join(harness.good, keep=False)
            recorder.clear()
            network.end()
            after = Recorder()
            network.begin(after, Wanted(), harness.other if other_stored else None)
            assert network.station.access_point is None
            await harness.settle()
            assert after.events[2:] == (["connected", "got address"] if other_stored else [])
            assert recorder.events == []

        self.tried(test)

    def test_nothing_is_told_after_the_end(self) -> None:
        async def test(harness: Harness, recorder: Recorder) -> None:
            await harness.network.join(harness.good, keep=False)
            recorder.clear()
            harness.network.leave()
            harness.network.end()
            harness.unplug_ethernet()
            await harness.settle()
            assert recorder.events == []

        self.tried(test)
