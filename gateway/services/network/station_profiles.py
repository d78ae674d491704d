"""The station's profiles in NetworkManager: the one in use, and the one stored on disk.

A profile is recorded as ours before NetworkManager hears of it, and comes into being in
memory: only one whose access point was joined is stored. No other profile is ever touched.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, replace

from gateway.services.api import Credentials, Interface, Wanted
from gateway.services.network import view
from gateway.services.network.manager import NO_OBJECT, Manager, ManagerError, Objects, Profile
from gateway.services.network.ownership import OwnershipRecord, find_ours
from gateway.services.network.profiles import KeyManagement, identity_of, station_profile


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a profile is made of; `mac` is the hardware's."""

    credentials: Credentials
    security: KeyManagement
    hidden: bool
    mac: str


@dataclass(frozen=True, slots=True)
class OurProfile:
    """A profile of ours: UUID, object path, and what it was last made of, if this run did."""

    uuid: str
    path: str
    on_disk: bool
    hidden: bool
    recipe: Recipe | None = None
    sent: Profile | None = field(default=None, repr=False)


class StationProfiles:
    """Knows the station's profiles, and which of them is on disk."""

    def __init__(self, manager: Manager, interface: str, record: OwnershipRecord) -> None:
        self._manager = manager
        self._interface = interface
        self._record = record
        self._known: dict[str, OurProfile] = {}
        self._current: str | None = None
        self._adopted = False

    @property
    def current(self) -> OurProfile | None:
        """The profile that was activated last."""
        return self._known.get(self._current) if self._current else None

    def owns(self, objects: Objects, active: str) -> bool:
        """Whether an active connection runs by a profile of ours."""
        return self._record.has_profile(view.active_uuid(objects, active))

    def is_on_disk(self, objects: Objects, active: str) -> bool:
        """Whether an active connection runs by a profile of ours that is on disk."""
        profile = self._known.get(view.active_uuid(objects, active))
        return profile is not None and profile.on_disk

    def lost(self) -> None:
        """NetworkManager has come or gone: its objects are other ones now."""
        self._known.clear()
        self._current, self._adopted = None, False

    async def adopt(self) -> None:
        """Find what of ours is not known: after NetworkManager has come, and a failed call."""
        if self._adopted:
            return
        for found in await find_ours(self._manager, self._record, Interface.STATION):
            if found.uuid in self._known:
                continue
            settings = await self._manager.profile_settings(found.path)
            hidden = settings.get("802-11-wireless", {}).get("hidden") is True
            self._known[found.uuid] = OurProfile(found.uuid, found.path, found.on_disk, hidden)
            if self._is_active(found.path):
                self._current = found.uuid
        self._adopted = True

    async def prepare(self, recipe: Recipe, wanted: Wanted, *, stored: bool) -> OurProfile:
        """The profile to activate: one that is there, renewed, or else a new one in memory.

        `stored`: it is for the stored access point, whose profile may be on disk.
        """
        present = self._find(recipe.credentials, stored)
        if present is not None:
            # Once hidden, always asked for: it may show now only because it was asked for.
            recipe = replace(recipe, hidden=recipe.hidden or present.hidden)
            profile = await self._renewed(present, recipe, wanted, on_disk=present.on_disk)
        else:
            profile = await self._add(recipe, wanted)
        self._current = profile.uuid
        return profile

    async def keep(self, wanted: Wanted) -> None:
        """Store the current profile on disk, in the place of the one stored before."""
        current = self.current
        if current is None or current.recipe is None:
            return
        await self._renewed(current, current.recipe, wanted, on_disk=True)
        for profile in list(self._known.values()):
            if profile.on_disk and profile.uuid != current.uuid:
                await self._delete(profile)

    async def renew(self, wanted: Wanted) -> None:
        """Bring the current profile to what is wanted, for when it is activated again."""
        current = self.current
        if current is not None and current.recipe is not None:
            await self._renewed(current, current.recipe, wanted, on_disk=current.on_disk)

    async def renew_stored(self, wanted: Wanted) -> None:
        """Bring what is on disk to what is wanted: AT+CWAUTOCONN counts at once."""
        for profile in list(self._known.values()):
            if profile.on_disk and profile.recipe is not None:
                await self._renewed(profile, profile.recipe, wanted, on_disk=True)
            elif profile.on_disk and not wanted.autoconnect:
                # What an earlier run stored cannot be made anew without its password.
                await self._delete(profile)

    async def delete_passing(self, *, all_but_current: bool = False) -> None:
        """Delete the profiles in memory; a connection that is active by one of them ends.

        Raises ManagerError, as the other deletions do.
        """
        for profile in list(self._known.values()):
            if not profile.on_disk and not (all_but_current and profile.uuid == self._current):
                await self._delete(profile)

    async def delete_all(self) -> None:
        """Delete every profile of the station."""
        for profile in list(self._known.values()):
            await self._delete(profile)

    async def park(self, device: str) -> None:
        """End a connection of somebody else's, so that it can come back.

        `Device.Disconnect` would block that very profile until somebody activates it. One of
        ours activated over it does not; deleted again, it leaves nothing.
        """
        nowhere = Recipe(Credentials(uuid.uuid4().hex.encode()), KeyManagement.NONE, False, "")
        parking = await self._add(nowhere, Wanted())
        try:
            await self._manager.activate(parking.path, device, NO_OBJECT)
        finally:
            await self._delete(parking)

    def _is_active(self, path: str) -> bool:
        objects = self._manager.objects
        device = view.device(objects, self._interface)
        active = view.active_connection(objects, device) if device else None
        return active is not None and view.profile_of(objects, active) == path

    def _find(self, credentials: Credentials, stored: bool) -> OurProfile | None:
        for profile in self._known.values():
            if profile.recipe is not None and profile.recipe.credentials == credentials:
                return profile
        left_on_disk = (one for one in self._known.values() if one.on_disk and not one.recipe)
        return next(left_on_disk, None) if stored else None

    async def _add(self, recipe: Recipe, wanted: Wanted) -> OurProfile:
        identity = str(uuid.uuid4())
        built = self._built(identity, recipe, wanted)
        await self._record.add_profile(identity, Interface.STATION)
        try:
            path = await self._manager.add_profile(built, on_disk=False)
        except ManagerError:
            # It may be there all the same, if it was only the answer that did not come.
            self._adopted = False
            raise
        profile = OurProfile(identity, path, False, recipe.hidden, recipe, built)
        self._known[identity] = profile
        return profile

    async def _renewed(
        self, profile: OurProfile, recipe: Recipe, wanted: Wanted, *, on_disk: bool
    ) -> OurProfile:
        built = self._built(profile.uuid, recipe, wanted)
        if built != profile.sent or on_disk != profile.on_disk:
            await self._manager.update_profile(profile.path, built, on_disk=on_disk)
            profile = OurProfile(profile.uuid, profile.path, on_disk, recipe.hidden, recipe, built)
            self._known[profile.uuid] = profile
        return profile

    async def _delete(self, profile: OurProfile) -> None:
        if self._known.get(profile.uuid) is not profile:
            return  # NetworkManager went meanwhile: it is looked for when that is back
        del self._known[profile.uuid]
        if profile.uuid == self._current:
            self._current = None
        try:
            # Without NetworkManager nothing shows, and this is refused.
            if profile.path in self._manager.objects or not self._manager.present:
                await self._manager.delete_profile(profile.path)
        except ManagerError:
            # It stays recorded, and is found again by the next step, or the next start.
            self._adopted = False
            raise
        await self._record.forget_profile(profile.uuid)

    def _built(self, identity: str, recipe: Recipe, wanted: Wanted) -> Profile:
        return station_profile(
            identity_of(identity, Interface.STATION, recipe.credentials.ssid),
            self._interface,
            recipe.credentials,
            recipe.security,
            wanted,
            hidden=recipe.hidden,
            autoconnect=wanted.autoconnect,
            mac=recipe.mac or None,
        )
