"""How the cable is, as far as the mirror tells, together with what was asked of it."""

from __future__ import annotations

from gateway.services.api import Address, Ethernet, Interface, Wanted
from gateway.services.network import hardware, view
from gateway.services.network.ethernet_profile import EthernetProfile
from gateway.services.network.ip_settings import Ipv4
from gateway.services.network.live_addresses import LiveAddresses
from gateway.services.network.manager import DeviceState, Manager


class EthernetState:
    """Follows the mirror whenever `refresh` is called; reading it never waits."""

    def __init__(
        self, manager: Manager, interface: str, live: LiveAddresses, ours: EthernetProfile
    ) -> None:
        self._manager = manager
        self._interface = interface
        self._live = live
        self._ours = ours
        self._cables = 0
        self._wanted = Wanted()
        self.shown: Ethernet | None = None
        """Ethernet with what was asked at once; None without such an interface."""
        self.address: Address | None = None
        """The address that is in force and is the one wanted, None while it is on its way."""
        self.cable = 0
        """Counts the times that a cable was put in; 0 while there is none."""
        self.device: str | None = None
        self.active: str | None = None
        self.device_state = int(DeviceState.UNKNOWN)
        self.own_mac: str | None = None
        """The MAC that the device has without us, as far as it was ever seen."""
        self.refused_mac: str | None = None
        """A MAC that the device did not take, and that is therefore not asked of it again."""

    @property
    def asked_mac(self) -> str | None:
        """The MAC to give the device, None for its own."""
        mac = self._wanted.ethernet_mac
        return None if mac == self.refused_mac else mac

    @property
    def current_mac(self) -> str | None:
        """The MAC that the device has now."""
        return view.hardware_address(self._manager.objects, self.device) if self.device else None

    @property
    def has_wanted_mac(self) -> bool:
        """Whether that is the one it is to have."""
        asked = self.asked_mac
        return not self._has_foreign_mac if asked is None else self.current_mac == asked

    @property
    def is_ours(self) -> bool:
        """Whether the device is connected by our own profile."""
        return self._ours.owns(self.active)

    @property
    def is_left_over(self) -> bool:
        """Whether that is what an earlier run has activated: it has to be done anew."""
        return self.is_ours and not self._ours.is_known

    @property
    def situation(self) -> tuple[object, ...]:
        """What makes a difference to what is to be done."""
        return self.device, self.active, self.device_state, bool(self.cable)

    def refresh(self, wanted: Wanted) -> None:
        """Look at the mirror anew."""
        self._wanted = wanted
        objects = self._manager.objects
        self.device = device = view.device(objects, self._interface)
        self.active = view.active_connection(objects, device) if device else None
        self.device_state = view.device_state(objects, device) if device else 0
        plugged = device is not None and view.carrier(objects, device)
        if plugged and not self.cable:
            self._cables += 1
        self.cable = self._cables if plugged else 0
        if not self.is_ours:
            self.own_mac = self.current_mac or self.own_mac
        elif self.own_mac is None and device is not None:
            self.own_mac = view.permanent_hardware_address(objects, device)
        # The addresses of a connection that is to be replaced are of no interest.
        stays = self.has_wanted_mac and not self.is_left_over
        self._live.follow(device, self.active if stays else None)
        self.address = self._live.address if plugged and self._has_wanted_address() else None
        self.shown = self._shown(plugged)

    @property
    def _has_foreign_mac(self) -> bool:
        return self.is_ours and (self._ours.mac is not None or not self._ours.is_known)

    def _has_wanted_address(self) -> bool:
        # Not what is shown: for a moment NetworkManager may show the one before as well.
        expected = self._live.expected(Ipv4.of(self._wanted, Interface.ETHERNET))
        live = self._live.address
        return live is None or expected is None or live.ip == expected.ip

    def _shown(self, plugged: bool) -> Ethernet | None:
        mac = self.asked_mac
        if self.device is None:
            if self._manager.present or not hardware.exists(self._interface):
                return None
            return Ethernet(mac or hardware.hardware_address(self._interface))
        if mac is None:
            mac = self.own_mac if self._has_foreign_mac else self.current_mac
        asked = Ipv4.of(self._wanted, Interface.ETHERNET)
        address = self._live.shown(asked) if plugged else None
        dns = asked.dns or (self._live.dns if address else ())
        return Ethernet(mac or hardware.hardware_address(self._interface), plugged, address, dns)
