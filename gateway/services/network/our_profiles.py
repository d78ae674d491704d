"""The profiles of ours that NetworkManager has: in our record, and with our mark on them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from gateway.records import Record
from gateway.services.api import Interface
from gateway.services.network import view
from gateway.services.network.manager import NM, Manager, ManagerError, Properties
from gateway.services.network.ownership import OwnershipRecord
from gateway.services.network.profiles import is_marked

SETTINGS_SECONDS: Final = 2.0
"""How long one profile is waited for where there is not much time."""

_NO_SUCH_OBJECT: Final = "org.freedesktop.DBus.Error.Unknown"
_NOT_FOR_US: Final = f"{NM}.Settings.PermissionDenied"


class OurProfile(Record):
    """A profile of ours as NetworkManager has it."""

    uuid: str
    name: str
    path: str
    on_disk: bool


class Survey(Record):
    """The profiles of ours that were found, and why it may not be all of them."""

    found: list[OurProfile]
    obstacle: ManagerError | None

    @property
    def uuids(self) -> set[str]:
        """Those that were found."""
        return {profile.uuid for profile in self.found}


async def find_ours(
    manager: Manager, record: OwnershipRecord, which: Interface | None = None
) -> list[OurProfile]:
    """The profiles of ours that NetworkManager has, all or those for one interface.

    Ours are those in the record that bear our mark as well; what NetworkManager does not have
    any more leaves the record. Raises ManagerError where one may have been overlooked.
    """
    seen = await survey(manager, record.profiles(which))
    if seen.obstacle is not None:
        raise seen.obstacle
    await record.forget_gone(seen.uuids, which)
    return seen.found


async def survey(
    manager: Manager, recorded: frozenset[str], seconds: float | None = None
) -> Survey:
    """Look for the `recorded` ones among all profiles, for `seconds` at most at each."""
    found, unseen = list[OurProfile](), set(recorded)
    obstacle: ManagerError | None = None
    for path in view.profiles(manager.objects):
        if not unseen:
            return Survey(found, None)
        try:
            settings = await settings_of(manager, path, seconds)
        except ManagerError as error:
            obstacle = error
            continue
        uuid, name = text_of(settings, "uuid"), text_of(settings, "id")
        if uuid in unseen and is_marked(settings):
            on_disk = view.is_on_disk(manager.objects, path)
            found.append(OurProfile(uuid, name, path, on_disk))
        unseen.discard(uuid)
    return Survey(found, obstacle if unseen else None)


async def settings_of(
    manager: Manager, path: str, seconds: float | None = None
) -> Mapping[str, Properties]:
    """A profile's settings; none of one that is gone or certainly not ours.

    Raises ManagerError, also where it takes longer than `seconds`.
    """
    try:
        async with asyncio.timeout(seconds):
            return await manager.profile_settings(path)
    except TimeoutError:
        raise ManagerError("NetworkManager does not show one of its profiles") from None
    except ManagerError as error:
        gone = manager.present and path not in manager.objects
        if gone and error.name.startswith(_NO_SUCH_OBJECT):
            return {}
        # Only a profile that its owner keeps to some users is forbidden in this way.
        if error.name == _NOT_FOR_US:
            return {}
        raise


def text_of(settings: Mapping[str, Properties], name: str) -> str:
    """A text of a profile's `connection` setting, empty if there is none."""
    value = settings.get("connection", {}).get(name)
    return value if isinstance(value, str) else ""
