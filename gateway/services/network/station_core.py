"""What is known of the Wi-Fi station, and what it is to be (`_goal`)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Final

from gateway.services.api import Credentials, Interface, Wanted
from gateway.services.backoff import Backoff
from gateway.services.network import view
from gateway.services.network.convergence import Changes, Convergence
from gateway.services.network.holding import Holding
from gateway.services.network.live_addresses import LiveAddresses
from gateway.services.network.manager import Manager
from gateway.services.network.news import NetworkNews
from gateway.services.network.others import OtherGateways
from gateway.services.network.ownership import OwnershipRecord
from gateway.services.network.station_attempt import strongest
from gateway.services.network.station_goal import Aim, Goal
from gateway.services.network.station_joining import Joining
from gateway.services.network.station_profiles import StationProfiles
from gateway.services.network.station_state import StationState

_FIRST_RETRY: Final = 1.0
_LAST_RETRY: Final = 15.0
_REMEMBERED_SENTENCES: Final = 20

PROTECTED: Final = (
    "the Wi-Fi connection is the owner's, and gateway.toml protects it: "
    "[network] protect_owner = true"
)


class StationCore(ABC):
    """Follows the mirror, and has its steps run until the station is as it is to be."""

    def __init__(
        self,
        manager: Manager,
        interface: str,
        record: OwnershipRecord,
        news: NetworkNews,
        *,
        protect_owner: bool,
    ) -> None:
        self._manager = manager
        self._interface = interface
        self._news = news
        self._protect_owner = protect_owner
        self._wanted = Wanted()
        self._goal = Goal(Aim.STILL)
        self._backoff = Backoff(_FIRST_RETRY, _LAST_RETRY, remembered=_REMEMBERED_SENTENCES)
        self._was_ready = False
        self._was_up = False
        self._was_free = False
        self._in_reach = False
        self._tidied = False
        self._begins = False
        self._keeps_stored = False
        self._there_at_begin: str | None = None
        self._changes = Changes()
        self._convergence = Convergence("Wi-Fi station", self._changes, self._step)
        self._live = LiveAddresses(manager, Interface.STATION, self._convergence)
        self._state = StationState(manager, interface, self._live)
        self._holding = Holding(manager, interface, record)
        self._others = OtherGateways(manager, record)
        self._profiles = StationProfiles(manager, interface, record)
        self._joining = Joining(manager, self._profiles, self._live, self._convergence)

    def refresh(self) -> None:
        """Work out the state from the mirror, and tell later what is new."""
        lost = self._state.refresh(self._wanted)
        ready, up = self._state.available, self._state.up
        came = (ready and not self._was_ready) or (up and not self._was_up)
        free = self._is_free()
        if lost or came or (free and not self._was_free) or self._came_into_reach():
            self._convergence.nudge()
        self._was_ready, self._was_up, self._was_free = ready, up, free
        self._changes.notice()
        self._news.announce_soon()

    def _came_into_reach(self) -> bool:
        """Whether the access point that is to be joined shows, and no attempt is under way."""
        credentials, device = self._goal.credentials, self._state.device
        if not self._convergence.retries or device is None or credentials is None:
            return False
        seen = strongest(self._manager.objects, device, credentials, fresh=True) is not None
        came, self._in_reach = seen and not self._in_reach, seen
        return came

    def _is_free(self) -> bool:
        """Whether somebody lets NetworkManager replace the access point that we have joined."""
        device, joined = self._state.device, self._goal.aim is Aim.JOINED
        if not joined or device is None or not self._state.up or not self._is_ours():
            return False
        return view.autoconnect(self._manager.objects, device)

    def _somebody_elses(self) -> str | None:
        """An active connection on the radio that is not ours, a SoftAP as well."""
        objects, device = self._manager.objects, self._state.device
        active = view.active_connection(objects, device) if device else None
        return None if active is None or self._profiles.owns(objects, active) else active

    def _is_ours(self) -> bool:
        active = self._state.active
        return active is not None and self._profiles.owns(self._manager.objects, active)

    def _is_protected(self) -> bool:
        """Whether the owner's connection is there or coming up, and must not be left."""
        return self._protect_owner and self._state.active is not None and not self._is_ours()

    def _is_as_wanted_at(self, credentials: Credentials) -> bool:
        """Whether it is up at that access point, and with the MAC that is wanted if ours."""
        if not self._state.is_at(credentials):
            return False
        return not self._is_ours() or self._profiles.activated_mac == self._wanted.station_mac

    def _leave(self) -> None:
        self._state.leave()
        self._set_goal(Goal(Aim.AWAY))

    def _set_goal(self, goal: Goal) -> None:
        before, self._goal = self._goal, goal
        before.superseded()
        self._backoff.restart()
        self._convergence.wake()
        self.refresh()

    def _own_mac(self) -> str:
        device = self._state.device
        return (view.own_address(self._manager.objects, device) if device else None) or ""

    @abstractmethod
    async def _step(self) -> float | None:
        """Bring the station to its goal, see `Convergence`."""
