"""The owner's connections, among which one may take the place of ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gateway.records import Record
from gateway.services.network import view
from gateway.services.network.manager import Manager, ManagerError, Properties
from gateway.services.network.our_profiles import SETTINGS_SECONDS, settings_of, text_of
from gateway.services.network.ownership import OwnershipRecord
from gateway.services.network.profiles import is_marked

_PROFILE_TYPES: Final = {
    int(view.DeviceType.ETHERNET): "802-3-ethernet",
    int(view.DeviceType.WIFI): "802-11-wireless",
}


class Candidate(Record):
    """A connection of the owner's; the greatest is the one that NetworkManager would take."""

    rank: tuple[int, bool, int]
    name: str
    path: str


class OwnersConnections:
    """Looks for them in NetworkManager; what cannot be read is passed over."""

    def __init__(self, manager: Manager, record: OwnershipRecord) -> None:
        self._manager = manager
        self._record = record

    async def has_any(self, device: str) -> bool:
        """Whether the owner has a connection at all that the device might connect by itself."""
        kind = _PROFILE_TYPES.get(view.device_type(self._manager.objects, device))
        for path in view.profiles(self._manager.objects):
            candidate = await self._candidate(path, kind)
            if candidate is not None:
                return True
        return False

    async def best(self, device: str) -> Candidate | None:
        """The owner's connection that could be up now on `device`, None if there is none."""
        objects = self._manager.objects
        elsewhere = [
            view.profile_of(objects, active)
            for other in view.devices(objects).values()
            if other != device and (active := view.active_connection(objects, other))
        ]
        available = view.available_profiles(objects, device)
        # What is up on another device would be taken away from there.
        found = [await self._candidate(path, None) for path in available if path not in elsewhere]
        return max((one for one in found if one), key=lambda one: one.rank, default=None)

    async def _candidate(self, path: str, kind: str | None) -> Candidate | None:
        """A profile, if it is the owner's, connects by itself and is of that type."""
        try:
            settings = await settings_of(self._manager, path, SETTINGS_SECONDS)
        except ManagerError:
            return None
        connection = settings.get("connection", {})
        if not connection:
            return None
        if self._record.has_profile(text_of(settings, "uuid")) or is_marked(settings):
            return None  # ours, or another gateway's
        if connection.get("autoconnect") is False or kind not in (None, connection.get("type")):
            return None
        opens = settings.get("802-11-wireless", {}).get("mode") == "ap"
        rank = (_number(settings, "autoconnect-priority"), not opens)
        return Candidate((*rank, _number(settings, "timestamp")), text_of(settings, "id"), path)


def _number(settings: Mapping[str, Properties], name: str) -> int:
    """A number of a profile's `connection` setting, 0 if there is none."""
    value = settings.get("connection", {}).get(name)
    return value if type(value) is int else 0
