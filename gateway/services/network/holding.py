"""Keeps NetworkManager from connecting a device by itself, and gives the device back.

It is written down before it is done, so that after a crash too the device can be given back
(release.py).
"""

from __future__ import annotations

from gateway.services.api import Interface
from gateway.services.network import view
from gateway.services.network.manager import Manager
from gateway.services.network.ownership import OwnershipRecord


class Holding:
    """Whether the device of `interface` is ours to dispose of (`Device.Autoconnect`)."""

    def __init__(
        self,
        manager: Manager,
        interface: str,
        record: OwnershipRecord,
        which: Interface = Interface.STATION,
    ) -> None:
        self._manager = manager
        self._interface = interface
        self._record = record
        self._which = which

    async def hold(self) -> None:
        """Nothing connects by itself from now on. Raises ManagerError."""
        device = view.device(self._manager.objects, self._interface)
        if device is None or not view.autoconnect(self._manager.objects, device):
            return
        await self._record.hold(self._interface, self._which)
        await self._manager.set_autoconnect(device, False)

    async def take(self) -> None:
        """Have NetworkManager manage a device that it leaves alone. Raises ManagerError."""
        device = view.device(self._manager.objects, self._interface)
        if device is None or view.managed(self._manager.objects, device):
            return
        await self.hold()
        await self._record.take(self._interface)
        await self._manager.set_managed(device, True)

    async def leave_alone(self) -> None:
        """Have it left alone again, if it was taken. Raises ManagerError."""
        if not self._record.has_taken(self._interface):
            return
        device = view.device(self._manager.objects, self._interface)
        if device is not None:
            await self._manager.set_managed(device, False)
            await self._manager.set_autoconnect(device, True)
        await self._record.let_go(self._interface)

    async def note(self) -> None:
        """The live connection of the owner's is about to be changed: a stop has to undo it."""
        if not self._record.has_changed(self._interface):
            await self._record.note_change(self._interface)

    async def allow(self) -> None:
        """Let the device connect by itself again, if it was held. Raises ManagerError.

        Once: whoever holds it afterwards is another.
        """
        device = view.device(self._manager.objects, self._interface)
        if device is None or not self._record.holds(self._interface):
            return
        if not view.autoconnect(self._manager.objects, device):
            await self._manager.set_autoconnect(device, True)
        await self._record.free(self._interface)

    async def forget(self) -> None:
        """There is nothing to undo any more."""
        if self._interface in self._record.touched:
            await self._record.let_go(self._interface)

    async def undo_changes(self) -> None:
        """Undo what an earlier run that was killed did to a live connection of the owner's."""
        device = view.device(self._manager.objects, self._interface)
        if device is not None and self._record.has_changed(self._interface):
            await self._manager.reapply(device, {}, 0)
