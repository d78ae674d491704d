"""NetworkManager over D-Bus: the file that uses `sdbus` and, by `bus_binding`, `sdbus_async`.

Importing these takes longer than the event loop may wait, so that happens in a thread, once
this is started.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

from gateway.services.network.bus_agent import (
    AGENT,
    AGENT_PATH,
    KeepsSecrets,
    agent_identifier,
    agent_methods,
)
from gateway.services.network.bus_binding import interfaces
from gateway.services.network.bus_calls import Calls
from gateway.services.network.bus_signals import BusSignals
from gateway.services.network.bus_values import MODIFY, SCAN, Asked, bus_asked, sendable, unwrap
from gateway.services.network.bus_watch import BindingMissing, BusWatch
from gateway.services.network.manager import (
    NM,
    NO_OBJECT,
    ROOT,
    SETTINGS,
    ManagerError,
    ManagerListener,
    Objects,
    Profile,
    Properties,
)

if TYPE_CHECKING:
    import sdbus
    import sdbus_async.networkmanager as nm
    from sdbus.sd_bus_internals import SdBusInterface
    from sdbus_async.dbus_daemon import FreedesktopDbus

CALL_SECONDS: Final = 20.0
MISSING: Final = (
    "Python's binding for D-Bus is missing; install the Debian packages python3-sdbus and "
    "python3-sdbus-networkmanager"
)
OBJECT_MANAGER: Final = "/org/freedesktop"
# NMSettingsAddConnection2Flags and NMSettingsUpdate2Flags
ON_DISK: Final = 0x1
IN_MEMORY: Final = 0x2
BLOCK_AUTOCONNECT: Final = 0x20

P = TypeVar("P", bound="sdbus.DbusInterfaceCommonAsync")


def _load() -> None:
    """Import the binding; raises BindingMissing where it is not installed."""
    global FreedesktopDbus, nm, sdbus
    try:
        import sdbus
        from sdbus_async.dbus_daemon import FreedesktopDbus

        nm = interfaces()
    except ImportError as error:
        raise BindingMissing(f"{MISSING} ({error})") from error


class SystemBus(BusSignals):
    """One connection to the system's bus: `bus_watch.Connection`, and calls."""

    def __init__(
        self,
        told_lost: Callable[[], None],
        keeps_secrets: KeepsSecrets,
        call_seconds: float,
    ) -> None:
        """Connect to DBUS_SYSTEM_BUS_ADDRESS or the usual place; raises ManagerError."""
        try:
            self._bus = sdbus.sd_bus_open_system()
            super().__init__(self._bus, Calls(call_seconds, _error_of), told_lost)
        except (sdbus.SdBusBaseError, OSError) as error:
            raise ManagerError(
                "the system's D-Bus cannot be reached; start it with `systemctl start dbus`, "
                "the network follows by itself"
            ) from error
        self._keeps_secrets = keeps_secrets
        self._agent: SdBusInterface | None = None

    def proxy(self, kind: type[P], owner: str, path: str) -> P:
        """A sender of calls to the object at `path` of `owner`."""
        return kind.new_proxy(owner, path, self._bus)

    async def owner(self) -> str:
        """Who owns NetworkManager's name now, "" nobody."""
        try:
            return await self.calls.ask(
                bus_asked("tell whether NetworkManager is there"),
                lambda: FreedesktopDbus(self._bus).get_name_owner(NM),
            )
        except ManagerError as error:
            if error.name == sdbus.DbusNameHasNoOwnerError.dbus_error_name:
                return ""
            raise

    async def managed_objects(self, owner: str) -> Any:
        """GetManagedObjects: `a{oa{sa{sv}}}`."""
        proxy = self.proxy(sdbus.DbusObjectManagerInterfaceAsync, owner, OBJECT_MANAGER)
        return await self.calls.ask(Asked("show its objects"), proxy.get_managed_objects)

    async def permissions(self, owner: str) -> dict[str, str]:
        """GetPermissions."""
        proxy = self.proxy(nm.NetworkManagerInterfaceAsync, owner, ROOT)
        return await self.calls.ask(Asked("tell what is allowed"), proxy.get_permissions)

    async def register_agent(self, owner: str) -> None:
        """Have this connection asked for secrets."""
        if self._agent is None:
            self._agent = self._export_agent()
        proxy = self.proxy(
            nm.NetworkManagerSecretAgentManagerInterfaceAsync, owner, f"{ROOT}/AgentManager"
        )
        await self.calls.ask(
            Asked("take the gateway as a secret agent"),
            lambda: proxy.register_with_capabilities(agent_identifier(), 0),
        )

    def _export_agent(self) -> SdBusInterface:
        interface = sdbus.sd_bus_internals.SdBusInterface()
        flags = sdbus.DbusUnprivilegedFlag  # otherwise sd-bus asks the bus about each caller
        for name, (takes, gives, answer) in agent_methods(self._keeps_secrets).items():
            interface.add_method(name, takes, [], gives, [], flags, answer)
        self._bus.add_interface(interface, AGENT_PATH, AGENT)
        return interface

    def close(self) -> None:
        """Let go of everything; what is being awaited fails."""
        if self._agent is not None and self._agent.slot is not None:
            self._agent.slot.close()
        # Python's collector does not see through the binding's objects: no circle may be left.
        self._agent = None
        super().close()


def _error_of(error: Exception) -> tuple[str, str] | None:
    """D-Bus's name and text of an error that was answered."""
    texts = (*map(str, error.args), "")
    if isinstance(error, sdbus.SdBusUnmappedMessageError):
        return texts[0], texts[1]
    if isinstance(error, sdbus.DbusFailedError):
        return error.dbus_error_name, texts[0]
    return None


class NetworkManagerBus:
    """`manager.Manager` over D-Bus."""

    def __init__(self, call_seconds: float = CALL_SECONDS, patience: float = 0.0) -> None:
        """`call_seconds` is how long NetworkManager may take for an answer; `patience` how
        long nothing is to be warned of where it does not run yet.
        """
        self._call_seconds = call_seconds
        self._keeps_secrets: KeepsSecrets = lambda uuid: False
        self._watch = BusWatch(self._open, patience=patience)
        self._bus: SystemBus | None = None
        self._watching: asyncio.Task[None] | None = None

    @property
    def present(self) -> bool:
        """Whether NetworkManager runs and `objects` shows all of it."""
        return self._watch.present

    @property
    def missing(self) -> bool:
        """Whether NetworkManager was looked for, and is not there."""
        return self._watch.missing

    @property
    def objects(self) -> Objects:
        """The mirror; each change makes another one, and what was handed out stays as it was."""
        return self._watch.objects

    def listen(
        self, listener: ManagerListener | None, keeps_secrets: Callable[[str], bool]
    ) -> None:
        """Tell `listener`, and ask `keeps_secrets` about NetworkManager's questions."""
        self._watch.listener = listener
        self._keeps_secrets = keeps_secrets

    async def start(self) -> None:
        """Begin to look for NetworkManager; returns at once."""
        self._watching = asyncio.create_task(self._watch.run(), name="NetworkManager on D-Bus")

    async def close(self) -> None:
        """Let go of the bus; no task and no descriptor is left. Nobody is told any more."""
        self._watch.listener = None
        watching, self._watching = self._watching, None
        if watching is not None:
            watching.cancel()
            await asyncio.wait({watching})
        self._bus = None  # the binding's descriptors end with the last reference

    async def add_profile(self, profile: Profile, *, on_disk: bool) -> str:
        """Settings.AddConnection2, strict, without its own autoconnect: the new object's path."""
        flags = BLOCK_AUTOCONNECT | (ON_DISK if on_disk else IN_MEMORY)
        bus, owner = self._here()
        settings = bus.proxy(nm.NetworkManagerSettingsInterfaceAsync, owner, SETTINGS)
        path, _ = await bus.calls.ask(
            Asked("add the profile", MODIFY),
            lambda: settings.add_connection2(sendable(profile), flags, {}),
        )
        return path

    async def update_profile(self, path: str, profile: Profile, *, on_disk: bool) -> None:
        """Settings.Connection.Update2 with the whole profile, secrets included."""
        flags = BLOCK_AUTOCONNECT | (ON_DISK if on_disk else IN_MEMORY)
        bus, stored = self._profile(path)
        await bus.calls.ask(
            Asked("change the profile", MODIFY),
            lambda: stored.update2(sendable(profile), flags, {}),
        )

    async def delete_profile(self, path: str) -> None:
        """Settings.Connection.Delete; a connection that is active by it ends."""
        bus, stored = self._profile(path)
        await bus.calls.ask(Asked("delete the profile", MODIFY), stored.delete)

    async def profile_settings(self, path: str) -> Mapping[str, Properties]:
        """Settings.Connection.GetSettings, unwrapped, without secrets."""
        bus, stored = self._profile(path)
        asked = Asked("show the profile", MODIFY)
        return _unwrapped(await bus.calls.ask(asked, stored.get_settings))

    async def profile_secrets(self, path: str, setting: str) -> Mapping[str, Properties]:
        """Settings.Connection.GetSecrets, unwrapped. Never log it."""
        bus, stored = self._profile(path)
        asked = Asked("show the profile's secrets", MODIFY)
        return _unwrapped(await bus.calls.ask(asked, lambda: stored.get_secrets(setting)))

    async def activate(self, profile: str, device: str, specific: str = NO_OBJECT) -> str:
        """ActivateConnection; gives the active connection's path."""
        bus, owner = self._here()
        manager = bus.proxy(nm.NetworkManagerInterfaceAsync, owner, ROOT)
        return await bus.calls.ask(
            Asked("activate the profile"),
            lambda: manager.activate_connection(profile, device, specific),
        )

    async def disconnect(self, device: str) -> None:
        """Device.Disconnect: it connects by itself no more until `set_autoconnect`."""
        bus, proxy = self._device(device)
        await bus.calls.ask(Asked("disconnect the device"), proxy.disconnect)

    async def set_autoconnect(self, device: str, autoconnect: bool) -> None:
        """Device.Autoconnect: whether NetworkManager may connect the device by itself."""
        bus, proxy = self._device(device)
        await bus.calls.ask(
            Asked("change the device's autoconnect"),
            lambda: proxy.autoconnect.set_async(autoconnect),
        )

    async def set_managed(self, device: str, managed: bool) -> None:
        """Device.Managed: whether NetworkManager has to do with the device at all."""
        bus, proxy = self._device(device)
        await bus.calls.ask(
            Asked("take or leave the device"), lambda: proxy.managed.set_async(managed)
        )

    async def applied(self, device: str) -> tuple[Profile, int]:
        """Device.GetAppliedConnection: what is in force, and its version for `reapply`."""
        bus, proxy = self._device(device)
        asked = Asked("show what is applied to the device")
        return await bus.calls.ask(asked, lambda: proxy.get_applied_connection(0))

    async def reapply(self, device: str, profile: Profile, version: int) -> None:
        """Device.Reapply: bring a live connection to `profile`, without touching any profile."""
        bus, proxy = self._device(device)
        await bus.calls.ask(
            Asked("change the live connection"),
            lambda: proxy.reapply(sendable(profile), version, 0),
        )

    async def request_scan(self, device: str, ssid: bytes | None = None) -> None:
        """Device.Wireless.RequestScan, asking for the hidden network `ssid` too."""
        bus, owner = self._here()
        radio = bus.proxy(nm.NetworkManagerDeviceWirelessInterfaceAsync, owner, device)
        options: dict[str, tuple[str, Any]] = {}
        if ssid is not None:
            options["ssids"] = ("aay", [ssid])
        await bus.calls.ask(Asked("scan", SCAN), lambda: radio.request_scan(options))

    async def permissions(self) -> Mapping[str, str]:
        """GetPermissions: action → "yes", "auth" or "no"."""
        bus, owner = self._here()
        return await bus.permissions(owner)

    async def _open(self, told_lost: Callable[[], None]) -> SystemBus:
        await asyncio.to_thread(_load)
        self._bus = SystemBus(told_lost, lambda uuid: self._keeps_secrets(uuid), self._call_seconds)
        return self._bus

    def _here(self) -> tuple[SystemBus, str]:
        owner = self._watch.owner
        if self._bus is None or not owner:
            raise ManagerError(self._watch.absence)
        return self._bus, owner

    def _profile(
        self, path: str
    ) -> tuple[SystemBus, nm.NetworkManagerSettingsConnectionInterfaceAsync]:
        bus, owner = self._here()
        kind = nm.NetworkManagerSettingsConnectionInterfaceAsync
        return bus, bus.proxy(kind, owner, path)

    def _device(self, path: str) -> tuple[SystemBus, nm.NetworkManagerDeviceInterfaceAsync]:
        bus, owner = self._here()
        return bus, bus.proxy(nm.NetworkManagerDeviceInterfaceAsync, owner, path)


def _unwrapped(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, Properties]:
    return {
        setting: {key: unwrap("v", it) for key, it in keys.items()}
        for setting, keys in settings.items()
    }
