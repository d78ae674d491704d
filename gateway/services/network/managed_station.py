"""The Wi-Fi station of a host with NetworkManager.

`_goal` says what the station is to be; a background task brings it there and keeps it there.
While the microcontroller disposes of the station, NetworkManager may not connect the device by
itself (`Device.Autoconnect`): otherwise an access point that is lost would be replaced by the
next best network that the owner knows.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from typing import Final

from gateway.services.api import (
    AccessPoint,
    Address,
    Credentials,
    Interface,
    JoinError,
    JoinFailure,
    ServiceError,
    Station,
    Wanted,
)
from gateway.services.network import view
from gateway.services.network.convergence import Changes, Convergence
from gateway.services.network.holding import Holding
from gateway.services.network.ip_settings import Ipv4
from gateway.services.network.live_addresses import NOTHING_ASKED, LiveAddresses
from gateway.services.network.manager import Manager, ManagerError
from gateway.services.network.news import NetworkNews
from gateway.services.network.ownership import OwnershipRecord
from gateway.services.network.station_attempt import (
    REPLACED,
    Transition,
    ready_device,
    strongest,
)
from gateway.services.network.station_goal import Aim, Goal
from gateway.services.network.station_joining import Joining, request_scan, scanned_recently
from gateway.services.network.station_profiles import StationProfiles
from gateway.services.network.station_state import StationState

logger = logging.getLogger("gateway.network")

_JOIN_SECONDS: Final = 17.5
"""The contract allows 18 (section 3); the rest is for what goes round a join."""

_ATTEMPT_SECONDS: Final = 30.0
_SCAN_SECONDS: Final = 8.5
_FIRST_RETRY: Final = 1.0
_LAST_RETRY: Final = 15.0
_DISCONNECT_SECONDS: Final = 5.0
_STARTUP_SECONDS: Final = 60.0
_AT_ONCE: Final = 0.05
_REPLACED_SECONDS: Final = 5.0
_REMEMBERED_SENTENCES: Final = 20

PROTECTED: Final = (
    "the Wi-Fi connection is the owner's, and gateway.toml protects it: "
    "[network] protect_owner = true"
)


class ManagedStation:
    """The station of a ManagedNetwork, which hands it what the commands ask for."""

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
        self._retry = _FIRST_RETRY
        self._said: set[str] = set()
        self._was_ready = False
        self._was_up = False
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
        self._profiles = StationProfiles(manager, interface, record)
        self._joining = Joining(manager, self._profiles, self._live, self._convergence)

    @property
    def state(self) -> Station:
        """The station as it is now."""
        return self._state.shown

    @property
    def association(self) -> int:
        """The number of the present stay at an access point, 0 while not joined."""
        return self._state.association

    @property
    def announced_address(self) -> Address | None:
        """The address to tell the listener; a caller of `join` says his own."""
        return None if self._goal.has_caller or not self.association else self._live.address

    @property
    def address(self) -> Address | None:
        """The address that is really in force."""
        return self._live.address if self.association else None

    @property
    def settled(self) -> bool:
        """Whether nothing is under way."""
        return self._convergence.settled

    def start(self) -> None:
        """Begin to bring the station to its goal."""
        self._convergence.start()

    async def close(self) -> None:
        """End what is under way, and wait for its end."""
        self._set_goal(Goal(Aim.STILL))
        await self._convergence.close()

    def begin(self, wanted: Wanted, stored: Credentials | None) -> None:
        """A session begins, see `Network.begin`; the owner's connection is left alone."""
        self._wanted = wanted
        self._said.clear()
        self._state.refused_mac = None
        self._begins, self._keeps_stored = True, stored is not None
        self._there_at_begin = self._state.active
        if not wanted.station:
            self._leave()
            return
        if self._is_ours() and not (stored is not None and self._is_as_wanted_at(stored)):
            self._state.leave()
        elif not self._is_ours():
            self._state.left = None
        if stored is not None:
            self._set_goal(Goal(Aim.JOINED, stored, keep=True))
        else:
            self._set_goal(Goal(Aim.GUEST))

    def end(self) -> None:
        """A session ends: no access point is tried any more, one that is joined stays."""
        if self._goal.aim is Aim.JOINED and not self._state.up:
            self._leave()
        else:
            self._set_goal(Goal(Aim.STILL))

    def apply(self, wanted: Wanted) -> None:
        """Bring mode, MAC, addresses and host name to what is wanted."""
        before, self._wanted = self._wanted, wanted
        if before == wanted:
            return
        if before.station and not wanted.station:
            self._leave()
        elif before.station_mac != wanted.station_mac:
            self._state.refused_mac = None
            if self._state.up:
                self._take_new_mac()
        self._convergence.wake()
        self.refresh()

    def obstacle(self, wanted: Wanted) -> str | None:
        """Why the station may not be brought to `wanted`, None if it may."""
        return PROTECTED if self._is_protected() and not wanted.station else None

    def leave(self) -> None:
        """Leave the access point and stay away; ServiceError where that is forbidden."""
        if self._is_protected():
            raise ServiceError(PROTECTED)
        self._leave()

    async def join(self, credentials: Credentials, keep: bool) -> None:
        """Join an access point, see `Network.join`."""
        if not self._wanted.station:
            raise JoinError(JoinFailure.OTHER, "The station is switched off.")
        loop = asyncio.get_running_loop()
        goal = Goal(
            Aim.JOINED, credentials, keep, loop.create_future(), loop.time() + _JOIN_SECONDS
        )
        assert goal.asked is not None
        if not self._is_protected():
            self._state.leave()
        self._set_goal(goal)
        try:
            async with asyncio.timeout_at(goal.deadline + 0.3):
                await goal.asked
        except TimeoutError:
            # NetworkManager has not even answered a call; what it does later is undone later.
            self._leave()
            raise JoinError(
                JoinFailure.TIMED_OUT, "NetworkManager did not answer in time; see: nmcli general"
            ) from None
        except asyncio.CancelledError:
            if self._goal is goal:
                self._leave()
            raise

    async def scan(self, ssid: bytes | None) -> Sequence[AccessPoint]:
        """The access points in reach, see `Network.scan`; ServiceError without a radio."""
        try:
            device = ready_device(self._manager, self._interface)
        except JoinError as error:
            raise ServiceError(error.detail) from None
        before = view.last_scan(self._manager.objects, device)
        if ssid is not None or not scanned_recently(self._manager, device):
            deadline = asyncio.get_running_loop().time() + _SCAN_SECONDS
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(deadline):
                    await request_scan(self._manager, device, ssid)
            await self._changes.until(
                lambda: view.last_scan(self._manager.objects, device) != before, deadline
            )
        return [point for _path, point in view.access_points(self._manager.objects, device)]

    def device_state_changed(self, device: str, new: int, old: int, reason: int) -> None:
        """A device has taken a step, see `ManagerListener`."""
        if device == self._state.device:
            step = Transition(new, old, reason, self._state.active)
            self._joining.transitions.add(step)
            logger.debug("%s: state %d after %d, reason %d", self._interface, new, old, reason)
            self.refresh()

    def manager_came_or_went(self) -> None:
        """NetworkManager runs now, or does not any more."""
        self._profiles.lost()
        self._said.clear()
        self._there_at_begin = self._state.active
        # What it connected by itself was not asked for where the station is to be away.
        self._state.left = self._state.active if self._goal.aim is Aim.AWAY else None
        # Before a step is made: whether the owner's is up may forbid it.
        self._state.refresh(self._wanted)
        self._convergence.wake()

    def refresh(self) -> None:
        """Work out the state from the mirror, and tell later what is new."""
        lost = self._state.refresh(self._wanted)
        ready, up = self._state.available, self._state.up
        came = (ready and not self._was_ready) or (up and not self._was_up)
        if lost or came or self._came_into_reach():
            self._convergence.nudge()
        self._was_ready, self._was_up = ready, up
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

    def _is_ours(self) -> bool:
        active = self._state.active
        return active is not None and self._profiles.owns(self._manager.objects, active)

    def _is_protected(self) -> bool:
        """Whether the owner's connection is there or coming up, and must not be left."""
        return self._protect_owner and self._state.active is not None and not self._is_ours()

    async def _is_by_hand(self) -> bool:
        """Whether the owner has connected, while NetworkManager did not by itself."""
        if not self._state.up and self._joining.transitions.last_reason == REPLACED:
            # Ours is going, and what takes its place does not show yet.
            await self._convergence.until(
                lambda: self._state.active is not None and not self._is_ours(),
                asyncio.get_running_loop().time() + _REPLACED_SECONDS,
            )
        active, device = self._state.active, self._state.device
        if active is None or device is None or self._is_ours():
            return False
        held = not view.autoconnect(self._manager.objects, device)
        return held and active not in (self._state.left, self._there_at_begin)

    def _is_as_wanted_at(self, credentials: Credentials) -> bool:
        """Whether it is up at that access point, and with the MAC that is wanted if ours."""
        if not self._state.is_at(credentials):
            return False
        return not self._is_ours() or self._profiles.activated_mac == self._wanted.station_mac

    def _leave(self) -> None:
        self._state.leave()
        self._set_goal(Goal(Aim.AWAY))

    def _take_new_mac(self) -> None:
        if self._is_ours():
            # Reapply cannot change it: the same profile, activated again, does.
            self._state.leave()
        else:
            logger.info("the new MAC comes with the next AT+CWJAP: this connection is the owner's")

    def _set_goal(self, goal: Goal) -> None:
        before, self._goal = self._goal, goal
        before.superseded()
        self._retry = _FIRST_RETRY
        self._convergence.wake()
        self.refresh()

    async def _step(self) -> float | None:
        """Bring the station to its goal, see `Convergence`."""
        goal = self._goal
        try:
            if self._manager.present:
                await self._profiles.adopt()
            if goal.aim is Aim.JOINED:
                return await self._be_joined(goal)
            if not self._manager.present or self._state.device is None:
                return None
            before = self._state.situation
            if goal.aim is Aim.GUEST:
                await self._be_guest()
            elif goal.aim is Aim.AWAY:
                return await self._be_away(self._state.device)
        except ManagerError as error:
            return self._again_after(f"the Wi-Fi station is not {goal.aim.value}: {error}")
        # What happened during the step has woken nobody.
        return None if self._state.situation == before else _AT_ONCE

    async def _be_guest(self) -> None:
        await self._holding.allow()
        if self._keeps_stored:
            await self._profiles.renew(self._wanted)
            await self._profiles.delete_passing()
        else:
            await self._profiles.delete_all()
        if self._state.up:
            await self._settle_live()
        if Ipv4.of(self._wanted, Interface.STATION) == NOTHING_ASKED:
            await self._holding.forget()

    async def _settle_live(self) -> None:
        """Bring the live connection to what is wanted, whoever made it."""
        ours = self._is_ours()
        if not ours:
            if not self._tidied:
                self._tidied = True
                await self._holding.undo_changes()
            if Ipv4.of(self._wanted, Interface.STATION) != NOTHING_ASKED:
                await self._holding.note()
        await self._live.settle(self._wanted, owners=not ours)

    async def _be_away(self, device: str) -> float | None:
        await self._owners_first()
        if self._is_protected():
            self._again_after(f"the Wi-Fi station is not away: {PROTECTED}")
            return self._be_guest_instead()
        if view.autoconnect(self._manager.objects, device):
            await self._holding.hold()
            # Until now NetworkManager was free to connect what nobody asked for.
            self._state.leave()
        if self._is_ours():
            # Also one whose activation was under way when it was left.
            self._state.leave()
        self.refresh()
        active = self._state.active
        if active is not None and active == self._state.left and not self._is_ours():
            await self._profiles.park(device)
        await self._drop_ours(device)
        await self._profiles.delete_passing()
        await self._profiles.renew(self._wanted)
        gone = await self._convergence.until(
            lambda: active is None or self._state.active != active,
            asyncio.get_running_loop().time() + _DISCONNECT_SECONDS,
        )
        if not gone and active == self._state.left:
            raise ManagerError("NetworkManager does not end the connection")
        return None

    async def _owners_first(self) -> None:
        """Where the owner's connection is protected, it gets the time to come up."""
        if self._protect_owner:
            await self._convergence.until(
                lambda: not view.starting_up(self._manager.objects),
                asyncio.get_running_loop().time() + _STARTUP_SECONDS,
            )

    def _be_guest_instead(self) -> float:
        self._goal = Goal(Aim.GUEST)
        self._state.left = None
        self.refresh()
        return _AT_ONCE

    async def _drop_ours(self, device: str) -> None:
        """End a connection of ours that was left; it is not shown any more."""
        active = self._state.active
        if active is None or active != self._state.left or not self._is_ours():
            return
        if self._profiles.is_on_disk(self._manager.objects, active):
            await self._manager.disconnect(device)
        else:
            await self._profiles.delete_passing()

    async def _be_joined(self, goal: Goal) -> float | None:
        credentials = goal.credentials
        assert credentials is not None
        if not (self._manager.present or goal.has_caller):
            return None
        if not goal.has_caller and await self._is_by_hand():
            logger.info("the owner has connected by hand: that stays until AT+CWJAP or a reset")
            return self._be_guest_instead()
        leaves = self._state.active == self._state.left
        stays = not goal.has_caller and not leaves and self._is_as_wanted_at(credentials)
        if not stays:
            try:
                await self._come_to_be_joined(goal, credentials)
            except (JoinError, ManagerError) as error:
                failure = error if isinstance(error, JoinError) else None
                again = self._failed(goal, failure or JoinError(JoinFailure.OTHER, str(error)))
                await self._wait_for_it()
                return again
            self._succeeded(goal)
        try:
            await self._stay(goal)
        except ManagerError as error:
            return self._again_after(f"the Wi-Fi profiles are not as wanted, trying again: {error}")
        # A loss during the step has woken nobody.
        return None if self._is_as_wanted_at(credentials) else _AT_ONCE

    async def _wait_for_it(self) -> None:
        """What is to be while the access point to join does not show or lets nobody in."""
        if self._state.up:
            # The owner's, which stays meanwhile.
            await self._settle_live()
        with contextlib.suppress(ManagerError):
            await self._profiles.delete_passing(all_but_current=True)

    async def _come_to_be_joined(self, goal: Goal, credentials: Credentials) -> None:
        device = ready_device(self._manager, self._interface)
        if goal.has_caller and await self._is_there_already(device, credentials):
            self._state.tell_again()
            return
        await self._owners_first()
        if self._is_protected():
            raise JoinError(JoinFailure.OTHER, PROTECTED)
        if not goal.has_caller:
            # The access point to join may never come.
            await self._drop_ours(device)
            if self._begins:
                await self._holding.allow()
        now = asyncio.get_running_loop().time()
        deadline = goal.deadline if goal.has_caller else now + _ATTEMPT_SECONDS
        found = await self._joining.find(device, credentials, deadline)
        self._begins = False
        await self._holding.hold()
        if not goal.has_caller:
            self._state.leave()
            self.refresh()
        # What is on disk may only change for an access point that was joined.
        kept = goal.keep and not goal.has_caller
        await self._joining.join(device, found, credentials, self._wanted, deadline, kept=kept)

    async def _is_there_already(self, device: str, credentials: Credentials) -> bool:
        active, mac = self._state.active, self._wanted.station_mac
        if active is None or not self._is_as_wanted_at(credentials):
            return False
        if mac is not None and mac != view.hardware_address(self._manager.objects, device):
            return False
        return await self._joining.is_in_use(device, active, credentials)

    async def _stay(self, goal: Goal) -> None:
        if self._is_ours() and goal.credentials is not None:
            self._profiles.learn(goal.credentials, self._own_mac())
            self._check_mac()
            if goal.keep:
                await self._profiles.keep(self._wanted)
                self._keeps_stored = True
        await self._profiles.renew(self._wanted)
        await self._profiles.delete_passing(all_but_current=True)
        await self._settle_live()

    def _own_mac(self) -> str:
        device = self._state.device
        return (view.own_address(self._manager.objects, device) if device else None) or ""

    def _check_mac(self) -> None:
        """Find out whether the radio took the MAC that it was to have."""
        asked, device = self._wanted.station_mac, self._state.device
        has = view.hardware_address(self._manager.objects, device) if device else None
        if asked not in (None, has, self._state.refused_mac):
            logger.warning("%s does not take the MAC %s", self._interface, asked)
            self._state.refused_mac = asked
            self.refresh()

    def _succeeded(self, goal: Goal) -> None:
        self.refresh()
        self._retry = _FIRST_RETRY
        self._said.clear()
        if goal.asked is not None and not goal.asked.done():
            # First that it is connected; the address is the caller's to say.
            self._news.announce()
            goal.asked.set_result(None)
            self._news.station_address_is_known()

    def _failed(self, goal: Goal, failure: JoinError) -> float:
        if goal.asked is None or goal.asked.done():
            ssid = goal.credentials.ssid if goal.credentials else b""
            name = ascii(ssid.decode("utf-8", "backslashreplace"))[1:-1]
            return self._again_after(f"not joined to {name}, trying again: {failure.detail}")
        protected = self._is_protected()
        goal.asked.set_exception(failure)
        self._goal = Goal(Aim.GUEST if protected else Aim.AWAY)
        if not protected:
            self._state.leave()
        self.refresh()
        return 0.0

    def _again_after(self, sentence: str) -> float:
        """Say it once, and give the seconds to wait before the next attempt."""
        logger.log(logging.DEBUG if sentence in self._said else logging.WARNING, "%s", sentence)
        if len(self._said) > _REMEMBERED_SENTENCES:
            self._said.clear()
        self._said.add(sentence)
        seconds, self._retry = self._retry, min(2 * self._retry, _LAST_RETRY)
        return seconds
