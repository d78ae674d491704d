"""The gateway's own access point on a host with NetworkManager.

It opens on the second interface of the radio (`ap0`) where there is one, so that the station
can be joined meanwhile; else on the station's own, in a mode without station.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from dataclasses import dataclass, field, replace
from typing import Final

from gateway.services.api import Interface, JoinError, SoftAp, SoftApSettings, Wanted
from gateway.services.network import view
from gateway.services.network.convergence import Changes, Convergence
from gateway.services.network.hardware import hardware_address
from gateway.services.network.holding import Holding
from gateway.services.network.interfaces import NetworkInterfaces
from gateway.services.network.manager import DeviceState, Manager, ManagerError, Profile
from gateway.services.network.ownership import OwnershipRecord, find_ours
from gateway.services.network.profiles import SOFTAP_ADDRESS, identity_of, softap_profile

logger = logging.getLogger("gateway.network")

_START_SECONDS: Final = 40.0
_FIRST_RETRY: Final = 2.0
_LAST_RETRY: Final = 30.0


@dataclass(frozen=True, slots=True)
class Opened:
    """A profile of ours that is, or is to be, on the air."""

    uuid: str
    path: str
    interface: str
    active: str
    plan: Profile = field(repr=False)


class ManagedSoftAp:
    """The SoftAP of a ManagedNetwork, which hands it what the commands ask for."""

    def __init__(
        self,
        manager: Manager,
        interfaces: NetworkInterfaces,
        record: OwnershipRecord,
        *,
        share_uplink: bool,
    ) -> None:
        self._manager = manager
        self._interfaces = interfaces
        self._record = record
        self._share_uplink = share_uplink
        self._holding = Holding(manager, interfaces.softap, record, Interface.SOFTAP)
        self._wanted = Wanted(station=True)
        self._station_channel = 0
        self._opened: Opened | None = None
        self._adopted = False
        self._was_ready = False
        self._failed = False
        self._said = ""
        self._retry = _FIRST_RETRY
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
        interface = self._interface(wanted)
        if interface is not None and view.device(self._manager.objects, interface) is not None:
            return None
        if view.device(self._manager.objects, self._interfaces.station) is None:
            return f"NetworkManager has no Wi-Fi device {self._interfaces.station}"
        return (
            f"station and SoftAP at once take a second interface {self._interfaces.softap} on "
            "the radio, which is not there; use AT+CWMODE=2 for the SoftAP alone, or run: sudo "
            f"iw dev {self._interfaces.station} interface add {self._interfaces.softap} type __ap"
        )

    def apply(self, wanted: Wanted) -> None:
        """Open, change or close the access point; its state shows it at once."""
        if wanted != self._wanted:
            self._wanted = wanted
            self._failed, self._retry, self._said = False, _FIRST_RETRY, ""
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
        self._opened, self._adopted = None, False
        self._failed, self._retry, self._said = False, _FIRST_RETRY, ""
        self._convergence.wake()

    def refresh(self) -> None:
        """Work out the state from the mirror and what is wanted."""
        wanted, objects = self._wanted, self._manager.objects
        interface = self._interface(wanted)
        device = view.device(objects, interface) if interface else None
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
        opened = self._opened
        ended = opened is not None and opened.active != "" and not self._is_live(opened)
        if ended or (ready and not self._was_ready):
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

    def _is_live(self, opened: Opened) -> bool:
        # Its own object tells: the device shows it a moment after the answer to `activate`.
        state = view.active_state(self._manager.objects, opened.active)
        return state in (view.ActiveState.ACTIVATING, view.ActiveState.ACTIVATED)

    async def _step(self) -> float | None:
        if not self._manager.present:
            return None
        try:
            await self._adopt()
            if view.device(self._manager.objects, self._interfaces.softap) is not None:
                # It is there for us: no network of the owner's is to be joined on it.
                await self._holding.hold()
            await self._converge()
        except (ManagerError, JoinError) as error:
            return self._again_after(str(error))
        self._retry, self._said = _FIRST_RETRY, ""
        if self._failed:
            self._failed = False
            self.refresh()
        return None

    async def _adopt(self) -> None:
        if self._adopted:
            return
        for found in await find_ours(self._manager, self._record, Interface.SOFTAP):
            await self._manager.delete_profile(found.path)
            await self._record.forget_profile(found.uuid)
        self._adopted = True

    async def _converge(self) -> None:
        wanted, interface = self._wanted, self._interface(self._wanted)
        if wanted.softap is None or not wanted.softap_mode or interface is None:
            await self._shut()
            return
        softap = self._on_the_stations_channel(wanted.softap, interface)
        opened = self._opened
        identity = opened.uuid if opened else str(uuid.uuid4())
        plan = self._plan(identity, interface, softap)
        if opened and opened.plan == plan and self._is_live(opened):
            return
        await self._shut()
        await self._open(identity, interface, plan)

    def _on_the_stations_channel(self, softap: SoftApSettings, interface: str) -> SoftApSettings:
        if interface == self._interfaces.station or not self._station_channel:
            return softap
        return replace(softap, channel=self._station_channel)

    def _plan(self, identity: str, interface: str, softap: SoftApSettings) -> Profile:
        return softap_profile(
            identity_of(identity, Interface.SOFTAP, softap.ssid),
            interface,
            softap,
            self._wanted,
            share_uplink=self._share_uplink,
        )

    async def _shut(self) -> None:
        opened = self._opened
        if opened is None:
            return
        # Without NetworkManager nothing shows, and this is refused.
        if opened.path in self._manager.objects or not self._manager.present:
            await self._manager.delete_profile(opened.path)
        # Known until it is deleted: where that was refused it is tried again.
        self._opened = None
        await self._record.forget_profile(opened.uuid)

    async def _open(self, identity: str, interface: str, plan: Profile) -> None:
        device = view.device(self._manager.objects, interface)
        if device is None:
            raise ManagerError(f"NetworkManager has no Wi-Fi device {interface}")
        await self._record.add_profile(identity, Interface.SOFTAP)
        path = await self._manager.add_profile(plan, on_disk=False)
        self._opened = opened = Opened(identity, path, interface, "", plan)
        active = await self._manager.activate(path, device)
        if self._opened is not opened:
            raise ManagerError("NetworkManager went meanwhile")
        self._opened = opened = replace(opened, active=active)
        await self._convergence.until(
            lambda: self._is_on_air(opened) or not self._is_live(opened),
            asyncio.get_running_loop().time() + _START_SECONDS,
        )
        if not self._is_on_air(opened):
            await self._shut()
            raise ManagerError(f"NetworkManager cannot open it on {interface}; see: nmcli device")
        logger.info("the SoftAP is on the air on %s", interface)

    def _is_on_air(self, opened: Opened) -> bool:
        objects = self._manager.objects
        device = view.device(objects, opened.interface)
        if device is None or view.active_connection(objects, device) != opened.active:
            return False
        return view.device_state(objects, device) == DeviceState.ACTIVATED

    def _again_after(self, cause: str) -> float:
        sentence = f"the SoftAP is not on the air, trying again: {cause}"
        logger.log(logging.DEBUG if sentence == self._said else logging.ERROR, "%s", sentence)
        self._said, self._failed = sentence, True
        self.refresh()
        seconds, self._retry = self._retry, min(2 * self._retry, _LAST_RETRY)
        return seconds
