"""The mirror of NetworkManager's objects, kept by what its signals say. Pure."""

from __future__ import annotations

import logging
from collections import deque
from typing import Any, Final

from gateway.services.backoff import MOST_SENTENCES
from gateway.services.network.bus_values import unwrap
from gateway.services.network.manager import NM, ROOT, Objects, Properties

logger = logging.getLogger("gateway.network")

DEVICE: Final = f"{NM}.Device"


class Mirror:
    """All objects as they were last told. What it gave away before, it never changes.

    Whoever holds `objects` across an await therefore holds an old one, but a whole one.
    What has not the form that D-Bus's standard interfaces prescribe is left out, and the
    first of its kind is logged.
    """

    def __init__(self) -> None:
        self.objects: Objects = {}
        self._complained = deque[str](maxlen=MOST_SENTENCES)

    @property
    def complete(self) -> bool:
        """Whether NetworkManager's first object is there: it answers before it has any."""
        return ROOT in self.objects

    def clear(self) -> None:
        """Show nothing."""
        self.objects = {}

    def fill(self, managed: Any) -> None:
        """Show what GetManagedObjects answered, `a{oa{sa{sv}}}`."""
        if not isinstance(managed, dict):
            self._complain("GetManagedObjects", type(managed).__name__)
            managed = {}
        self.objects = {
            path: self._interfaces(path, interfaces) for path, interfaces in managed.items()
        }

    def apply(self, member: str, path: str, contents: Any) -> bool:
        """Follow a signal of ObjectManager or Properties; whether anything is different now."""
        try:
            if member == "PropertiesChanged":
                return self._changed(path, *contents)
            if member == "InterfacesAdded":
                return self._added(*contents)
            if member == "InterfacesRemoved":
                return self._removed(*contents)
        except (TypeError, ValueError, AttributeError) as error:
            self._complain(member, type(error).__name__)
        return False

    def device_state(self, path: str, new: int, reason: int) -> None:
        """Show a device's new state ahead of the PropertiesChanged that tells it too."""
        state = {"State": new, "StateReason": (new, reason)}
        if DEVICE in self.objects.get(path, {}):
            self._put(path, {DEVICE: {**self.objects[path][DEVICE], **state}})

    def _added(self, path: str, interfaces: Any) -> bool:
        self._put(path, self._interfaces(path, interfaces))
        return True

    def _removed(self, path: str, names: list[str]) -> bool:
        if path not in self.objects:
            return False
        left = {name: it for name, it in self.objects[path].items() if name not in names}
        objects = {**self.objects, path: left}
        if not left:
            del objects[path]
        self.objects = objects
        return True

    def _changed(self, path: str, interface: str, changed: Any, invalidated: list[str]) -> bool:
        known = self.objects.get(path, {}).get(interface)
        if known is None:  # it vanished a moment ago
            return False
        properties = {**known, **self._properties(interface, changed)}
        for name in invalidated:
            properties.pop(name, None)
        if properties == known:
            return False
        self._put(path, {interface: properties})
        return True

    def _put(self, path: str, interfaces: dict[str, Properties]) -> None:
        self.objects = {**self.objects, path: {**self.objects.get(path, {}), **interfaces}}

    def _interfaces(self, path: str, interfaces: Any) -> dict[str, Properties]:
        if not isinstance(interfaces, dict):
            self._complain(f"the interfaces of {path}", type(interfaces).__name__)
            return {}
        return {name: self._properties(name, it) for name, it in interfaces.items()}

    def _properties(self, interface: str, properties: Any) -> dict[str, Any]:
        plain: dict[str, Any] = {}
        if not isinstance(properties, dict):
            self._complain(f"the properties of {interface}", type(properties).__name__)
            return plain
        for name, variant in properties.items():
            try:
                plain[name] = unwrap("v", variant)
            except (TypeError, ValueError, AttributeError) as error:
                self._complain(f"{interface}.{name}", type(error).__name__)
        return plain

    def _complain(self, about: str, error: str) -> None:
        if about not in self._complained:
            self._complained.append(about)
            logger.warning(
                "NetworkManager gives %s in a form that nobody expects (%s); it is passed over",
                about,
                error,
            )
