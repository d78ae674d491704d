"""The mirror of a made-up NetworkManager, and who is told when it changes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from gateway.services.network.manager import ROOT, ManagerListener, Objects


class FakeObjects:
    """Objects by path. Every change is told at once; nothing is shown while it is absent."""

    def __init__(self) -> None:
        self.listeners: list[ManagerListener] = []
        self.present = False
        self.life = 0
        self._objects: dict[str, dict[str, dict[str, Any]]] = {}
        self._numbers: dict[str, Iterator[int]] = {}

    @property
    def shown(self) -> Objects:
        """What is seen of them through the bus."""
        return self._objects if self.present else {}

    def appear(self) -> None:
        """The mirror is filled."""
        self.present = True
        self._tell()

    def vanish(self) -> None:
        """All of it is gone; numbers of paths begin anew, as with another process."""
        self._objects, self._numbers = {}, {}
        self.present = False
        self.life += 1
        for listener in list(self.listeners):
            listener.manager_changed()

    def new_path(self, kind: str) -> str:
        """A path of its own such as …/ActiveConnection/3."""
        numbers = self._numbers.setdefault(kind, itertools.count(1))
        return f"{ROOT}/{kind}/{next(numbers)}"

    def add(self, path: str, interfaces: dict[str, dict[str, Any]]) -> None:
        """InterfacesAdded."""
        self._objects[path] = interfaces
        self._tell()

    def remove(self, path: str) -> None:
        """InterfacesRemoved; nothing happens if there is no such object."""
        if self._objects.pop(path, None) is not None:
            self._tell()

    def set(self, path: str, interface: str, **properties: Any) -> None:
        """PropertiesChanged, for those that do change."""
        known = self._objects[path][interface]
        changed = {name: value for name, value in properties.items() if known.get(name) != value}
        if changed:
            # Another dictionary, so that one that was read stays as it was.
            self._objects[path][interface] = {**known, **changed}
            self._tell()

    def get(self, path: str, interface: str, name: str) -> Any:
        """One property, whether it is shown or not."""
        return self._objects[path][interface][name]

    def knows(self, path: str) -> bool:
        """Whether there is such an object, shown or not."""
        return path in self._objects

    def tell_state(self, device: str, new: int, old: int, reason: int) -> None:
        """Device.StateChanged."""
        for listener in list(self.listeners) if self.present else ():
            listener.device_state_changed(device, new, old, reason)

    def _tell(self) -> None:
        for listener in list(self.listeners) if self.present else ():
            listener.manager_changed()
