"""What is done for the Wi-Fi station in the background, until it is as it is to be.

`_goal` says what that is. While the microcontroller disposes of the station, NetworkManager
may not connect the device by itself (`Device.Autoconnect`): otherwise an access point that is
lost would be replaced by the next best network that the owner knows.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Final

from gateway.services.api import Credentials, Interface, JoinError, JoinFailure
from gateway.services.network import view
from gateway.services.network.convergence import Superseded
from gateway.services.network.ip_settings import Ipv4
from gateway.services.network.live_addresses import NOTHING_ASKED
from gateway.services.network.manager import ManagerError
from gateway.services.network.station_attempt import REPLACED, RadioNotReady, ready_device
from gateway.services.network.station_core import PROTECTED, StationCore
from gateway.services.network.station_goal import Aim, Goal

logger = logging.getLogger("gateway.network")

_ATTEMPT_SECONDS: Final = 30.0
_DISCONNECT_SECONDS: Final = 5.0
_STARTUP_SECONDS: Final = 60.0
_AT_ONCE: Final = 0.05
_REPLACED_SECONDS: Final = 5.0


class StationTask(StationCore):
    """Brings a station to its goal, and keeps it there."""

    async def _is_by_hand(self) -> bool:
        """Whether somebody has connected, while NetworkManager did not by itself.

        The owner, or another gateway, whose connection to the very access point that is to
        be joined will do.
        """
        await self._see_what_takes_its_place()
        active, device = self._somebody_elses(), self._state.device
        if active is None or device is None or active == self._state.left:
            return False
        coming = (view.ActiveState.ACTIVATING, view.ActiveState.ACTIVATED)
        if view.active_state(self._manager.objects, active) not in coming:
            return False
        if await self._others.made(active):
            return await self._is_in_the_way(active)
        held = not view.autoconnect(self._manager.objects, device)
        return held and active != self._there_at_begin

    async def _see_what_takes_its_place(self) -> None:
        """Where ours is going, or has just gone, because of something else."""
        # The mirror shows that it goes before it is told why.
        await self._until(lambda: not self._state.leaving, _REPLACED_SECONDS)
        if not self._state.up and self._joining.transitions.last_reason == REPLACED:
            await self._until(lambda: self._somebody_elses() is not None, _REPLACED_SECONDS)

    async def _is_in_the_way(self, active: str) -> bool:
        """Whether what another gateway has made stays, and is not what we are to join."""

        def is_decided() -> bool:
            state = view.active_state(self._manager.objects, active)
            return state != view.ActiveState.ACTIVATING

        await self._until(is_decided, _ATTEMPT_SECONDS)
        credentials = self._goal.credentials
        joined = credentials is not None and self._state.is_at(credentials)
        return self._somebody_elses() == active and not joined

    async def _until(self, holds: Callable[[], bool], seconds: float) -> bool:
        return await self._convergence.until(holds, asyncio.get_running_loop().time() + seconds)

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
            return self._backoff.after(f"the Wi-Fi station is not {goal.aim.value}: {error}")
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
        if not self._state.up:
            return  # it was lost a moment ago
        ours = self._is_ours()
        if not ours:
            if not self._tidied:
                self._tidied = True
                await self._holding.undo_changes()
            if Ipv4.of(self._wanted, Interface.STATION) != NOTHING_ASKED:
                await self._holding.note()
        await self._live.settle(self._wanted, owners=not ours)
        # What was refused shows without any change in NetworkManager.
        self.refresh()

    async def _be_away(self, device: str) -> float | None:
        await self._owners_first()
        if self._is_protected():
            self._backoff.say(f"the Wi-Fi station is not away: {PROTECTED}")
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
        gone = await self._until(
            lambda: active is None or self._state.active != active, _DISCONNECT_SECONDS
        )
        if not gone and active == self._state.left:
            raise ManagerError("NetworkManager does not end the connection")
        return None

    async def _owners_first(self) -> None:
        """Where the owner's connection is protected, it gets the time to come up."""
        if self._protect_owner:
            await self._until(lambda: not view.starting_up(self._manager.objects), _STARTUP_SECONDS)

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
            logger.info("somebody else has connected: that stays until AT+CWJAP or a reset")
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
            return self._backoff.after(
                f"the Wi-Fi profiles are not as wanted, trying again: {error}"
            )
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
        if goal.has_caller:
            # Right after a start it is being looked for, which takes a slow processor a moment.
            await self._convergence.until(
                lambda: self._manager.present or self._manager.missing, goal.deadline
            )
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
        if not goal.has_caller and await self._is_by_hand():
            raise Superseded  # since it was looked for
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
            await self._holding.hold()
            if goal.keep:
                if goal is self._goal:
                    # Not after it is written: a session that begins meanwhile may have none.
                    self._keeps_stored = True
                await self._profiles.keep(self._wanted)
        await self._profiles.renew(self._wanted)
        await self._profiles.delete_passing(all_but_current=True)
        await self._settle_live()

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
        self._backoff.reset()
        if goal.asked is not None and not goal.asked.done():
            # First that it is connected; the address is the caller's to say.
            self._news.announce()
            goal.asked.set_result(None)
            self._news.station_address_is_known()

    def _failed(self, goal: Goal, failure: JoinError) -> float:
        if goal.asked is None or goal.asked.done():
            ssid = goal.credentials.ssid if goal.credentials else b""
            name = ascii(ssid.decode("utf-8", "backslashreplace"))[1:-1]
            return self._backoff.after(
                f"not joined to {name}, trying again: {failure.detail}",
                passing=isinstance(failure, RadioNotReady),
            )
        protected = self._is_protected()
        goal.asked.set_exception(failure)
        self._goal = Goal(Aim.GUEST if protected else Aim.AWAY)
        if self._is_ours():
            # What somebody else has connected meanwhile is not ours to leave.
            self._state.leave()
        self.refresh()
        return 0.0
