"""Other gateways on this machine: each has its microcontroller, and all of them one radio.

What another one has made is for us what the owner has made, with one difference: two gateways
that both took back what is theirs would never end. So what another has taken stays with it
until our microcontroller asks anew.
"""

from __future__ import annotations

from gateway.services.network import view
from gateway.services.network.manager import Manager, ManagerError
from gateway.services.network.our_profiles import SETTINGS_SECONDS, settings_of
from gateway.services.network.ownership import OwnershipRecord
from gateway.services.network.profiles import is_marked, is_name_of_softap


class OtherGateways:
    """Knows what they have made by the mark on it, which is not in our record."""

    def __init__(self, manager: Manager, record: OwnershipRecord) -> None:
        self._manager = manager
        self._record = record
        self._looked_at = ("", False)

    async def made(self, active: str) -> bool:
        """Whether an active connection runs by a profile of another gateway's."""
        objects = self._manager.objects
        uuid, profile = view.active_uuid(objects, active), view.profile_of(objects, active)
        if profile is None or self._record.has_profile(uuid):
            return False
        if uuid != self._looked_at[0]:
            try:
                settings = await settings_of(self._manager, profile, SETTINGS_SECONDS)
            except ManagerError:
                return False  # looked at again the next time
            self._looked_at = (uuid, is_marked(settings))
        return self._looked_at[1]

    def have_softap_on(self, device: str) -> bool:
        """Whether one of them has its SoftAP on a device, by the name that it bears."""
        objects = self._manager.objects
        active = view.active_connection(objects, device)
        if active is None or self._record.has_profile(view.active_uuid(objects, active)):
            return False
        return is_name_of_softap(view.active_name(objects, active))
