"""The host's own network, which NetworkManager runs: Wi-Fi station, SoftAP and Ethernet."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from gateway.services.api import (
    AccessPoint,
    Credentials,
    Ethernet,
    Interface,
    NetworkListener,
    ServiceError,
    SoftAp,
    Station,
    Wanted,
)
from gateway.services.network.interfaces import NetworkInterfaces
from gateway.services.network.managed_ethernet import ManagedEthernet
from gateway.services.network.managed_softap import ManagedSoftAp
from gateway.services.network.managed_station import ManagedStation
from gateway.services.network.manager import Manager
from gateway.services.network.news import NetworkNews, Presence
from gateway.services.network.ownership import OwnershipRecord
from gateway.services.network.release import (
    END_PATIENCE,
    END_SECONDS,
    RELEASE_SECONDS,
    release,
)

__all__ = ["ManagedNetwork", "NetworkInterfaces"]

T = TypeVar("T")


class ManagedNetwork:
    """Implements `Network` on a `Manager`; is its listener."""

    def __init__(
        self,
        manager: Manager,
        interfaces: NetworkInterfaces,
        record: OwnershipRecord,
        *,
        share_uplink: bool = False,
        protect_owner: bool = False,
        released_later: bool = False,
    ) -> None:
        self._manager = manager
        self._released_later = released_later
        self._record = record
        self._news = NetworkNews(self._presence)
        self._station = ManagedStation(
            manager, interfaces.station, record, self._news, protect_owner=protect_owner
        )
        self._softap = ManagedSoftAp(
            manager,
            interfaces,
            record,
            share_uplink=share_uplink,
            protect_owner=protect_owner,
        )
        self._ethernet = ManagedEthernet(
            manager, interfaces.ethernet, record, self._news, protect_owner=protect_owner
        )
        self._wanted = Wanted()
        self._was_present = False
        self._next_turn: asyncio.Handle | None = None

    @property
    def station(self) -> Station:
        """The station as it is now."""
        return self._station.state

    @property
    def softap(self) -> SoftAp:
        """The gateway's own access point as it is now."""
        return self._softap.state

    @property
    def ethernet(self) -> Ethernet | None:
        """Ethernet as it is now, None where the host has no such interface."""
        return self._ethernet.state

    @property
    def settled(self) -> bool:
        """Whether nothing is under way, and nothing waits to be tried again."""
        parts = (self._station, self._softap, self._ethernet)
        return self._next_turn is None and all(part.settled for part in parts)

    def interface_of(self, local_address: str) -> Interface | None:
        """The interface that has `local_address`, None if none has."""
        ethernet = self._ethernet.state
        for interface, address in (
            (Interface.STATION, self._station.address),
            (Interface.SOFTAP, self._softap.state.address),
            (Interface.ETHERNET, ethernet.address if ethernet else None),
        ):
            if address is not None and address.ip == local_address:
                return interface
        return None

    async def start(self) -> None:
        """Look for NetworkManager in the background; what it shows is told when it comes."""
        self._manager.listen(self, self._record.has_profile)
        await self._manager.start()
        for part in (self._station, self._softap, self._ethernet):
            part.start()

    async def close(self) -> None:
        """End what is under way, and give the devices back to the owner."""
        self._news.end()
        for part in (self._station, self._softap, self._ethernet):
            await part.close()
        self._manager.listen(None, self._record.has_profile)
        if self._next_turn is not None:
            self._next_turn.cancel()
        await release(
            self._manager,
            self._record,
            END_SECONDS if self._released_later else RELEASE_SECONDS,
            END_PATIENCE,
            goes_on=self._released_later,
        )
        await self._manager.close()

    def begin(self, listener: NetworkListener, wanted: Wanted, stored: Credentials | None) -> None:
        """Begin a session, see `Network.begin`."""
        self._wanted = wanted
        self._station.begin(wanted, stored)
        self._softap.apply(wanted)
        self._ethernet.begin(wanted)
        self._news.begin(listener)

    def announce(self) -> None:
        """Tell now what would be told in the next turns of the loop."""
        if self._next_turn is not None:
            self._next_turn.cancel()
            self._refresh()
        self._news.announce()

    def end(self) -> None:
        """The session ends: nothing is told any more, no access point tried."""
        self._news.end()
        self._station.end()
        self._ethernet.end()

    def check(self, wanted: Wanted) -> None:
        """Raise ServiceError where this machine cannot, or may not, be brought to `wanted`."""
        for obstacle_to, concerned in (
            (self._station.obstacle, ("station",)),
            (self._softap.obstacle, ("station", "softap_mode", "softap")),
            (self._ethernet.obstacle, ("ethernet_mac",)),
        ):
            # What stands in the way of something else is no reason to refuse this.
            changes = any(getattr(wanted, it) != getattr(self._wanted, it) for it in concerned)
            if changes and (obstacle := obstacle_to(wanted)):
                raise ServiceError(obstacle)

    def apply(self, wanted: Wanted) -> None:
        """Converge to `wanted`: at once to be read, later to be heard."""
        self._wanted = wanted
        self._station.apply(wanted)
        self._softap.apply(wanted)
        self._ethernet.apply(wanted)
        self._news.announce_soon()

    async def scan(self, ssid: bytes | None = None) -> Sequence[AccessPoint]:
        """The access points in reach, see `Network.scan`."""
        return await self._in_a_task(self._station.scan(ssid))

    async def join(self, credentials: Credentials, *, keep: bool) -> None:
        """Join an access point, see `Network.join`."""
        await self._in_a_task(self._station.join(credentials, keep))

    def leave(self) -> None:
        """Leave the access point and stay away."""
        self._station.leave()

    @staticmethod
    async def _in_a_task(work: Coroutine[Any, Any, T]) -> T:
        # A command's first steps are taken outside of any task, where no time limit can be set.
        return await asyncio.get_running_loop().create_task(work)

    def manager_changed(self) -> None:
        """The mirror is another one: look at it in the next turn, once for many changes."""
        if self._manager.present != self._was_present:
            self._was_present = self._manager.present
            for part in (self._station, self._softap, self._ethernet):
                part.manager_came_or_went()
        if self._next_turn is None:
            self._next_turn = asyncio.get_running_loop().call_soon(self._refresh)

    def device_state_changed(self, device: str, new: int, old: int, reason: int) -> None:
        """A device has taken a step: looked at now, as the next step may undo it."""
        self._station.device_state_changed(device, new, old, reason)
        self._ethernet.device_state_changed(device, new, old, reason)
        self.manager_changed()

    def _refresh(self) -> None:
        self._next_turn = None
        self._station.refresh()
        point = self._station.state.access_point
        self._softap.follow_station(point.channel if point else 0)
        self._softap.refresh()
        self._ethernet.refresh()

    def _presence(self) -> Presence:
        return Presence(
            self._station.association,
            self._station.announced_address,
            self._ethernet.cable,
            self._ethernet.address,
        )
