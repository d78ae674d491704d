"""NetworkManager as the rooms beside this one see it: a mirror of its objects, and its calls.

`networkmanager.py` implements `Manager` over D-Bus; tests implement it in memory. All of it
runs on the event loop, and nothing in here knows D-Bus's binding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Any, Final, Protocol

NM: Final = "org.freedesktop.NetworkManager"
"""The name on the bus, and the beginning of every interface's name."""

ROOT: Final = "/org/freedesktop/NetworkManager"
SETTINGS: Final = "/org/freedesktop/NetworkManager/Settings"
NO_OBJECT: Final = "/"

Properties = Mapping[str, Any]
"""Properties by name, variants unwrapped; `ay` is bytes."""

Objects = Mapping[str, Mapping[str, Properties]]
"""Object path → interface → properties."""

Profile = Mapping[str, Mapping[str, tuple[str, Any]]]
"""A connection's settings, `a{sa{sv}}`: setting → key → (D-Bus signature, value)."""


class ManagerError(Exception):
    """NetworkManager did not do it, or is not there. The message is one sentence.

    `name` is D-Bus's name of the error, empty where none was given.
    """

    def __init__(self, message: str, name: str = "") -> None:
        super().__init__(message)
        self.name = name


class DeviceState(IntEnum):
    """NMDeviceState, as far as it is looked at."""

    UNKNOWN = 0
    UNMANAGED = 10
    UNAVAILABLE = 20
    DISCONNECTED = 30
    PREPARE = 40
    CONFIG = 50
    NEED_AUTH = 60
    IP_CONFIG = 70
    IP_CHECK = 80
    SECONDARIES = 90
    ACTIVATED = 100
    DEACTIVATING = 110
    FAILED = 120


class ManagerListener(Protocol):
    """Who follows NetworkManager. Called on the event loop."""

    def manager_changed(self) -> None:
        """The mirror is another one: something appeared, changed or vanished."""

    def device_state_changed(self, device: str, new: int, old: int, reason: int) -> None:
        """A device went from one NMDeviceState to another, for an NMDeviceStateReason.

        Every transition is told, in order; the mirror already shows the new state.
        """


class Manager(Protocol):
    """NetworkManager. Calls raise ManagerError, also when it is absent or does not answer."""

    @property
    def present(self) -> bool:
        """Whether NetworkManager runs and `objects` shows all of it."""

    @property
    def missing(self) -> bool:
        """Whether NetworkManager was looked for, and is not there; at first neither is known."""

    @property
    def objects(self) -> Objects:
        """The mirror; empty while NetworkManager is absent. It follows signals."""

    def listen(
        self, listener: ManagerListener | None, keeps_secrets: Callable[[str], bool]
    ) -> None:
        """Tell `listener` from now on, None nobody.

        When NetworkManager asks for the secrets of a profile for whose UUID `keeps_secrets`
        is true it hears that there are none to be had, so that no desktop's dialogue opens
        and a wrong password shows at once.
        """

    async def start(self) -> None:
        """Begin to look for NetworkManager, in the background, for as long as this is open."""

    async def close(self) -> None:
        """Let go of the bus; no task and no descriptor is left."""

    async def add_profile(self, profile: Profile, *, on_disk: bool) -> str:
        """Settings.AddConnection2, without its own autoconnect at once: the new object's path."""

    async def update_profile(self, path: str, profile: Profile, *, on_disk: bool) -> None:
        """Settings.Connection.Update2 with the whole profile, secrets included."""

    async def delete_profile(self, path: str) -> None:
        """Settings.Connection.Delete; a connection that is active by it ends."""

    async def profile_settings(self, path: str) -> Mapping[str, Properties]:
        """Settings.Connection.GetSettings, unwrapped, without secrets."""

    async def profile_secrets(self, path: str, setting: str) -> Mapping[str, Properties]:
        """Settings.Connection.GetSecrets, unwrapped. Never log it."""

    async def activate(self, profile: str, device: str, specific: str = NO_OBJECT) -> str:
        """ActivateConnection; gives the active connection's path."""

    async def disconnect(self, device: str) -> None:
        """Device.Disconnect: it connects by itself no more until `set_autoconnect`."""

    async def set_autoconnect(self, device: str, autoconnect: bool) -> None:
        """Device.Autoconnect: whether NetworkManager may connect the device by itself."""

    async def set_managed(self, device: str, managed: bool) -> None:
        """Device.Managed: whether NetworkManager has to do with the device at all."""

    async def applied(self, device: str) -> tuple[Profile, int]:
        """Device.GetAppliedConnection: what is in force, and its version for `reapply`."""

    async def reapply(self, device: str, profile: Profile, version: int) -> None:
        """Device.Reapply: bring a live connection to `profile`, without touching any profile."""

    async def request_scan(self, device: str, ssid: bytes | None = None) -> None:
        """Device.Wireless.RequestScan, asking for the hidden network `ssid` too."""

    async def permissions(self) -> Mapping[str, str]:
        """GetPermissions: action → "yes", "auth" or "no"."""
