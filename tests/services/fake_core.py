"""What a made-up NetworkManager does for its clients and its devices."""

from __future__ import annotations

from collections.abc import Callable

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

# A question to the user for another password stays open for two minutes.
DIALOGUE_SECONDS = 120.0


class FakeCore:
    """Profiles, active connections and devices, and the calls that change them."""

    def __init__(self) -> None:
        self.objects = FakeObjects()
        self.air = FakeAir()
        self.pace = Pace()
        self.agents: list[Callable[[str], bool]] = []
        self.dialogues: list[str] = []
        self.devices: dict[str, FakeDevice] = {}
        self.profiles: list[FakeProfile] = []
        self.actives: list[FakeActive] = []
        self.assumed: dict[str, FakeProfile] = {}
        self.eligible = Eligible()

    # What its clients ask.

    def add_profile(self, settings: Profile, *, on_disk: bool) -> str:
        """AddConnection2, not connecting by itself."""
        check(settings)
        uuid = settings["connection"]["uuid"][1]
        if any(profile.uuid == uuid for profile in self.profiles):
            raise refusal("Settings.UuidExists", "a connection with this UUID already exists")
        self.eligible.block(uuid)
        return self.keep(settings, on_disk=on_disk).path

    def update_profile(self, path: str, settings: Profile, *, on_disk: bool) -> None:
        """Update2, not connecting by itself either."""
        check(settings)
        profile = self.profile(path)
        profile.settings, profile.on_disk = settings, on_disk
        self.eligible.block(profile.uuid)
        self.objects.set(path, CONNECTION, **profile.properties())

    def delete_profile(self, path: str) -> None:
        """Delete, which ends what is active by it."""
        profile = self.profile(path)
        self.profiles.remove(profile)
        users = [active for active in self.actives if active.profile is profile]
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
        waits = isinstance(device, FakeEthernet) and profile.value("ipv4", "method") == "manual"
        unready = device.state < DeviceState.DISCONNECTED and not waits
        if unready or not profile.fits(device.interface, device.kind):
            raise refusal("UnknownConnection", f"not available on device {device.interface}")
        self.eligible.again(profile.uuid)
        active = self._new_active(profile, device, specific)
        device.activate(active)
        return active.path

    def deactivate(self, path: str) -> None:
        """DeactivateConnection."""
        active = next((known for known in self.actives if known.path == path), None)
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
        assumed = self.assumed.pop(device.interface, None)
        if assumed in self.profiles and assumed is not None:
            return self._new_active(assumed, device, NO_OBJECT)
        running = [active.profile for active in self.actives]
        free = (profile for profile in self.profiles if profile not in running)
        best = self.eligible.best(filter(device.available, free))
        return None if best is None else self._new_active(best, device, NO_OBJECT)

    def went_wrong(self, profile: FakeProfile, reason: Reason) -> None:
        """Not again by itself: without a password never, else after some tries."""
        self.eligible.failed(profile.uuid, for_good=reason == Reason.NO_SECRETS)

    def ended_by_user(self, profile: FakeProfile) -> None:
        """Seen with 1.42: Autoconnect of the device alone does not bring it back."""
        self.eligible.block(profile.uuid)

    def secret_seconds(self, profile: FakeProfile) -> float:
        """At once where an agent says so; else somebody is asked, who is not there."""
        if any(keeps_secrets(profile.uuid) for keeps_secrets in self.agents):
            return self.pace.step
        self.dialogues.append(profile.name)
        return DIALOGUE_SECONDS

    def drop(self, active: FakeActive) -> None:
        """An active connection is over."""
        if active in self.actives:
            self.actives.remove(active)
            self.objects.set(active.path, ACTIVE, State=4)
            self.objects.remove(active.path)
            self._list_actives()

    def available_to(self, device: FakeDevice) -> list[str]:
        """The paths of the profiles that `device` would take."""
        return [profile.path for profile in self.profiles if device.available(profile)]

    # Its own.

    def keep(self, settings: Profile, *, on_disk: bool) -> FakeProfile:
        """Know a profile, and show it if NetworkManager runs."""
        profile = FakeProfile("", settings, on_disk)
        self.profiles.append(profile)
        if self.objects.knows(ROOT):
            self.publish(profile)
            self._look_again()
        return profile

    def publish(self, profile: FakeProfile) -> None:
        """Give a profile its object."""
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
        self.actives.append(active)
        self.objects.add(active.path, {ACTIVE: properties})
        self._list_actives()
        return active

    def _list_actives(self) -> None:
        paths = [active.path for active in self.actives]
        self.objects.set(ROOT, NM, ActiveConnections=paths)

    def _list_profiles(self) -> None:
        paths = [profile.path for profile in self.profiles if profile.path]
        self.objects.set(SETTINGS, f"{NM}.Settings", Connections=paths)
        for device in self.devices.values():
            device.list_available()

    def list_devices(self) -> None:
        """The list of devices may have changed."""
        self.objects.set(ROOT, NM, Devices=[device.path for device in self.devices.values()])

    def _device_or(self, path: str, error: ManagerError) -> FakeDevice:
        for device in self.devices.values():
            if device.path == path:
                return device
        raise error


def _no_object(path: str) -> ManagerError:
    return ManagerError(f"there is no object {path}", "org.freedesktop.DBus.Error.UnknownMethod")
