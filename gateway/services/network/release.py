"""Gives NetworkManager back to the owner: after a stop, a kill or a failed start.

What of ours is in memory is deleted, the devices may connect by themselves again, and where a
connection of the owner's could be up instead of ours, it is brought up. NetworkManager itself
does not bring up again what a `Device.Disconnect` ended, not even once Device.Autoconnect is
true (seen with 1.42).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from gateway.services.api import Interface
from gateway.services.network import view
from gateway.services.network.manager import DeviceState, Manager, ManagerError
from gateway.services.network.our_profiles import SETTINGS_SECONDS, OurProfile, Survey, survey
from gateway.services.network.owners_connections import Candidate, OwnersConnections
from gateway.services.network.ownership import OwnershipRecord

logger = logging.getLogger("gateway.network")

RELEASE_SECONDS: Final = 9.0
END_PATIENCE: Final = 1.0
"""Seconds for an answer when the service has two in which to end."""
END_SECONDS: Final = 1.2
"""Seconds for all of it, where `release-network` goes on afterwards (ExecStopPost=)."""
_SCAN_SECONDS: Final = 6.0
_BY_ITSELF_SECONDS: Final = 1.0
_LATE_SECONDS: Final = 1.0
"""A profile that was being made when its maker was cut off is there sooner."""

_LOOK_SECONDS: Final = 0.1


async def release(
    manager: Manager,
    record: OwnershipRecord,
    seconds: float = RELEASE_SECONDS,
    patience: float | None = None,
    *,
    goes_on: bool = False,
) -> list[str]:
    """Give everything back; gives what was done, a sentence each, none if nothing was ours.

    What is ours on disk stays, for the next start; it makes way for the owner's connection
    where there is one in reach. May be run again at any time: what NetworkManager refuses is
    a warning in the journal and stays recorded. Takes `seconds` at most; where NetworkManager
    is stuck and does not answer a first, small question within `patience`, nothing else is
    tried. What was not done in time stays recorded; `goes_on` says that another process does
    it next. Raises nothing.
    """
    if record.empty:
        return []
    if not manager.present:
        logger.warning(
            "NetworkManager is not running, nothing can be given back to it now; once it runs, "
            "run: %s",
            record.release_command,
        )
        return []
    until = asyncio.get_running_loop().time() + seconds
    if patience is not None and not await _answers(manager, patience):
        logger.warning(
            "NetworkManager answers nothing, so nothing can be given back to it now; once it "
            "does, run: %s",
            record.release_command,
        )
        return []
    work = _Release(manager, record)
    try:
        async with asyncio.timeout_at(until):
            await work.run()
    except TimeoutError:
        if goes_on:
            logger.info("release-network goes on giving the network back")
        else:
            logger.warning(
                "NetworkManager did not take everything back within %g s; run: %s",
                seconds,
                record.release_command,
            )
    return work.done


async def _answers(manager: Manager, seconds: float) -> bool:
    """Whether NetworkManager tells within so many seconds what one of its profiles is."""
    for path in view.profiles(manager.objects):
        try:
            async with asyncio.timeout(seconds):
                await manager.profile_settings(path)
        except TimeoutError:
            return False
        except ManagerError:
            pass  # which is an answer
        break
    return True


class _Release:
    def __init__(self, manager: Manager, record: OwnershipRecord) -> None:
        self._manager = manager
        self._record = record
        self._owners = OwnersConnections(manager, record)
        self.done: list[str] = []

    async def run(self) -> None:
        """All of it, in this order: first what gives the owner's network back."""
        begun = asyncio.get_running_loop().time()
        devices = self._devices()
        touched = sorted(self._record.touched)
        given_back = [
            interface
            for interface in touched
            if not self._record.has_taken(interface) and await self._give_back(interface)
        ]
        for interface in given_back:
            if interface not in devices:
                await self._record.let_go(interface)
        for interface, device in devices.items():
            await self._hand_over(interface, device)
        await self._delete_passing(begun + _LATE_SECONDS)
        for interface in touched:
            if self._record.has_taken(interface):
                await self._leave_alone(interface)
        for interface, device in devices.items():
            await self._bring_back(interface, device)
            if interface in given_back:
                await self._record.let_go(interface)

    async def _delete_passing(self, late: float) -> None:
        """Delete what of ours is in memory; look again at `late` for what was not found."""
        seen = await self._delete_found()
        if self._record.profiles() - seen.uuids:
            await asyncio.sleep(late - asyncio.get_running_loop().time())
            seen = await self._delete_found()
        if seen.obstacle is None:
            await self._record.forget_gone(seen.uuids, None)

    async def _delete_found(self) -> Survey:
        seen = await survey(self._manager, self._record.profiles(), SETTINGS_SECONDS)
        for profile in seen.found:
            if not profile.on_disk:
                await self._delete(profile)
        return seen

    def _devices(self) -> dict[str, str]:
        """The devices that the owner may have had a connection on, by their interfaces.

        Those that are held or up by a profile of ours; not the one that is there for the
        SoftAP, as no station works on it.
        """
        objects, held = self._manager.objects, self._record.held
        return {
            interface: device
            for interface, device in view.devices(objects).items()
            if held.get(interface) is not Interface.SOFTAP
            and (interface in held or self._is_ours(device))
        }

    def _is_ours(self, device: str) -> bool:
        active = view.active_connection(self._manager.objects, device)
        uuid = view.active_uuid(self._manager.objects, active) if active else ""
        return self._record.has_profile(uuid)

    async def _give_back(self, interface: str) -> bool:
        """Let its device be the owner's again; False where NetworkManager refuses."""
        device = view.device(self._manager.objects, interface)
        if device is not None:
            held = self._record.holds(interface)
            if held and not await self._connects_again(interface, device):
                return False
            somebody_elses = self._is_up(device) and not self._is_ours(device)
            if self._record.has_changed(interface) and somebody_elses:
                # An address, DNS servers or a host name that its live connection was given.
                await self._did(self._manager.reapply(device, {}, 0), "")
        return True

    async def _connects_again(self, interface: str, device: str) -> bool:
        return await self._did(
            self._manager.set_autoconnect(device, True), f"{interface} connects by itself again"
        )

    async def _leave_alone(self, interface: str) -> None:
        """First that NetworkManager leaves it alone, so that nothing connects meanwhile."""
        device = view.device(self._manager.objects, interface)
        if device is not None:
            left = self._manager.set_managed(device, False)
            if not await self._did(left, f"{interface} is left alone again"):
                return
            if not await self._connects_again(interface, device):
                return
        await self._record.let_go(interface)

    async def _delete(self, profile: OurProfile) -> None:
        if await self._did(
            self._manager.delete_profile(profile.path), f'deleted the profile "{profile.name}"'
        ):
            await self._record.forget_profile(profile.uuid)

    async def _hand_over(self, interface: str, device: str) -> None:
        """Where ours is up, have an owner's take its place, if one is in reach."""
        if self._is_ours(device):
            candidate = await self._owners.best(device)
            if candidate is not None:
                await self._activate(candidate, interface, device)

    async def _bring_back(self, interface: str, device: str) -> None:
        """Where nothing is up, have an owner's connection brought up, scanning for it."""
        if view.device_state(self._manager.objects, device) <= DeviceState.UNAVAILABLE:
            return
        if not await self._owners.has_any(device):
            return
        if await self._until(lambda: self._is_up(device), _BY_ITSELF_SECONDS):
            return
        candidate = await self._owners.best(device)
        if candidate is None and view.device_type(self._manager.objects, device) == (
            view.DeviceType.WIFI
        ):
            candidate = await self._scanned(device)
        if candidate is not None and not self._is_up(device):
            await self._activate(candidate, interface, device)

    def _is_up(self, device: str) -> bool:
        objects = self._manager.objects
        leaving = (DeviceState.DEACTIVATING, DeviceState.FAILED)
        if view.device_state(objects, device) in leaving:
            return False
        return view.active_connection(objects, device) is not None

    async def _scanned(self, device: str) -> Candidate | None:
        before = view.available_profiles(self._manager.objects, device)
        if not await self._did(self._manager.request_scan(device), ""):
            return None
        await self._until(
            lambda: (
                self._is_up(device)
                or view.available_profiles(self._manager.objects, device) != before
            ),
            _SCAN_SECONDS,
        )
        return await self._owners.best(device)

    async def _activate(self, candidate: Candidate, interface: str, device: str) -> None:
        await self._did(
            self._manager.activate(candidate.path, device),
            f'bringing up "{candidate.name}" on {interface}',
        )

    async def _did(self, call: Awaitable[object], sentence: str) -> bool:
        """Make a call, and say that it was made; a refusal is a warning and False."""
        try:
            await call
        except ManagerError as error:
            logger.warning("%s", error)
            return False
        if sentence:
            self.done.append(sentence)
        return True

    async def _until(self, holds: Callable[[], bool], seconds: float) -> bool:
        deadline = asyncio.get_running_loop().time() + seconds
        while not holds():
            if asyncio.get_running_loop().time() >= deadline:
                return False
            await asyncio.sleep(_LOOK_SECONDS)
        return True
