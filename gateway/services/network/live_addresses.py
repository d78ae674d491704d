"""The addresses of a connection that is up: what they are, and bringing them to what is asked.

`Device.Reapply` changes a live connection and no profile, so the owner's own profile stays as
it was, and comes back as it was.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import Final

from gateway.services.api import Address, Interface, Wanted
from gateway.services.network import view
from gateway.services.network.convergence import Convergence
from gateway.services.network.ip_settings import Ipv4
from gateway.services.network.manager import DeviceState, Manager, ManagerError, Profile
from gateway.services.network.profiles import with_ipv4

logger = logging.getLogger("gateway.network")

_CHANGE_SECONDS: Final = 15.0


NOTHING_ASKED: Final = Ipv4()


class LiveAddresses:
    """Follows one device's active connection."""

    def __init__(self, manager: Manager, which: Interface, convergence: Convergence) -> None:
        self._manager = manager
        self._which = which
        self._convergence = convergence
        self._device: str | None = None
        self._active: str | None = None
        self._came_with: tuple[str, Ipv4] | None = None
        self._in_force = NOTHING_ASKED
        self._brought = False
        self._original: Profile | None = None
        self._refused: Ipv4 | None = None
        self._changing = False
        self.address: Address | None = None
        self.dns: tuple[str, ...] = ()

    @property
    def in_force(self) -> Ipv4:
        """What the live connection was last brought to, or came with."""
        if self._came_with is not None and self._is_of_this_run:
            return self._came_with[1]
        return self._in_force

    @property
    def _is_of_this_run(self) -> bool:
        return self._came_with is not None and self._came_with[0] == self._active

    def came_with(self, active: str, asked: Ipv4) -> None:
        """The connection `active` is made with what is asked: there is nothing to change."""
        self._came_with = (active, asked)

    def follow(self, device: str | None, active: str | None) -> None:
        """Look at the mirror; `active` is None while the interface has no connection."""
        if active != self._active:
            self._active, self._in_force, self._brought = active, NOTHING_ASKED, False
            self._original, self._refused = None, None
            self._changing, self.address, self.dns = False, None, ()
        self._device = device
        address = self._mirrored()
        # While it is changed there is a moment without one, of which nobody need hear.
        if address is not None or not self._changing:
            self.address = address
        if address is not None and device is not None:
            self.dns = view.name_servers(self._manager.objects, device)

    def shown(self, asked: Ipv4) -> Address | None:
        """The address to show: a fixed one as soon as it was asked, unless it was refused.

        Once it was in force it is the real one: somebody else may change it again.
        """
        arrived = asked == self.in_force and not self._changing
        return self.address if arrived else self.expected(asked)

    def expected(self, asked: Ipv4) -> Address | None:
        """The address to wait for: a fixed one if it was asked, unless it was refused."""
        if self.address is None or asked.dhcp or asked.fixed is None or asked == self._refused:
            return self.address
        return asked.fixed

    async def settle(self, wanted: Wanted, *, owners: bool) -> None:
        """Bring the live connection to what is wanted; with `owners` it is not one of ours.

        What NetworkManager refuses is logged, and not tried again on this connection. Raises
        Superseded.
        """
        asked, before = Ipv4.of(wanted, self._which), self.in_force
        # What a connection of ours came with that an earlier run left nobody knows.
        sure = owners or self._brought or self._is_of_this_run
        device, active = self._device, self._active
        if asked != self._refused:
            # Whoever asks for it again later has it tried again.
            self._refused = None
        if device is None or active is None or asked == self._refused:
            return
        if sure and asked == before:
            return
        self._changing = True
        try:
            applied, version = await self._manager.applied(device)
            self._original = self._original or applied
            if asked.static and self.address and asked.static.ip == self.address.ip:
                # The leased address stays as a fixed one, and so do the servers leased with it.
                wanted = replace(wanted, dns=asked.dns or self.dns)
            profile = with_ipv4(
                self._original, wanted, self._which, owners=owners, mac=self._name_giver(wanted)
            )
            await self._manager.reapply(device, profile, version)
            if self._active != active:
                return
            self._in_force, self._came_with, self._brought = asked, None, True
            await self._arrival(before, asked)
        except ManagerError as error:
            logger.error("the addresses of a live connection stay as they are: %s", error)
            self._refused = asked
        finally:
            self._changing = False
            self.follow(self._device, self._active)

    def _name_giver(self, wanted: Wanted) -> str | None:
        """The MAC that the name for DHCP is made of where none was asked for."""
        ethernet = self._which is Interface.ETHERNET
        asked = wanted.ethernet_mac if ethernet else wanted.station_mac
        if asked is not None or self._device is None:
            return asked
        return view.own_address(self._manager.objects, self._device)

    async def _arrival(self, before: Ipv4, asked: Ipv4) -> None:
        def arrived() -> bool:
            address = self._mirrored()
            if self._active is None or address is None:
                return self._active is None
            if asked.dhcp:
                return before.dhcp or address != before.fixed
            return asked.fixed is None or address.ip == asked.fixed.ip

        await self._convergence.until(arrived, asyncio.get_running_loop().time() + _CHANGE_SECONDS)

    def _mirrored(self) -> Address | None:
        objects = self._manager.objects
        if self._device is None or self._active is None:
            return None
        if view.device_state(objects, self._device) != DeviceState.ACTIVATED:
            return None
        return view.address(objects, self._device)
