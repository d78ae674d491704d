"""The gateway's own access point on a host with NetworkManager.

It opens on the second interface of the radio (`ap0`) where there is one, so that the station
can be joined meanwhile; else on the station's own, in a mode without station.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from gateway.services.api import Interface, JoinError, SoftAp, SoftApSettings, Wanted
from gateway.services.backoff import Backoff
from gateway.services.network import view
from gateway.services.network.convergence import Changes, Convergence
from gateway.services.network.hardware import hardware_address
from gateway.services.network.holding import Holding
from gateway.services.network.interfaces import NetworkInterfaces
from gateway.services.network.manager import DeviceState, Manager, ManagerError, Profile
from gateway.services.network.others import OtherGateways
from gateway.services.network.ownership import OwnershipRecord
from gateway.services.network.profiles import SOFTAP_ADDRESS, identity_of, softap_profile
from gateway.services.network.softap_profile import SoftApProfile

logger = logging.getLogger("gateway.network")

PROTECTED: Final = (
    "the Wi-Fi connection is the owner's, and gateway.toml protects it: "
    "[network] protect_owner = true"
)

ANOTHERS: Final = (
    "another gateway of this machine has the radio for its own SoftAP or station; switch that "
    "off first, by AT+CWMODE=1 and AT+CWQAP there"
)

_START_SECONDS: Final = 40.0
_BOOT_SECONDS: Final = 30.0
"""NetworkManager says within this time of its start that it has brought up what it can."""

_LEAVING_SECONDS: Final = 5.0
"""The station leaves sooner where it can."""

_TAKEN_SECONDS: Final = 15.0
"""NetworkManager has the supplicant take up an interface sooner."""

_FIRST_RETRY: Final = 2.0
_LAST_RETRY: Final = 30.0


class NoInterfaceError(Exception):
    """There is nothing to open it on, and there is no use in trying again."""


class ManagedSoftAp:
    """The SoftAP of a ManagedNetwork, which hands it what the commands ask for."""

    def __init__(
        self,
        manager: Manager,
        interfaces: NetworkInterfaces,
        record: OwnershipRecord,
        *,
        share_uplink: bool,
        protect_owner: bool = False,
    ) -> None:
        self._manager = manager
        self._interfaces = interfaces
        self._record = record
        self._share_uplink = share_uplink
        self._protect_owner = protect_owner
        self._holding = Holding(manager, interfaces.softap, record, Interface.SOFTAP)
        self._wanted = Wanted(station=True)
        self._station_channel = 0
        self._ours = SoftApProfile(manager, record)
        self._was_ready = False
        self._failed = False
        self._others = OtherGateways(manager, record)
        self._backoff = Backoff(_FIRST_RETRY, _LAST_RETRY, level=logging.ERROR)
        self._changes = Changes()
        self._convergence = Convergence("SoftAP", self._changes, self._step)
        self.state = SoftAp(hardware_address(interfaces.station))

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

    def obstacle(self, wanted: Wanted) -> str | None:
        """Why this machine cannot open an access point as wanted, None if it can."""
        if not self._is_asked(wanted) or not self._manager.present:
            return None
        if device := self._device(wanted):
            return ANOTHERS if self._others.have_softap_on(device) else None
        if view.device(self._manager.objects, self._interfaces.station) is None:
            return f"NetworkManager has no Wi-Fi device {self._interfaces.station}"
        return (
            f"station and SoftAP at once take a second interface {self._interfaces.softap} on "
            "the radio, which is not there; use AT+CWMODE=2 for the SoftAP alone, or run: "
            "sudo systemctl enable --now esp-at-gateway-ap0"
        )

    def apply(self, wanted: Wanted) -> None:
        """Open, change or close the access point; its state shows it at once."""
        before, self._wanted = self._wanted, wanted
        if _asked(before) != _asked(wanted):
            self._failed = False
            self._backoff.reset()
            self._convergence.wake()
        self.refresh()

    def follow_station(self, channel: int) -> None:
        """The station is on that channel, 0 if it is not joined: one radio has one channel."""
        if channel != self._station_channel:
            self._station_channel = channel
            if self._is_asked(self._wanted):
                # Also in the middle of a step, which goes by the channel that was.
                self._convergence.wake()

    def manager_came_or_went(self) -> None:
        """NetworkManager runs now, or does not any more."""
        self._ours.lost()
        self._failed = False
        self._backoff.reset()
        self._convergence.wake()

    def refresh(self) -> None:
        """Work out the state from the mirror and what is wanted."""
        wanted, objects = self._wanted, self._manager.objects
        device = self._device(wanted)
        on_air = self._is_asked(wanted) and device is not None and not self._failed
        mac = wanted.softap_mac
        if mac is None:
            known = device or view.device(objects, self._interfaces.station)
            mac = view.hardware_address(objects, known) if known else None
        address = (wanted.softap_address or SOFTAP_ADDRESS) if on_air else None
        self.state = SoftAp(mac or hardware_address(self._interfaces.station), on_air, address)
        ready = device is not None and (
            view.device_state(objects, device) >= DeviceState.DISCONNECTED
        )
        if self._ours.has_ended or (ready and not self._was_ready):
            self._convergence.nudge()
        self._was_ready = ready
        self._changes.notice()

    @staticmethod
    def _is_asked(wanted: Wanted) -> bool:
        return wanted.softap_mode and wanted.softap is not None

    def _interface(self, wanted: Wanted) -> str | None:
        if view.device(self._manager.objects, self._interfaces.softap) is not None:
            return self._interfaces.softap
        return None if wanted.station else self._interfaces.station

    def _device(self, wanted: Wanted) -> str | None:
        interface = self._interface(wanted)
        return None if interface is None else view.device(self._manager.objects, interface)

    async def _step(self) -> float | None:
        if not self._manager.present:
            return None
        try:
            await self._ours.adopt()
            second = view.device(self._manager.objects, self._interfaces.softap)
            if second is not None and view.managed(self._manager.objects, second):
                # It is there for us: no network of the owner's is to be joined on it.
                await self._holding.hold()
            await self._converge()
        except NoInterfaceError as error:
            self._fail(f"the SoftAP is not on the air: {error}")
            # What came during the step has woken nobody; later it will.
            return None if self._device(self._wanted) is None else _FIRST_RETRY
        except (ManagerError, JoinError) as error:
            self._fail(f"the SoftAP is not on the air, trying again: {error}")
            return self._backoff.next()
        self._backoff.reset()
        if self._failed:
            self._failed = False
            self.refresh()
        return None

    async def _converge(self) -> None:
        wanted, ours = self._wanted, self._ours
        if wanted.softap is None or not wanted.softap_mode:
            await ours.delete()
            await ours.forget()
            await self._holding.leave_alone()
            return
        interface, device = await self._place()
        softap = self._on_the_stations_channel(wanted.softap, interface)
        plan = self._plan(interface, softap)
        if ours.opened and ours.opened.plan == plan and ours.is_live(ours.opened):
            return
        if interface == self._interfaces.station:
            if ours.has_ended:
                # What takes its place does not show yet.
                await self._until(lambda: self._is_owners(device), _LEAVING_SECONDS)
            await self._wait_for_the_station(device)
        active = view.active_connection(self._manager.objects, device)
        if active is not None and await self._others.made(active):
            raise ManagerError(ANOTHERS)
        if interface != self._interfaces.station:
            await self._take(interface, device)
        await ours.bring_to(plan, interface)
        await self._open(interface, device)

    async def _place(self) -> tuple[str, str]:
        """The interface to open it on, and its device."""
        wanted = self._wanted
        if self._device(wanted) is None:
            await self._until(self._has_started, _BOOT_SECONDS)
        interface, device = self._interface(wanted), self._device(wanted)
        if interface is None or device is None:
            await self._ours.delete()
            raise NoInterfaceError(self.obstacle(wanted) or "NetworkManager went meanwhile")
        return interface, device

    async def _take(self, interface: str, device: str) -> None:
        """The second interface is left alone by NetworkManager until it is used."""
        await self._holding.take()

        def is_ready() -> bool:
            return view.device_state(self._manager.objects, device) >= DeviceState.DISCONNECTED

        if not await self._until(is_ready, _TAKEN_SECONDS):
            raise ManagerError(f"{interface} cannot be used for now; see: nmcli device")

    def _on_the_stations_channel(self, softap: SoftApSettings, interface: str) -> SoftApSettings:
        if interface == self._interfaces.station or not self._station_channel:
            return softap
        return replace(softap, channel=self._station_channel)

    def _plan(self, interface: str, softap: SoftApSettings) -> Profile:
        return softap_profile(
            identity_of(self._ours.uuid, Interface.SOFTAP, softap.ssid),
            interface,
            softap,
            self._wanted,
            share_uplink=self._share_uplink,
        )

    async def _wait_for_the_station(self, device: str) -> None:
        """Let the owner's connection be left first, so that it can come back afterwards."""
        if self._protect_owner and not await self._until(self._has_started, _BOOT_SECONDS):
            raise ManagerError(PROTECTED)
        left = await self._until(lambda: not self._is_owners(device), _LEAVING_SECONDS)
        if self._protect_owner and not left:
            raise ManagerError(PROTECTED)

    def _has_started(self) -> bool:
        return not view.starting_up(self._manager.objects)

    def _is_owners(self, device: str) -> bool:
        """Whether a connection of somebody else's is up on a device, or is coming up."""
        objects = self._manager.objects
        active = view.active_connection(objects, device)
        if active is None or view.profile_of(objects, active) not in objects:
            return False  # what is deleted is about to end
        if view.active_state(objects, active) >= view.ActiveState.DEACTIVATING:
            return False
        return not self._record.has_profile(view.active_uuid(objects, active))

    async def _open(self, interface: str, device: str) -> None:
        ours = self._ours
        opened = await ours.activate(device)
        await self._until(
            lambda: ours.is_on_air(opened) or not ours.is_live(opened), _START_SECONDS
        )
        if not ours.is_on_air(opened):
            await ours.given_up(opened)
            raise ManagerError(f"NetworkManager cannot open it on {interface}; see: nmcli device")
        logger.info("the SoftAP is on the air on %s", interface)

    async def _until(self, holds: Callable[[], bool], seconds: float) -> bool:
        return await self._convergence.until(holds, asyncio.get_running_loop().time() + seconds)

    def _fail(self, sentence: str) -> None:
        self._backoff.say(sentence)
        self._failed = True
        self.refresh()


def _asked(wanted: Wanted) -> tuple[object, ...]:
    """What of the whole network concerns the SoftAP."""
    return (
        *(wanted.station, wanted.softap_mode, wanted.softap),
        *(wanted.softap_address, wanted.softap_dhcp, wanted.softap_mac),
    )
