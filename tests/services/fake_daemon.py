"""A NetworkManager in memory, on the loop's time: the daemon, and hands to do things to it."""

from __future__ import annotations

import asyncio
from typing import Any

from gateway.services.network.manager import NM, ROOT, SETTINGS, Profile
from tests.services.fake_autoconnect import Eligible
from tests.services.fake_core import FakeCore
from tests.services.fake_device import FakeDevice
from tests.services.fake_ethernet import FakeEthernet
from tests.services.fake_profiles import FakeProfile
from tests.services.fake_wifi import FakeWifi

MACS = {"wlan0": "B8:27:EB:00:00:01", "ap0": "BA:27:EB:00:00:01", "eth0": "B8:27:EB:00:00:02"}


class FakeDaemon(FakeCore):
    """The daemon. Profiles outlive a restart, also those in memory, as they stand in /run."""

    def __init__(self, *, interfaces: tuple[str, ...] = ("wlan0", "eth0")) -> None:
        super().__init__()
        self.version = "1.52.1"
        self.plugged = True
        self.wireless = True
        self.unmanaged: set[str] = set()
        self._interfaces = list(interfaces)
        self._vanishing: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """NetworkManager starts, and finds devices and profiles."""
        self.objects.add(ROOT, {NM: self._properties()})
        self.objects.add(SETTINGS, {f"{NM}.Settings": {"Connections": []}})
        for profile in self.profiles:
            self.publish(profile)
        for interface in self._interfaces:
            self._find(interface)
        self.objects.appear()
        life = self.objects.life
        loop = asyncio.get_running_loop()
        loop.call_later(self.pace.startup, lambda: self._has_started(life))

    def _has_started(self, life: int) -> None:
        if self.objects.life == life:
            self.objects.set(ROOT, NM, Startup=False)

    def stop(self) -> None:
        """NetworkManager stops, or is killed. What a cable is up by it takes up again later."""
        self.assumed = {
            interface: device.active.profile
            for interface, device in self.devices.items()
            if isinstance(device, FakeEthernet) and device.active is not None
        }
        for device in self.devices.values():
            device.end()
        for task in list(self._vanishing):
            task.cancel()
        self.devices, self.actives = {}, []
        self.eligible = Eligible()
        self.objects.vanish()

    def plug(self, plugged: bool = True) -> None:
        """Put Ethernet's cable in, or pull it."""
        self.plugged = plugged
        ethernet = self.devices.get("eth0")
        if isinstance(ethernet, FakeEthernet):
            ethernet.plug(plugged)

    def lose(self, ssid: bytes) -> None:
        """Access points go off the air, and the radios have noticed already."""
        self.air.remove(ssid)
        self.look()

    def look(self) -> None:
        """The radios notice what is on the air now."""
        for device in self.devices.values():
            if isinstance(device, FakeWifi):
                device.look()

    def switch_wireless(self, on: bool) -> None:
        """Rfkill, by software."""
        self.wireless = on
        self.objects.set(ROOT, NM, WirelessEnabled=on)
        for device in self.devices.values():
            if isinstance(device, FakeWifi):
                device.switch(on)

    def remove_device(self, interface: str) -> None:
        """A USB stick is pulled."""
        self._interfaces.remove(interface)
        task = asyncio.get_running_loop().create_task(self.devices.pop(interface).vanish())
        self._vanishing.add(task)
        task.add_done_callback(self._vanishing.discard)

    def add_device(self, interface: str) -> None:
        """It is put in again."""
        self._interfaces.append(interface)
        self._find(interface)

    def owner_adds(self, settings: Profile) -> FakeProfile:
        """A profile of the owner's, on disk."""
        return self.keep(settings, on_disk=True)

    def _properties(self) -> dict[str, Any]:
        return {
            "Version": self.version,
            "Startup": True,
            "NetworkingEnabled": True,
            "WirelessEnabled": self.wireless,
            "WirelessHardwareEnabled": True,
            "ActiveConnections": [],
            "Devices": [],
        }

    def _find(self, interface: str) -> None:
        mac = MACS.get(interface, "02:00:00:00:00:09")
        if interface.startswith("eth"):
            device: FakeDevice = FakeEthernet(self, interface, mac, plugged=self.plugged)
        else:
            device = FakeWifi(self, interface, mac)
        self.devices[interface] = device
        self.list_devices()
        device.list_available()
        if interface in self.unmanaged:
            device.ignore()
        elif self.wireless or isinstance(device, FakeEthernet):
            device.appear()
