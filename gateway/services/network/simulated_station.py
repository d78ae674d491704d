"""The simulated Wi-Fi station: joins, refusals, losses and their time.

State changes at once and is read at once; what takes time are the attempts to join, one
task at a time. `_target` is the access point that the station means to be joined to: while
it is not, a background task tries again and again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway.services.api import (
    AccessPoint,
    Address,
    Credentials,
    JoinError,
    JoinFailure,
    Station,
    Wanted,
)
from gateway.services.network.news import NetworkNews
from gateway.services.network.one_task import OneTask
from gateway.services.network.simulated_air import SimulatedAir, is_meant
from gateway.services.network.simulated_world import (
    STATION_MAC,
    SimulatedAccessPoint,
    World,
    address_in_force,
    lease,
    servers_in_force,
)

_log = logging.getLogger(__name__)

# Seconds at pace 1, as an ESP8266 takes them.
_SCAN: Final = 1.5
_ASSOCIATION: Final = 0.3
_KEY_EXCHANGE: Final = 0.2
_REFUSAL: Final = 2.0
DHCP_SECONDS: Final = 0.4
_NO_DHCP: Final = 15.0
_FIRST_RETRY: Final = 1.0
_LAST_RETRY: Final = 30.0


@dataclass(eq=False, repr=False, slots=True)
class _Association:
    """One stay at an access point, from the key exchange to the loss."""

    number: int
    access_point: SimulatedAccessPoint
    leased: Address | None = None
    # False while the attempt still waits for DHCP: no address is in force until then.
    addressed: bool = False


class SimulatedStation:
    """The station of a SimulatedNetwork, which hands it what the commands ask for."""

    def __init__(self, world: World, news: NetworkNews) -> None:
        self._world = world
        self._news = news
        self._wanted = Wanted()
        self._target: Credentials | None = None
        self._association: _Association | None = None
        self._associations = 0
        self._last_address: Address | None = None
        self._air = SimulatedAir(world.access_points)
        self._attempts: OneTask[JoinError | None] = OneTask()
        self._changed = asyncio.Event()
        self.state = Station(STATION_MAC)

    @property
    def association(self) -> int:
        """The number of the present stay at an access point, 0 while not joined."""
        return self._association.number if self._association else 0

    def begin(self, wanted: Wanted, stored: Credentials | None) -> None:
        """Drop the station unless it is joined to `stored`, which is the target from now on."""
        self._attempts.stop()
        present = self._association
        if present and not (
            present.addressed and stored and is_meant(present.access_point, stored)
        ):
            self._unjoin()
        self._target = stored
        self._settle(wanted)

    def end(self) -> None:
        """Try no more; an access point that is joined stays so."""
        self._attempts.stop()
        if self._association and not self._association.addressed:
            self._unjoin()
        self._target = None

    async def close(self) -> None:
        """End every attempt and wait until it has ended."""
        self.leave()
        await self._attempts.close()

    def apply(self, wanted: Wanted) -> None:
        """Bring MAC, address, DNS and mode to what is `wanted`."""
        if self._wanted.station and not wanted.station:
            self.leave()
        self._settle(wanted)

    def leave(self) -> None:
        """Leave the access point and forget the target."""
        self._target = None
        self._attempts.stop()
        self._unjoin()

    async def scan(self, ssid: bytes | None) -> Sequence[AccessPoint]:
        """What is in reach after a scan's time: all but the hidden, and those named `ssid`."""
        await self._pause(_SCAN)
        return self._air.scan(ssid)

    async def join(self, credentials: Credentials) -> None:
        """Leave the present access point and join another; JoinError or an address."""
        self.leave()
        if not self._wanted.station:
            raise JoinError(JoinFailure.OTHER, "The station is switched off.")
        attempt = self._attempts.start(self._join_for_caller(credentials))
        try:
            await asyncio.wait((attempt,))
        except asyncio.CancelledError:
            if self._attempts.holds(attempt):
                self.leave()
            raise
        if attempt.cancelled():
            raise JoinError(JoinFailure.OTHER, "Another join, a leave or a reset came between.")
        if failure := attempt.result():
            raise failure

    def lose(self, ssid: bytes) -> None:
        """The access points of that name go out of reach."""
        self._air.lose(ssid)
        if self._association and self._association.access_point.ssid == ssid:
            self._unjoin()
            self._pursue()

    def restore(self, ssid: bytes) -> None:
        """The access points of that name are in reach again."""
        self._air.restore(ssid)
        self._changed.set()

    def _settle(self, wanted: Wanted) -> None:
        before, self._wanted = self._wanted, wanted
        if _mac(wanted) != _mac(before) or not wanted.station:
            self._unjoin()
        present = self._association
        if present and present.addressed and wanted.station_dhcp and not before.station_dhcp:
            present.leased = self._lease(present.access_point)
        if present and wanted.station_address and not wanted.station_dhcp:
            # Nothing to wait for, even where an attempt still waits for DHCP.
            present.addressed = True
        self._refresh()
        self._changed.set()
        self._pursue()

    def _pursue(self) -> None:
        """Make for the target in the background, unless it is reached or under way."""
        idle = not self._association and not self._attempts.running
        if self._target and self._wanted.station and idle:
            self._attempts.start(self._join_again_and_again(self._target))

    def _refresh(self) -> None:
        """Work out the state from the association and what is wanted."""
        wanted, present = self._wanted, self._association
        leased = present.leased if present else None
        address = None
        if present and present.addressed:
            address = address_in_force(
                wanted.station_dhcp, wanted.station_address, leased, self._last_address
            )
            self._last_address = address or self._last_address
        self.state = Station(
            _mac(wanted),
            present.access_point.seen() if present else None,
            address,
            servers_in_force(wanted.dns, leased, address),
        )
        self._news.announce_soon()

    def _unjoin(self) -> None:
        if self._association:
            _log.debug("left %r", self._association.access_point.ssid)
            self._association = None
            self._refresh()

    def _lease(self, access_point: SimulatedAccessPoint) -> Address | None:
        if not access_point.dhcp:
            return None
        return lease(self._world.station_subnet, _mac(self._wanted))

    async def _pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds * self._world.pace)

    async def _join_for_caller(self, credentials: Credentials) -> JoinError | None:
        failure = await self._join_once(credentials)
        if failure is None:
            # In the same turn as the address came, before it can be told.
            self._news.station_address_is_known()
        return failure

    async def _join_again_and_again(self, credentials: Credentials) -> JoinError | None:
        retry = _FIRST_RETRY
        level = logging.WARNING
        self._changed.clear()
        while failure := await self._join_once(credentials):
            _log.log(level, "not joined to %r, trying again: %s", credentials.ssid, failure)
            # Said once: the same cause every 30 s would fill the journal.
            level = logging.DEBUG
            await self._wait_for_change(retry)
            retry = min(2 * retry, _LAST_RETRY)
        return None

    async def _wait_for_change(self, seconds: float) -> None:
        """Wait to try again, no longer than until something may have made a difference."""
        # Without a pace nothing but a change ends it: trying without pause would take the
        # whole processor for an access point that is not there.
        limit = seconds * self._world.pace or None
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), limit)
        self._changed.clear()

    async def _join_once(self, credentials: Credentials) -> JoinError | None:
        """One attempt; returns why it failed, because nobody may be there to catch it."""
        try:
            await self._pause(0)
            await self._associate(credentials)
            await self._get_address()
        except JoinError as failure:
            self._unjoin()
            return failure
        self._target = credentials
        return None

    async def _associate(self, credentials: Credentials) -> None:
        access_point = self._air.strongest(credentials)
        if access_point is None:
            await self._pause(_SCAN)
            raise JoinError(JoinFailure.NO_SUCH_AP, "No access point of that name is in reach.")
        await self._pause(_ASSOCIATION)
        try:
            access_point.admit(credentials.password)
        except JoinError as refusal:
            if refusal.failure is JoinFailure.WRONG_PASSWORD:
                await self._pause(_REFUSAL - _ASSOCIATION)
            raise
        await self._pause(_KEY_EXCHANGE)
        if self._air.strongest(credentials) is not access_point:
            raise JoinError(JoinFailure.NO_SUCH_AP, "The access point went out of reach.")
        self._associations += 1
        self._association = _Association(self._associations, access_point)
        self._refresh()
        self._news.announce()

    async def _get_address(self) -> None:
        present = self._association
        if present is None:
            raise JoinError(JoinFailure.OTHER, "The access point was left at once.")
        if self._wanted.station_dhcp:
            await self._pause(DHCP_SECONDS if present.access_point.dhcp else _NO_DHCP)
            present.leased = self._lease(present.access_point)
        if self._association is not present:
            raise JoinError(JoinFailure.NO_SUCH_AP, "The access point went out of reach.")
        present.addressed = True
        self._refresh()
        if self.state.address is None:
            raise JoinError(
                JoinFailure.TIMED_OUT,
                "No address came: the access point has no DHCP, or none was set by hand.",
            )


def _mac(wanted: Wanted) -> str:
    return wanted.station_mac or STATION_MAC
