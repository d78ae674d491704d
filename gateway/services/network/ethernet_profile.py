"""The gateway's own profile for the cable, for what the owner's connection cannot be brought to.

There is one at most, always in memory. Activating it ends the owner's connection in the one way
after which NetworkManager may bring that up again by itself: `Device.Disconnect` and
`DeactivateConnection` would block the owner's profile until somebody activates it by hand.
"""

from __future__ import annotations

import logging

from gateway.services.api import Interface, Wanted
from gateway.services.network import view
from gateway.services.network.manager import Manager, ManagerError, Profile
from gateway.services.network.our_profiles import find_ours
from gateway.services.network.ownership import OwnershipRecord
from gateway.services.network.profiles import ethernet_profile, identity_of

logger = logging.getLogger("gateway.network")


class EthernetProfile:
    """Makes, activates and deletes the profile. Its calls raise ManagerError."""

    def __init__(self, manager: Manager, interface: str, record: OwnershipRecord) -> None:
        self._manager = manager
        self._interface = interface
        self._record = record
        self._uuid = ""
        self._path: str | None = None
        self._sent: Profile = {}
        self._displaced: str | None = None
        self._adopted = False
        self.mac: str | None = None
        """The MAC that it was last activated with, None for the hardware's own."""
        self.is_known = True
        """Whether this run made it; what one of an earlier run brought with it nobody knows."""

    @property
    def exists(self) -> bool:
        """Whether NetworkManager has it."""
        return self._path is not None

    def owns(self, active: str | None) -> bool:
        """Whether an active connection runs by it."""
        if active is None:
            return False
        return self._record.has_profile(view.active_uuid(self._manager.objects, active))

    def is_another(self, profile: str) -> bool:
        """Whether a profile is somebody else's."""
        return profile != self._path

    def lost(self) -> None:
        """NetworkManager has come or gone: its objects are other ones now."""
        self._path, self._displaced, self._adopted = None, None, False

    async def adopt(self) -> None:
        """Find what is ours, once after NetworkManager has come; to be called before all else.

        Profiles in memory outlive a restart of NetworkManager, and a crash of the gateway.
        """
        if self._path is not None and self._path not in self._manager.objects:
            # A deletion that was not answered, or somebody else's.
            await self._forget()
        if self._adopted:
            return
        found = await find_ours(self._manager, self._record, Interface.ETHERNET)
        found.sort(key=lambda one: one.uuid != self._uuid)
        if found:
            first = found[0]
            if first.uuid != self._uuid:
                self._sent, self.mac, self.is_known = {}, None, False
            self._uuid, self._path = first.uuid, first.path
        for surplus in found[1:]:
            await self._manager.delete_profile(surplus.path)
            await self._record.forget_profile(surplus.uuid)
        self._adopted = True

    async def renew(self, wanted: Wanted, mac: str | None) -> None:
        """Make it as it is wanted, or a new one; `mac` is the hardware's own, if it is known."""
        from uuid import uuid4

        self._uuid = self._uuid or str(uuid4())
        identity = identity_of(self._uuid, Interface.ETHERNET)
        built = ethernet_profile(identity, self._interface, wanted, mac=mac)
        if self._path is None:
            await self._record.add_profile(self._uuid, Interface.ETHERNET)
            # Until it is answered it may be there or not.
            self._adopted, self._sent = False, {}
            self._path = await self._manager.add_profile(built, on_disk=False)
            self._adopted = True
        elif built != self._sent:
            # Where that is not answered it may hold either.
            self._sent = {}
            await self._manager.update_profile(self._path, built, on_disk=False)
        self._sent = built

    async def activate(self, device: str, mac: str | None) -> str:
        """Connect the device by it, with that MAC; gives the active connection."""
        assert self._path is not None
        objects = self._manager.objects
        present = view.active_connection(objects, device)
        if present is not None and not self.owns(present):
            self._displaced = view.profile_of(objects, present)
        active = await self._manager.activate(self._path, device)
        self.mac, self.is_known = mac, True
        return active

    async def give_way(self, device: str) -> None:
        """Delete it, and have the connection back that it took the place of."""
        path, displaced = self._path, self._displaced
        if path is None:
            return
        objects = self._manager.objects
        is_up = self.owns(view.active_connection(objects, device))
        if (
            displaced is not None
            and is_up
            and displaced in view.available_profiles(objects, device)
        ):
            try:
                await self._manager.activate(displaced, device)
            except ManagerError as error:
                # It is deleted all the same, and NetworkManager finds another one by itself.
                logger.warning("the owner's connection is not back at once: %s", error)
        await self._manager.delete_profile(path)
        await self._forget()

    async def _forget(self) -> None:
        await self._record.forget_profile(self._uuid)
        self._uuid, self._path, self._displaced = "", None, None
        self.mac, self.is_known = None, True
