"""A NetworkManager on a private bus that says what a test wants, however wrong."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Final

import sdbus
from sdbus.sd_bus_internals import SdBusInterface, SdBusMessage

from gateway.services.network.bus_loop import BusLoop

NM: Final = "org.freedesktop.NetworkManager"
ROOT: Final = "/org/freedesktop/NetworkManager"
DEVICE: Final = f"{ROOT}/Devices/1"
PROFILE: Final = f"{ROOT}/Settings/1"
SETTINGS: Final = "a{sa{sv}}"

Objects = dict[str, dict[str, dict[str, tuple[str, Any]]]]

NEVER: Final = object()
"""An answer that does not come."""


@dataclass
class Refusal:
    """An error as the answer."""

    name: str
    message: str = "because"


def one_device() -> Objects:
    """NetworkManager with one device."""
    state = {
        "Interface": ("s", "wlan0"),
        "State": ("u", 30),
        "StateReason": ("(uu)", (30, 0)),
        "Autoconnect": ("b", True),
        "Managed": ("b", False),
    }
    return {
        ROOT: {NM: {"Version": ("s", "1.52.1")}},
        DEVICE: {f"{NM}.Device": state},
    }


FLAGS: Final = sdbus.DbusUnprivilegedFlag
Method = tuple[str, str, str, str, str]
METHODS: Final[tuple[Method, ...]] = (
    (ROOT, NM, "GetPermissions", "", "a{ss}"),
    (ROOT, NM, "ActivateConnection", "ooo", "o"),
    (f"{ROOT}/AgentManager", f"{NM}.AgentManager", "RegisterWithCapabilities", "su", ""),
    (f"{ROOT}/Settings", f"{NM}.Settings", "AddConnection2", f"{SETTINGS}ua{{sv}}", "oa{sv}"),
    (PROFILE, f"{NM}.Settings.Connection", "Update2", f"{SETTINGS}ua{{sv}}", "a{sv}"),
    (PROFILE, f"{NM}.Settings.Connection", "Delete", "", ""),
    (PROFILE, f"{NM}.Settings.Connection", "GetSettings", "", SETTINGS),
    (PROFILE, f"{NM}.Settings.Connection", "GetSecrets", "s", SETTINGS),
    (DEVICE, f"{NM}.Device", "Disconnect", "", ""),
    (DEVICE, f"{NM}.Device", "GetAppliedConnection", "u", f"{SETTINGS}t"),
    (DEVICE, f"{NM}.Device", "Reapply", f"{SETTINGS}tu", ""),
    (DEVICE, f"{NM}.Device.Wireless", "RequestScan", "a{sv}", ""),
)  # fmt: skip


@dataclass
class FakeNetworkManager:
    """`answers` holds what each method gives, by its name: a tuple, a Refusal, or NEVER.

    `before` is called when a method was asked, ahead of its answer; `shown` while
    GetManagedObjects is being answered, which sd-bus does itself. What was asked is in
    `asked`: the method's name and its arguments.
    """

    answers: dict[str, Any] = field(default_factory=dict)
    objects: Objects = field(default_factory=one_device)
    methods: tuple[Method, ...] = METHODS
    before: dict[str, Callable[[], None]] = field(default_factory=dict)
    shown: Callable[[], None] = lambda: None
    asked: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)
    caller: str = ""
    autoconnect: bool = True
    managed: bool = False

    async def appear(self) -> None:
        """Be there."""
        self._bus = sdbus.sd_bus_open_system()
        self._loop = BusLoop(self._bus, lambda: None)
        self._interfaces: dict[tuple[str, str], SdBusInterface] = {}
        for path, interface, name, takes, gives in self.methods:
            exported = self._interfaces.setdefault((path, interface), SdBusInterface())
            exported.add_method(name, takes, [], gives, [], FLAGS, self._answering(name, gives))
        for path, interfaces in self.objects.items():
            for interface, properties in interfaces.items():
                exported = self._interfaces.setdefault((path, interface), SdBusInterface())
                for name in properties:
                    self._export(exported, path, interface, name)
        for (path, interface), exported in self._interfaces.items():
            self._bus.add_interface(exported, path, interface)
        self._manager = self._bus.add_object_manager("/org/freedesktop")
        await self._bus.request_name_async(NM, 0)

    def _export(self, exported: SdBusInterface, path: str, interface: str, name: str) -> None:
        signature, _ = self.objects[path][interface][name]

        def get(message: SdBusMessage) -> None:
            self.shown()
            message.append_data(*self.objects[path][interface][name])

        def set_it(message: SdBusMessage) -> None:
            setattr(self, name.lower(), *message.parse_to_tuple())

        setter = set_it if name in ("Autoconnect", "Managed") else None
        exported.add_property(name, signature, get, setter, FLAGS if setter else 0)

    def vanish(self) -> None:
        """Be gone."""
        for exported in self._interfaces.values():
            if exported.slot is not None:
                exported.slot.close()
        self._interfaces.clear()
        self._manager.close()
        self._loop.close()
        self._bus.close()
        del self._bus, self._manager, self._loop

    def signal(self, path: str, interface: str, member: str, signature: str, *values: Any) -> None:
        """Send a signal."""
        message = self._bus.new_signal_message(path, interface, member)
        if signature:
            message.append_data(signature, *values)
        message.send()

    def changed(self, path: str, interface: str, **properties: tuple[str, Any]) -> None:
        """Send PropertiesChanged."""
        name = "org.freedesktop.DBus.Properties"
        self.signal(path, name, "PropertiesChanged", "sa{sv}as", interface, properties, [])

    def state_changed(self, new: int, old: int, reason: int) -> None:
        """Send the device's StateChanged."""
        self.signal(DEVICE, f"{NM}.Device", "StateChanged", "uuu", new, old, reason)

    def added(self, path: str, interfaces: dict[str, dict[str, tuple[str, Any]]]) -> None:
        """Send InterfacesAdded."""
        name = "org.freedesktop.DBus.ObjectManager"
        self.signal("/org/freedesktop", name, "InterfacesAdded", "oa{sa{sv}}", path, interfaces)

    def removed(self, path: str, *interfaces: str) -> None:
        """Send InterfacesRemoved."""
        name = "org.freedesktop.DBus.ObjectManager"
        self.signal("/org/freedesktop", name, "InterfacesRemoved", "oas", path, list(interfaces))

    async def ask_agent(self, method: str, signature: str, *values: Any) -> None:
        """Call the secret agent of whoever asked last."""
        path = f"{ROOT}/SecretAgent"
        message = self._bus.new_method_call_message(self.caller, path, f"{NM}.SecretAgent", method)
        message.append_data(signature, *values)
        await self._bus.call_async(message)

    def _answering(
        self, name: str, signature: str
    ) -> Callable[[SdBusMessage], Coroutine[Any, Any, None]]:
        async def answer(message: SdBusMessage) -> None:
            with contextlib.suppress(sdbus.SdBusLibraryError):  # it vanished meanwhile
                respond(message)

        def respond(message: SdBusMessage) -> None:
            self.asked.append((name, message.parse_to_tuple()))
            self.caller = message.sender or ""
            self.before.get(name, lambda: None)()
            given = self.answers.get(name, ({},) if signature.startswith("a") else ())
            if given is NEVER:
                return
            if isinstance(given, Refusal):
                message.create_error_reply(given.name, given.message).send()
                return
            reply = message.create_reply()
            if signature:
                reply.append_data(signature, *given)
            reply.send()

        return answer
