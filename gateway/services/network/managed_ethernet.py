"""The cable of a host with NetworkManager.

The owner's connection is left alone until a command asks for something. An address, DNS
servers or a host name are then brought to the live connection, no profile being touched; only
a MAC, or a cable for which nobody has a profile, takes one of our own.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from gateway.services.api import Address, Ethernet, Interface, Wanted
from gateway.services.backoff import Backoff
from gateway.services.network import view
from gateway.services.network.convergence import Changes, Convergence
from gateway.services.network.ethernet_profile import EthernetProfile
from gateway.services.network.ethernet_state import EthernetState
from gateway.services.network.ip_settings import Ipv4
from gateway.services.network.live_addresses import NOTHING_ASKED, LiveAddresses
from gateway.services.network.manager import DeviceState, Manager, ManagerError
from gateway.services.network.news import NetworkNews
from gateway.services.network.others import OtherGateways
from gateway.services.network.ownership import OwnershipRecord

logger = logging.getLogger("gateway.network")

_BY_ITSELF_SECONDS: Final = 1.0
"""What NetworkManager connects by itself it connects sooner."""

_REPLACED_SECONDS: Final = 5.0
"""What takes the place of ours shows sooner, and is not to be replaced in turn."""

_UP_SECONDS: Final = 60.0
"""Longer than NetworkManager waits for an answer by DHCP (45 s)."""

_BOOT_SECONDS: Final = 60.0
"""NetworkManager says within this time of its start that it has brought up what it can."""

_AT_ONCE: Final = 0.05
_FIRST_RETRY: Final = 2.0
_LAST_RETRY: Final = 60.0

PROTECTED: Final = (
    "the Ethernet connection is the owner's, and gateway.toml protects it: "
    "[network] protect_owner = true"
)


class ManagedEthernet:
    """Ethernet of a ManagedNetwork, which hands it what the commands ask for."""

    def __init__(
        self,
        manager: Manager,
        interface: str,
        record: OwnershipRecord,
        news: NetworkNews,
        *,
        protect_owner: bool = False,
    ) -> None:
        self._manager = manager
        self._interface = interface
        self._record = record
        self._news = news
        self._protect_owner = protect_owner
        self._wanted = Wanted()
        self._serves_nobody_elses = False
        self._tidied = False
        self._had_ours = False
        self._others = OtherGateways(manager, record)
        self._backoff = Backoff(_FIRST_RETRY, _LAST_RETRY)
        self._changes = Changes()
        self._convergence = Convergence("Ethernet", self._changes, self._step)
        self._live = LiveAddresses(manager, Interface.ETHERNET, self._convergence)
        self._ours = EthernetProfile(manager, interface, record)
        self._state = EthernetState(manager, interface, self._live, self._ours)

    @property
    def state(self) -> Ethernet | None:
        """Ethernet as it is now, with what was asked; None without such an interface."""
        return self._state.shown

    @property
    def cable(self) -> int:
        """Counts the times that a cable was put in; 0 while there is none."""
        return self._state.cable

    @property
    def address(self) -> Address | None:
        """The address that is in force and is the one wanted, None while it is on its way."""
        return self._state.address

    @property
    def settled(self) -> bool:
        """Whether nothing is under way."""
        return self._convergence.settled

    def start(self) -> None:
        """Begin to bring it to what is wanted."""
        self._convergence.start()

    async def close(self) -> None:
        """End what is under way, and wait for its end."""
        await self._convergence.close()

    def begin(self, wanted: Wanted) -> None:
        """A session begins: what was refused before may be tried again."""
        self._state.refused_mac, self._had_ours = None, False
        self._backoff.reset()
        self._wanted = wanted
        self._convergence.wake()
        self.refresh()

    def end(self) -> None:
        """A session ends; everything stays as it is until the next one begins."""

    def apply(self, wanted: Wanted) -> None:
        """Bring MAC, address, DNS servers and host name to what is wanted."""
        before, self._wanted = self._wanted, wanted
        if before.ethernet_mac != wanted.ethernet_mac:
            self._state.refused_mac, self._had_ours = None, False
        if _asked(before) != _asked(wanted):
            self._backoff.reset()
            self._convergence.wake()
        self.refresh()

    def obstacle(self, wanted: Wanted) -> str | None:
        """Why the cable may not be brought to `wanted`, None if it may.

        Only another MAC takes a profile of ours in the place of the owner's.
        """
        new = wanted.ethernet_mac not in (None, self._state.current_mac)
        return PROTECTED if self._is_protected and new else None

    @property
    def _is_protected(self) -> bool:
        owners = self._state.active is not None and not self._state.is_ours
        return self._protect_owner and owners

    def manager_came_or_went(self) -> None:
        """NetworkManager runs now, or does not any more."""
        self._ours.lost()
        self._backoff.reset()
        self._convergence.wake()

    def device_state_changed(self, device: str, new: int, old: int, reason: int) -> None:
        """A device has taken a step, see `ManagerListener`."""
        if device == self._state.device:
            self.refresh()

    def refresh(self) -> None:
        """Work out the state from the mirror and what is wanted; tell later what is new."""
        before = self._state.situation
        self._state.refresh(self._wanted)
        if self._state.situation != before:
            self._convergence.nudge()
        self._changes.notice()
        self._news.announce_soon()

    async def _step(self) -> float | None:
        """Bring the cable to what is wanted, see `Convergence`."""
        device = self._state.device
        if not self._manager.present or device is None:
            return None
        before = self._state.situation
        try:
            await self._ours.adopt()
            await self._tidy(device)
            if self._state.cable and self._state.device_state >= DeviceState.DISCONNECTED:
                await self._converge(device)
        except ManagerError as error:
            again = self._backoff.after(f"Ethernet is not as it was asked for: {error}")
            self.refresh()
            return again
        self._backoff.reset()
        # What happened during the step has woken nobody.
        return None if self._state.situation == before else _AT_ONCE

    async def _tidy(self, device: str) -> None:
        """Once: undo what a gateway that was killed had brought a live connection to."""
        if not self._tidied and self._interface in self._record.touched:
            if self._state.active is not None and not self._state.is_ours:
                await self._manager.reapply(device, {}, 0)
            await self._record.let_go(self._interface)
        self._tidied = True

    async def _converge(self, device: str) -> None:
        seconds = _REPLACED_SECONDS if self._had_ours else _BY_ITSELF_SECONDS
        await self._until(lambda: self._state.active is not None, seconds)
        await self._heed_owner()
        await self._heed_others()
        if self._takes_ours(device):
            await self._be_on_ours(device)
        else:
            await self._ours.give_way(device)
        if DeviceState.IP_CONFIG <= self._state.device_state <= DeviceState.ACTIVATED:
            await self._settle_addresses()

    async def _heed_owner(self) -> None:
        """A connection that is protected keeps its MAC, also one that is still to come up."""
        state = self._state
        if not self._protect_owner or state.asked_mac is None:
            return
        if state.is_ours or state.has_wanted_mac:
            return
        await self._until(
            lambda: self._is_protected or not view.starting_up(self._manager.objects),
            _BOOT_SECONDS,
        )
        if self._is_protected:
            logger.warning("the MAC that is set for Ethernet is not taken: %s", PROTECTED)
            state.refused_mac = state.asked_mac
            self.refresh()

    async def _heed_others(self) -> None:
        """Of two gateways that both want a MAC of their own the later one has it."""
        state = self._state
        if not self._had_ours or state.active is None or state.is_ours or state.has_wanted_mac:
            return
        if await self._others.made(state.active):
            logger.info("another gateway has set the MAC of Ethernet: that stays until it is set")
            state.refused_mac = state.asked_mac
            self.refresh()

    def _takes_ours(self, device: str) -> bool:
        """Whether what is wanted takes a profile of ours."""
        if self._state.asked_mac is not None:
            return self._state.is_ours or not self._state.has_wanted_mac
        if self._state.active is not None and not self._state.is_ours:
            self._serves_nobody_elses = False
            return False
        available = view.available_profiles(self._manager.objects, device)
        if not any(self._ours.is_another(profile) for profile in available):
            # It stays when somebody makes a profile, which need not be one to connect by.
            self._serves_nobody_elses = True
        fixed = Ipv4.of(self._wanted, Interface.ETHERNET).static
        return self._serves_nobody_elses or fixed is not None

    async def _be_on_ours(self, device: str) -> None:
        wanted, mac = self._wanted, self._state.asked_mac
        await self._ours.renew(wanted, self._state.own_mac)
        if self._state.is_ours and self._ours.mac == mac and self._ours.is_known:
            return
        active = await self._ours.activate(device, mac)
        self._had_ours = True
        self._live.came_with(active, Ipv4.of(wanted, Interface.ETHERNET))
        up = await self._came_up(active)
        if not self._state.cable:
            return
        if mac is not None and self._state.current_mac != mac:
            self._state.refused_mac = mac
            raise ManagerError(f"{self._interface} does not take the MAC {mac}")
        if not up:
            raise ManagerError(
                f"{self._interface} got no address; see whether there is a DHCP server, "
                "or set an address by AT+CIPETH"
            )

    async def _came_up(self, active: str) -> bool:
        """Whether an active connection comes up, rather than fails."""
        begun = False

        def over() -> bool:
            nonlocal begun
            begun = begun or self._state.active == active
            return self._is_up(active) or (begun and self._state.active != active)

        await self._until(over, _UP_SECONDS)
        return self._is_up(active)

    def _is_up(self, active: str) -> bool:
        return self._state.active == active and self._state.device_state == DeviceState.ACTIVATED

    async def _settle_addresses(self) -> None:
        ours = self._state.is_ours
        asks = Ipv4.of(self._wanted, Interface.ETHERNET) != NOTHING_ASKED
        if asks and not ours and not self._record.has_changed(self._interface):
            await self._record.note_change(self._interface)
        await self._live.settle(self._wanted, owners=not ours)
        if not asks and self._record.has_changed(self._interface):
            await self._record.let_go(self._interface)
        # What was refused shows without any change in NetworkManager.
        self.refresh()

    async def _until(self, holds: Callable[[], bool], seconds: float) -> bool:
        return await self._convergence.until(holds, asyncio.get_running_loop().time() + seconds)


def _asked(wanted: Wanted) -> tuple[object, ...]:
    """What of the whole network concerns the cable."""
    return wanted.ethernet_mac, Ipv4.of(wanted, Interface.ETHERNET)
