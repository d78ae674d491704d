"""A cable of a made-up NetworkManager, and what is at its other end."""

from __future__ import annotations

from typing import Any

from gateway.services.network.manager import DeviceState
from tests.services.fake_air import Happenings, Lease, lease
from tests.services.fake_device import FakeDevice
from tests.services.fake_profiles import WIRED
from tests.services.fake_states import WIRED_DEVICE, FakeActive, Reason
from tests.services.fake_world import World


class FakeEthernet(FakeDevice):
    """A cable, and a DHCP server behind it."""

    kind = WIRED
    type_number = 1

    def __init__(self, world: World, interface: str, mac: str, *, plugged: bool) -> None:
        self._plugged_at_first = plugged
        self._cable = Happenings()
        self.dhcp = True
        self.subnet = "10.42.7"
        super().__init__(world, interface, mac)

    def own_properties(self) -> dict[str, dict[str, Any]]:
        """Its Device.Wired interface."""
        wired = {
            "HwAddress": self.permanent_mac,
            "PermHwAddress": self.permanent_mac,
            "Speed": 1000,
            "Carrier": self._plugged_at_first,
        }
        return {WIRED_DEVICE: wired}

    def set_mac(self, mac: str) -> None:
        """Another MAC, in both places."""
        super().set_mac(mac)
        self.world.objects.set(self.path, WIRED_DEVICE, HwAddress=mac)

    @property
    def _plugged(self) -> bool:
        return bool(self.world.objects.get(self.path, WIRED_DEVICE, "Carrier"))

    def plug(self, plugged: bool) -> None:
        """Put the cable in or pull it."""
        self.world.objects.set(self.path, WIRED_DEVICE, Carrier=plugged)
        self._cable.tell()
        if plugged and self.state == DeviceState.UNAVAILABLE:
            self.start(self._become_available())

    def appear(self) -> None:
        """With a cable it connects by itself."""
        if self._plugged:
            self.start(self._become_available())

    async def _become_available(self) -> None:
        await self.go(DeviceState.DISCONNECTED, Reason.CARRIER)
        await self.follow()

    async def run(self, active: FakeActive) -> Reason | None:
        """Get an address, stay until the cable is out for too long."""
        reason = await self.address(active, self.leased())
        if reason is not None:
            return reason
        while True:
            await self._cable.until(lambda: not self._plugged)
            if not await self._cable.until(lambda: self._plugged, self.world.pace.carrier):
                await self.become_unavailable(Reason.CARRIER)
                return None

    def leased(self) -> Lease | None:
        """By the server behind the cable."""
        return lease(self.subnet, self.mac) if self.dhcp and self._plugged else None

    def prepare(self, active: FakeActive) -> None:
        """Nothing shows."""

    def released(self) -> None:
        """The cable stays."""
