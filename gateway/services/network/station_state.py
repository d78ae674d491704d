"""What is read of the station: the mirror's truth, and at once what was asked of it.

A connection that is being left is not shown any more (`left`), and an address, name servers
or a MAC that were asked are shown before NetworkManager has them (contract, section 1).
"""

from __future__ import annotations

from gateway.services.api import Credentials, Interface, Station, Wanted
from gateway.services.network import view
from gateway.services.network.hardware import hardware_address
from gateway.services.network.ip_settings import Ipv4
from gateway.services.network.live_addresses import LiveAddresses
from gateway.services.network.manager import DeviceState, Manager
from gateway.services.network.station_attempt import is_meant


class StationState:
    """The station as it is now, worked out anew by `refresh`."""

    def __init__(self, manager: Manager, interface: str, live: LiveAddresses) -> None:
        self._manager = manager
        self._interface = interface
        self._live = live
        self._associations = 0
        self._joined: str | None = None
        self.left: str | None = None
        self.refused_mac: str | None = None
        """A MAC that the radio did not take, and that is therefore not shown."""
        self.shown = Station(hardware_address(interface))

    @property
    def association(self) -> int:
        """The number of the present stay at an access point, 0 while not joined."""
        return self._associations if self._joined else 0

    @property
    def device(self) -> str | None:
        """The Wi-Fi device, None where NetworkManager shows none."""
        return view.device(self._manager.objects, self._interface)

    @property
    def active(self) -> str | None:
        """The device's active connection, in whatever state; not one of a SoftAP."""
        objects, device = self._manager.objects, self.device
        if device is None or view.is_access_point(objects, device):
            return None
        return view.active_connection(objects, device)

    @property
    def situation(self) -> tuple[object, ...]:
        """What makes a difference to what is to be done."""
        return self.device, self.active, self.activated, self._joined

    @property
    def activated(self) -> bool:
        """Whether the device has a connection that is wholly up, be it left or not."""
        device = self.device
        state = view.device_state(self._manager.objects, device) if device else 0
        return state == DeviceState.ACTIVATED and self.active is not None

    @property
    def leaving(self) -> bool:
        """Whether the device's connection is being ended."""
        device = self.device
        state = view.device_state(self._manager.objects, device) if device else 0
        return state == DeviceState.DEACTIVATING

    @property
    def available(self) -> bool:
        """Whether the device could be connected."""
        device = self.device
        if device is None:
            return False
        return view.device_state(self._manager.objects, device) >= DeviceState.DISCONNECTED

    @property
    def up(self) -> bool:
        """Whether it is joined and wholly up."""
        return self._joined is not None and self.activated

    def is_at(self, credentials: Credentials) -> bool:
        """Whether the device is wholly up at that access point, be it left or not."""
        if self.device is None or not self.activated:
            return False
        point = view.active_access_point(self._manager.objects, self.device)
        return point is not None and is_meant(point, credentials)

    def leave(self) -> None:
        """Show what is active now no more."""
        self.left = self.active

    def tell_again(self) -> None:
        """Show what is active, also if it was being left, as a new stay."""
        self.left, self._joined = None, None

    def refresh(self, wanted: Wanted) -> bool:
        """Work out the state; gives whether an access point was lost by this."""
        objects, device = self._manager.objects, self.device
        before, self._joined = self._joined, self._association(wanted)
        if self._joined and self._joined != before:
            self._associations += 1
        self._live.follow(device, self._joined)
        point = None
        if self._joined and device:
            # Where there is none it roams, or the mirror is a moment behind.
            point = view.active_access_point(objects, device) or self.shown.access_point
        address = self._live.shown(Ipv4.of(wanted, Interface.STATION))
        servers = (wanted.dns or self._live.dns) if address else ()
        mac_of = view.hardware_address if self._joined else view.own_address
        known = mac_of(objects, device) if device else None
        asked = wanted.station_mac if wanted.station_mac != self.refused_mac else None
        mac = asked or known or hardware_address(self._interface)
        self.shown = Station(mac, point, address, servers)
        return before is not None and self._joined is None

    def _association(self, wanted: Wanted) -> str | None:
        active, device = self.active, self.device
        if active is None or device is None or active == self.left or not wanted.station:
            return None
        state = view.device_state(self._manager.objects, device)
        associated = DeviceState.IP_CONFIG <= state <= DeviceState.ACTIVATED
        return active if associated else None
