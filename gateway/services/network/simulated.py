"""A network that is made up: Wi-Fi and Ethernet in memory, for a desk without a radio.

The embedded default of `console`, and what the tests run on. Sockets, resolver and clock
stay the host's own; only which interface is up, joined and addressed is made up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from gateway.services.api import (
    AccessPoint,
    Address,
    Credentials,
    Ethernet,
    Interface,
    NetworkListener,
    SoftAp,
    Station,
    Wanted,
)
from gateway.services.network.news import NetworkNews, Presence
from gateway.services.network.simulated_station import DHCP_SECONDS, SimulatedStation
from gateway.services.network.simulated_world import (
    ETHERNET_MAC,
    SOFTAP_MAC,
    SimulatedAccessPoint,
    World,
    address_in_force,
    lease,
    servers_in_force,
)

__all__ = ["SimulatedAccessPoint", "SimulatedNetwork", "World"]

_SOFTAP_ADDRESS = Address("192.168.4.1", "192.168.4.1", "255.255.255.0")


class SimulatedNetwork:
    """Implements `Network` on a `World`.

    Everything runs on the event loop; no call blocks, and what the listener hears comes in a
    later turn of the loop, also at pace 0. `lose_access_point`, `restore_access_point`,
    `unplug_ethernet` and `plug_ethernet` do to it what reality does.
    """

    def __init__(self, world: World | None = None) -> None:
        self._world = world or World()
        self._news = NetworkNews(self._presence)
        self._wanted = Wanted()
        self._station = SimulatedStation(self._world, self._news)
        self._softap = SoftAp(SOFTAP_MAC)
        self._cable = 1 if self._world.ethernet and self._world.ethernet_plugged else 0
        self._cables = self._cable
        self._ethernet_addressed = bool(self._cable)
        self._ethernet_last: Address | None = None
        self._ethernet = self._make_ethernet()
        self._dhcp: asyncio.TimerHandle | None = None

    @property
    def world(self) -> World:
        """The world as it was configured; what tests have pulled is not in it."""
        return self._world

    @property
    def station(self) -> Station:
        """The station as it is now."""
        return self._station.state

    @property
    def softap(self) -> SoftAp:
        """The gateway's own access point as it is now; no client can hear it."""
        return self._softap

    @property
    def ethernet(self) -> Ethernet | None:
        """Ethernet as it is now; None in a world without it."""
        return self._ethernet if self._world.ethernet else None

    def interface_of(self, local_address: str) -> Interface | None:
        """The interface that a socket bound to `local_address` counts for.

        Sockets are the host's own, so that their addresses are seldom those of the made-up
        interfaces: any other address counts for the station if it has an address, else for
        the SoftAP if it is on air, else for Ethernet if it has an address.
        """
        up = [
            (interface, address.ip)
            for interface, address in (
                (Interface.STATION, self.station.address),
                (Interface.SOFTAP, self._softap.address),
                (Interface.ETHERNET, self._ethernet.address),
            )
            if address is not None
        ]
        exact = (interface for interface, ip in up if ip == local_address)
        return next(exact, up[0][0] if up else None)

    async def start(self) -> None:
        """Nothing stands behind."""

    async def close(self) -> None:
        """End what is under way and wait for its end."""
        self._news.end()
        self._stop_dhcp()
        await self._station.close()

    def begin(self, listener: NetworkListener, wanted: Wanted, stored: Credentials | None) -> None:
        """Begin a session, see `Network.begin`."""
        self._station.begin(wanted, stored)
        self._apply_wired(wanted)
        self._news.begin(listener)

    def announce(self) -> None:
        """Tell now what would be told in the next turn of the loop."""
        self._news.announce()

    def end(self) -> None:
        """The session ends: nothing is told any more, no access point tried."""
        self._news.end()
        self._station.end()

    def check(self, wanted: Wanted) -> None:
        """Everything can be had."""

    def apply(self, wanted: Wanted) -> None:
        """Converge to `wanted`: at once to be read, later to be heard."""
        self._station.apply(wanted)
        self._apply_wired(wanted)
        self._news.announce_soon()

    async def scan(self, ssid: bytes | None = None) -> Sequence[AccessPoint]:
        """The access points in reach, after 1.5 s at pace 1; hidden ones only by name."""
        return await self._station.scan(ssid)

    async def join(self, credentials: Credentials, *, keep: bool) -> None:
        """Join an access point, see `Network.join`; `keep` means nothing in memory."""
        await self._station.join(credentials)

    def leave(self) -> None:
        """Leave the access point and stay away."""
        self._station.leave()

    def lose_access_point(self, ssid: bytes) -> None:
        """Take the access points named `ssid` out of reach; a station joined there is lost."""
        self._station.lose(ssid)

    def restore_access_point(self, ssid: bytes) -> None:
        """Bring them back; a station that was lost there joins again."""
        self._station.restore(ssid)

    def unplug_ethernet(self) -> None:
        """Pull the cable."""
        self._stop_dhcp()
        self._cable = 0
        self._ethernet_addressed = False
        self._ethernet = self._make_ethernet()
        self._news.announce_soon()

    def plug_ethernet(self) -> None:
        """Put the cable in; with DHCP an address follows 0.4 s later at pace 1."""
        if self._cable or not self._world.ethernet:
            return
        self._cables += 1
        self._cable = self._cables
        self._ethernet = self._make_ethernet()
        self._news.announce_soon()
        seconds = DHCP_SECONDS * self._world.pace if self._wanted.ethernet_dhcp else 0
        loop = asyncio.get_running_loop()
        self._dhcp = loop.call_later(seconds, self._address_ethernet)

    def _stop_dhcp(self) -> None:
        if self._dhcp is not None:
            self._dhcp.cancel()

    def _address_ethernet(self) -> None:
        self._ethernet_addressed = True
        self._ethernet = self._make_ethernet()
        self._news.announce_soon()

    def _presence(self) -> Presence:
        return Presence(
            self._station.association,
            self.station.address,
            self._cable,
            self._ethernet.address,
        )

    def _apply_wired(self, wanted: Wanted) -> None:
        self._wanted = wanted
        on_air = wanted.softap_mode and wanted.softap is not None
        self._softap = SoftAp(
            wanted.softap_mac or SOFTAP_MAC,
            on_air,
            (wanted.softap_address or _SOFTAP_ADDRESS) if on_air else None,
        )
        self._ethernet = self._make_ethernet()

    def _make_ethernet(self) -> Ethernet:
        wanted = self._wanted
        mac = wanted.ethernet_mac or ETHERNET_MAC
        leased = lease(self._world.ethernet_subnet, mac)
        address = None
        if self._ethernet_addressed:
            address = address_in_force(
                wanted.ethernet_dhcp, wanted.ethernet_address, leased, self._ethernet_last
            )
            self._ethernet_last = address or self._ethernet_last
        dns = servers_in_force(wanted.dns, leased, address)
        return Ethernet(mac, bool(self._cable), address, dns)
