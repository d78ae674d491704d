"""The gateway's own profile for its access point: one at most, always in memory.

It stays between one try to open the access point and the next, so that a radio that never
takes it costs no write to the disk each time.
"""

from __future__ import annotations

from dataclasses import field, replace

from gateway.records import Record
from gateway.services.api import Interface
from gateway.services.network import view
from gateway.services.network.manager import DeviceState, Manager, ManagerError, Profile
from gateway.services.network.our_profiles import find_ours
from gateway.services.network.ownership import OwnershipRecord


class Opened(Record):
    """The profile as NetworkManager has it; `active` is empty while it is not activated."""

    path: str
    interface: str
    active: str
    plan: Profile = field(repr=False)


class SoftApProfile:
    """Makes, activates and deletes the profile. Its calls raise ManagerError."""

    def __init__(self, manager: Manager, record: OwnershipRecord) -> None:
        self._manager = manager
        self._record = record
        self._uuid = ""
        self._adopted = False
        self._may_be_there = False
        self.opened: Opened | None = None
        """The profile that is, or is to be, on the air."""

    @property
    def uuid(self) -> str:
        """The UUID to make it with."""
        # The same for every try: otherwise each of them would have to be written down.
        from uuid import uuid4

        self._uuid = self._uuid or str(uuid4())
        return self._uuid

    def lost(self) -> None:
        """NetworkManager has come or gone: its objects are other ones now."""
        self.opened, self._adopted = None, False

    def is_live(self, opened: Opened) -> bool:
        """Whether it is on the air, or on its way there."""
        # Its own object tells: the device shows it a moment after the answer to `activate`.
        state = view.active_state(self._manager.objects, opened.active)
        return state in (view.ActiveState.ACTIVATING, view.ActiveState.ACTIVATED)

    def is_on_air(self, opened: Opened) -> bool:
        """Whether its device is up by it."""
        objects = self._manager.objects
        device = view.device(objects, opened.interface)
        if device is None or view.active_connection(objects, device) != opened.active:
            return False
        return view.device_state(objects, device) == DeviceState.ACTIVATED

    @property
    def has_ended(self) -> bool:
        """Whether something has taken off the air what was there."""
        return (
            self.opened is not None and self.opened.active != "" and not self.is_live(self.opened)
        )

    async def adopt(self) -> None:
        """Delete what is left of another run; to be called before all else.

        Once after NetworkManager has come, and again when an answer did not come.
        """
        if self._adopted:
            return
        for found in await find_ours(self._manager, self._record, Interface.SOFTAP):
            await self._manager.delete_profile(found.path)
            if found.uuid == self._uuid:
                self._may_be_there = False
            else:
                await self._record.forget_profile(found.uuid)
        self._adopted = True

    async def bring_to(self, plan: Profile, interface: str) -> None:
        """Have it there as planned, deleting one that is another or that was taken away."""
        opened = self.opened
        if opened and (opened.plan != plan or opened.path not in self._manager.objects):
            await self.delete()
        if self.opened is None:
            await self._record.add_profile(self.uuid, Interface.SOFTAP)
            # Until it is answered it may be there or not.
            self._adopted, self._may_be_there = False, True
            path = await self._manager.add_profile(plan, on_disk=False)
            self._adopted, self._may_be_there = True, False
            self.opened = Opened(path, interface, "", plan)

    async def activate(self, device: str) -> Opened:
        """Begin to open it on a device."""
        if self.opened is None:
            raise ManagerError("NetworkManager went meanwhile")
        self.opened = opened = replace(self.opened, active="")
        active = await self._manager.activate(opened.path, device)
        if self.opened is not opened:
            raise ManagerError("NetworkManager went meanwhile")
        self.opened = opened = replace(opened, active=active)
        return opened

    async def given_up(self, opened: Opened) -> None:
        """It did not get on the air: what is still under way ends."""
        if self.is_live(opened):
            await self.delete()
        elif self.opened is opened:
            self.opened = replace(opened, active="")

    async def delete(self) -> None:
        """Take it off the air, and away."""
        opened = self.opened
        if opened is None:
            return
        # Without NetworkManager nothing shows, and this is refused.
        if opened.path in self._manager.objects or not self._manager.present:
            await self._manager.delete_profile(opened.path)
        # Known until it is deleted: where that was refused it is tried again.
        self.opened = None

    async def forget(self) -> None:
        """It is wanted no more, and deleted."""
        if self._uuid and not self._may_be_there:
            await self._record.forget_profile(self._uuid)
        self._uuid, self._may_be_there = "", False
