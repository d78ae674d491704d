"""The station's profiles in NetworkManager: the one in use, and the one stored on disk.

A profile is recorded as ours before NetworkManager hears of it, and comes into being in
memory: only one whose access point was joined is stored. No other profile is ever touched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace

from gateway.records import Record
from gateway.services.api import Credentials, Interface, Wanted
from gateway.services.network import view
from gateway.services.network.manager import (
    NO_OBJECT,
    Manager,
    ManagerError,
    Objects,
    Profile,
    Properties,
)
from gateway.services.network.our_profiles import OurProfile as OursFound
from gateway.services.network.our_profiles import find_ours
from gateway.services.network.ownership import OwnershipRecord
from gateway.services.network.profiles import KeyManagement, identity_of, station_profile


class Recipe(Record):
    """What a profile is made of; `mac` is the hardware's."""

    credentials: Credentials
    security: KeyManagement
    hidden: bool
    mac: str


class OurProfile(Record):
    """A profile of ours: UUID, object path, and what it was last made of, if this run did.

    What an earlier run left shows all but its password: `ssid`, `security`, `hidden`, `mac`.
    """

    uuid: str
    path: str
    on_disk: bool
    ssid: bytes
    security: KeyManagement | None
    hidden: bool
    mac: str | None
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
        self.activated_mac: str | None = None
        """The MAC with which the current profile was activated, None for the hardware's."""

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
        for profile in list(self._known.values()):
            if profile.path not in self._manager.objects:
                # The owner may delete what he does not like.
                await self._delete(profile)
        if self._adopted:
            return
        for found in await find_ours(self._manager, self._record, Interface.STATION):
            if found.uuid in self._known:
                continue
            settings = await self._manager.profile_settings(found.path)
            profile = _adopted(found, settings)
            self._known[found.uuid] = profile
            if self._is_active(found.path):
                self._current, self.activated_mac = found.uuid, profile.mac
        self._adopted = True

    def learn(self, credentials: Credentials, mac: str) -> None:
        """The current profile, which an earlier run left, is for these credentials."""
        current = self.current
        if current is None or current.recipe is not None or current.security is None:
            return
        if current.ssid == credentials.ssid:
            recipe = Recipe(credentials, current.security, current.hidden, mac)
            self._known[current.uuid] = replace(current, recipe=recipe)

    async def prepare(self, recipe: Recipe, wanted: Wanted, *, kept: bool) -> OurProfile:
        """The profile to activate: one that is there, renewed, or else a new one in memory.

        `kept`: it is for the stored access point. The profile on disk has what is stored, so
        it will do where nothing else is in force.
        """
        present = self._on_disk(recipe.credentials) if kept else None
        if present is not None and self._is_same(recipe, wanted, wanted.kept):
            profile = await self._renewed(present, recipe, wanted.kept, on_disk=True)
        elif (present := self._in_memory(recipe.credentials)) is not None:
            profile = await self._renewed(present, recipe, wanted, on_disk=False)
        else:
            profile = await self._add(recipe, wanted, on_disk=False)
        self._current, self.activated_mac = profile.uuid, wanted.station_mac
        return profile

    async def keep(self, wanted: Wanted) -> None:
        """Store the access point of the current profile, in the place of the one stored."""
        current = self.current
        if current is None or current.recipe is None:
            return
        recipe, stored = current.recipe, self._on_disk(current.recipe.credentials)
        if current.on_disk or (stored is None and self._is_same(recipe, wanted, wanted.kept)):
            stored = current
        if stored is not None:
            stored = await self._renewed(stored, recipe, wanted.kept, on_disk=True)
        else:
            stored = await self._add(recipe, wanted.kept, on_disk=True)
        for profile in list(self._known.values()):
            if profile.on_disk and profile.uuid != stored.uuid:
                await self._delete(profile)

    async def renew(self, wanted: Wanted) -> None:
        """Bring the profiles to what is wanted, for when they are activated again.

        The one on disk has what is stored: AT+CWAUTOCONN counts at once.
        """
        for profile in list(self._known.values()):
            recipe = profile.recipe
            if recipe is not None:
                has = wanted.kept if profile.on_disk else wanted
                await self._renewed(profile, recipe, has, on_disk=profile.on_disk)
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
        from uuid import uuid4

        nowhere = Recipe(Credentials(uuid4().hex.encode()), KeyManagement.NONE, False, "")
        parking = await self._add(nowhere, Wanted(), on_disk=False)
        try:
            await self._manager.activate(parking.path, device, NO_OBJECT)
        finally:
            await self._delete(parking)

    def _is_active(self, path: str) -> bool:
        objects = self._manager.objects
        device = view.device(objects, self._interface)
        active = view.active_connection(objects, device) if device else None
        return active is not None and view.profile_of(objects, active) == path

    def _in_memory(self, credentials: Credentials) -> OurProfile | None:
        for profile in self._known.values():
            recipe = profile.recipe
            if recipe and recipe.credentials == credentials and not profile.on_disk:
                return profile
        return None

    def _on_disk(self, credentials: Credentials) -> OurProfile | None:
        """The profile on disk, if it is for that access point or what it is for is unknown."""
        for profile in self._known.values():
            fits = profile.recipe is None or profile.recipe.credentials == credentials
            if profile.on_disk and fits:
                return profile
        return None

    def _is_same(self, recipe: Recipe, one: Wanted, other: Wanted) -> bool:
        return self._built("", recipe, one) == self._built("", recipe, other)

    async def _add(self, recipe: Recipe, wanted: Wanted, *, on_disk: bool) -> OurProfile:
        from uuid import uuid4

        identity = str(uuid4())
        built = self._built(identity, recipe, wanted)
        await self._record.add_profile(identity, Interface.STATION)
        try:
            path = await self._manager.add_profile(built, on_disk=on_disk)
        except ManagerError:
            # It may be there all the same, if it was only the answer that did not come.
            self._adopted = False
            raise
        profile = _made(identity, path, on_disk, recipe, wanted, built)
        self._known[identity] = profile
        return profile

    async def _renewed(
        self, profile: OurProfile, recipe: Recipe, wanted: Wanted, *, on_disk: bool
    ) -> OurProfile:
        # Once hidden, always asked for: it may show now only because it was asked for.
        recipe = replace(recipe, hidden=recipe.hidden or profile.hidden)
        built = self._built(profile.uuid, recipe, wanted)
        if built != profile.sent or on_disk != profile.on_disk:
            await self._manager.update_profile(profile.path, built, on_disk=on_disk)
            profile = _made(profile.uuid, profile.path, on_disk, recipe, wanted, built)
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


def _made(
    identity: str, path: str, on_disk: bool, recipe: Recipe, wanted: Wanted, built: Profile
) -> OurProfile:
    return OurProfile(
        identity,
        path,
        on_disk,
        recipe.credentials.ssid,
        recipe.security,
        recipe.hidden,
        wanted.station_mac,
        recipe,
        built,
    )


def _adopted(found: OursFound, settings: Mapping[str, Properties]) -> OurProfile:
    wireless = settings.get("802-11-wireless", {})
    ssid, mac = wireless.get("ssid"), wireless.get("assigned-mac-address")
    key_management = settings.get("802-11-wireless-security", {}).get("key-mgmt", "none")
    known = {one.value: one for one in KeyManagement}
    return OurProfile(
        found.uuid,
        found.path,
        found.on_disk,
        ssid if isinstance(ssid, bytes) else b"",
        known.get(key_management) if isinstance(key_management, str) else None,
        wireless.get("hidden") is True,
        mac.lower() if isinstance(mac, str) and mac else None,
    )
