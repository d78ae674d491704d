"""A NetworkManager in memory, on the loop's time: the daemon, and hands to do things to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from gateway.services.network.manager import (
    NM,
    NO_OBJECT,
    ROOT,
    SETTINGS,
    DeviceState,
    ManagerError,
    Profile,
)
from tests.services.fake_air import FakeAir
from tests.services.fake_autoconnect import Eligible
from tests.services.fake_device import FakeDevice
from tests.services.fake_ethernet import FakeEthernet
from tests.services.fake_objects import FakeObjects
from tests.services.fake_profiles import FakeProfile, check, refusal
from tests.services.fake_states import ACTIVE, CONNECTION, FakeActive, Pace, Reason
from tests.services.fake_wifi import FakeWifi

MACS = {"wlan0": "B8:27:EB:00:00:01", "ap0": "BA:27:EB:00:00:01", "eth0": "B8:27:EB:00:00:02"}

# A question to the user for another password stays open for two minutes.
DIALOGUE_SECONDS = 120.0


class FakeDaemon:
    """The daemon. Profiles outlive a restart, also those in memory, as they stand in /run."""

    def __init__(self, *, interfaces: tuple[str, ...] = ("wlan0", "eth0")) -> None:
        self.objects = FakeObjects()
        self.air = FakeAir()
        self.pace = Pace()
        self.keeps_secrets: Callable[[str], bool] = lambda uuid: False
        self.dialogues: list[str] = []
        self.version = "1.52.1"
        self.plugged = True
        self.wireless = True
        self.devices: dict[str, FakeDevice] = {}
        self.profiles: list[FakeProfile] = []
        self._interfaces = list(interfaces)
        self._actives: list[FakeActive] = []
        self._eligible = Eligible()
        self._vanishing: set[asyncio.Task[None]] = set()

    # What is done to it from outside.

    def start(self) -> None:
        """NetworkManager starts, and finds devices and profiles."""
        self.objects.add(ROOT, {NM: self._properties()})
        self.objects.add(SETTINGS, {f"{NM}.Settings": {"Connections": []}})
        for profile in self.profiles:
            self._publish(profile)
        for interface in self._interfaces:
            self._find(interface)
        self.objects.appear()

    def stop(self) -> None:
        """NetworkManager stops, or is killed."""
        for device in self.devices.values():
            device.end()
        for task in list(self._vanishing):
            task.cancel()
        self.devices, self._actives = {}, []
        self._eligible = Eligible()
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
        return self._keep(settings, on_disk=True)

    # What its clients ask.

    def add_profile(self, settings: Profile, *, on_disk: bool) -> str:
        """AddConnection2, not connecting by itself."""
        check(settings)
        uuid = settings["connection"]["uuid"][1]
        if any(profile.uuid == uuid for profile in self.profiles):
            raise refusal("Settings.UuidExists", "a connection with this UUID already exists")
        self._eligible.block(uuid)
        return self._keep(settings, on_disk=on_disk).path

    def update_profile(self, path: str, settings: Profile, *, on_disk: bool) -> None:
        """Update2, not connecting by itself either."""
        check(settings)
        profile = self.profile(path)
        profile.settings, profile.on_disk = settings, on_disk
        self._eligible.block(profile.uuid)
        self.objects.set(path, CONNECTION, **profile.properties())

    def delete_profile(self, path: str) -> None:
        """Delete, which ends what is active by it."""
        profile = self.profile(path)
        self.profiles.remove(profile)
        users = [active for active in self._actives if active.profile is profile]
        for active in users:
            self.objects.set(active.path, ACTIVE, Connection=NO_OBJECT)
        self.objects.remove(path)
        self._list_profiles()
        for device in self.devices.values():
            for active in users:
                device.end_activation(active, Reason.CONNECTION_REMOVED)

    def activate(self, path: str, device_path: str, specific: str) -> str:
        """ActivateConnection."""
        profile = next((known for known in self.profiles if known.path == path), None)
        if profile is None:
            raise refusal("UnknownConnection", "the connection could not be found")
        device = self._device_or(device_path, refusal("UnknownDevice", "device not found"))
        unready = isinstance(device, FakeWifi) and device.state < DeviceState.DISCONNECTED
        if unready or not profile.fits(device.interface, device.kind):
            raise refusal("UnknownConnection", f"not available on device {device.interface}")
        self._eligible.again(profile.uuid)
        active = self._new_active(profile, device, specific)
        device.activate(active)
        return active.path

    def deactivate(self, path: str) -> None:
        """DeactivateConnection."""
        active = next((known for known in self._actives if known.path == path), None)
        if active is None:
            raise refusal("ConnectionNotActive", "the connection was not active")
        for device in self.devices.values():
            device.end_activation(active, Reason.USER_REQUESTED)

    def disconnect(self, path: str) -> None:
        """Device.Disconnect, which also keeps the device from connecting by itself."""
        device = self.device(path)
        if device.active is None:
            raise refusal("Device.NotActive", "this device is not active")
        device.set(Autoconnect=False)
        device.disconnect(Reason.USER_REQUESTED)

    def set_autoconnect(self, path: str, autoconnect: bool) -> None:
        """Device.Autoconnect."""
        device = self.device(path)
        device.set(Autoconnect=autoconnect)
        if autoconnect:
            device.poke()

    def request_scan(self, path: str, ssid: bytes | None) -> None:
        """Device.Wireless.RequestScan."""
        device = self.device(path)
        if not isinstance(device, FakeWifi) or device.state < DeviceState.DISCONNECTED:
            raise refusal("Device.NotAllowed", "scanning not allowed while unavailable")
        device.scan(ssid)

    def profile(self, path: str) -> FakeProfile:
        """The profile with that path, or the error that a call gets."""
        for profile in self.profiles:
            if profile.path == path:
                return profile
        raise _no_object(path)

    def device(self, path: str) -> FakeDevice:
        """The device with that path, or the error that a call gets."""
        return self._device_or(path, _no_object(path))

    # What devices need.

    def next_by_itself(self, device: FakeDevice) -> FakeActive | None:
        """The best profile that may connect by itself; of two equals the one known longer."""
        if not device.connects_by_itself:
            return None
        running = [active.profile for active in self._actives]
        free = (profile for profile in self.profiles if profile not in running)
        best = self._eligible.best(filter(device.available, free))
        return None if best is None else self._new_active(best, device, NO_OBJECT)

    def went_wrong(self, profile: FakeProfile, reason: Reason) -> None:
        """Not again by itself: without a password never, else after some tries."""
        self._eligible.failed(profile.uuid, for_good=reason == Reason.NO_SECRETS)

    def ended_by_user(self, profile: FakeProfile) -> None:
        """Seen with 1.42: Autoconnect of the device alone does not bring it back."""
        self._eligible.block(profile.uuid)

    def secret_seconds(self, profile: FakeProfile) -> float:
        """At once where an agent says so; else somebody is asked, who is not there."""
        if self.keeps_secrets(profile.uuid):
            return self.pace.step
        self.dialogues.append(profile.name)
        return DIALOGUE_SECONDS

    def drop(self, active: FakeActive) -> None:
        """An active connection is over."""
        if active in self._actives:
            self._actives.remove(active)
            self.objects.set(active.path, ACTIVE, State=4)
            self.objects.remove(active.path)
            self._list_actives()

    def available_to(self, device: FakeDevice) -> list[str]:
        """The paths of the profiles that `device` would take."""
        return [profile.path for profile in self.profiles if device.available(profile)]

    # Its own.

    def _properties(self) -> dict[str, Any]:
        return {
            "Version": self.version,
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
        self._list_devices()
        device.list_available()
        if self.wireless or isinstance(device, FakeEthernet):
            device.appear()

    def _keep(self, settings: Profile, *, on_disk: bool) -> FakeProfile:
        profile = FakeProfile("", settings, on_disk)
        self.profiles.append(profile)
        if self.objects.knows(ROOT):
            self._publish(profile)
            self._look_again()
        return profile

    def _publish(self, profile: FakeProfile) -> None:
        profile.path = self.objects.new_path("Settings")
        self.objects.add(profile.path, {CONNECTION: profile.properties()})
        self._list_profiles()

    def _look_again(self) -> None:
        for device in self.devices.values():
            device.poke()

    def _new_active(self, profile: FakeProfile, device: FakeDevice, specific: str) -> FakeActive:
        active = FakeActive(self.objects.new_path("ActiveConnection"), profile, specific)
        properties = {
            "Connection": profile.path,
            "SpecificObject": specific,
            "Id": profile.name,
            "Uuid": profile.uuid,
            "Type": profile.value("connection", "type"),
            "Devices": [device.path],
            "State": 1,
            "Default": False,
            "Ip4Config": NO_OBJECT,
        }
        self._actives.append(active)
        self.objects.add(active.path, {ACTIVE: properties})
        self._list_actives()
        return active

    def _list_actives(self) -> None:
        paths = [active.path for active in self._actives]
        self.objects.set(ROOT, NM, ActiveConnections=paths)

    def _list_profiles(self) -> None:
        paths = [profile.path for profile in self.profiles if profile.path]
        self.objects.set(SETTINGS, f"{NM}.Settings", Connections=paths)
        for device in self.devices.values():
            device.list_available()

    def _list_devices(self) -> None:
        self.objects.set(ROOT, NM, Devices=[device.path for device in self.devices.values()])

    def _device_or(self, path: str, error: ManagerError) -> FakeDevice:
        for device in self.devices.values():
            if device.path == path:
                return device
        raise error


def _no_object(path: str) -> ManagerError:
    return ManagerError(f"there is no object {path}", "org.freedesktop.DBus.Error.UnknownMethod")
