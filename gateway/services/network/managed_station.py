"""The Wi-Fi station of a host with NetworkManager, as the commands ask for it."""

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
    JoinError,
    JoinFailure,
    ServiceError,
    Station,
    Wanted,
)
from gateway.services.network import view
from gateway.services.network.station_attempt import Transition, ready_device
from gateway.services.network.station_core import PROTECTED
from gateway.services.network.station_goal import Aim, Goal
from gateway.services.network.station_joining import request_scan, scanned_recently
from gateway.services.network.station_task import StationTask

logger = logging.getLogger("gateway.network")

_JOIN_SECONDS: Final = 17.5
"""The contract allows 18 (section 3); the rest is for what goes round a join."""

_SCAN_SECONDS: Final = 8.5


class ManagedStation(StationTask):
    """The station of a ManagedNetwork, which hands it what the commands ask for."""

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
        self._backoff.reset()
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
        self._backoff.reset()
        self._there_at_begin = self._state.active
        # What it connected by itself was not asked for where the station is to be away.
        self._state.left = self._state.active if self._goal.aim is Aim.AWAY else None
        # Before a step is made: whether the owner's is up may forbid it.
        self._state.refresh(self._wanted)
        self._convergence.wake()

    def _take_new_mac(self) -> None:
        if self._is_ours():
            # Reapply cannot change it: the same profile, activated again, does.
            self._state.leave()
        else:
            logger.info("the new MAC comes with the next AT+CWJAP: this connection is the owner's")
