"""Joins an access point: one attempt, from looking for it to an address.

NetworkManager alone would wait 25 s for an access point that is not there, so it is looked
for by scanning first; and after a wrong password up to 20 s more, so the device's way from
state to state is watched (station_attempt.py).
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Final

from gateway.records import Record
from gateway.services.api import (
    Credentials,
    Encryption,
    Interface,
    JoinError,
    JoinFailure,
    Wanted,
)
from gateway.services.network import view
from gateway.services.network.convergence import Convergence
from gateway.services.network.ip_settings import Ipv4
from gateway.services.network.live_addresses import LiveAddresses
from gateway.services.network.manager import DeviceState, Manager, ManagerError
from gateway.services.network.station_attempt import Transitions, nameless, strongest
from gateway.services.network.station_profiles import Recipe, StationProfiles
from gateway.services.network.wifi_keys import KeyManagement, same_password, which_security

logger = logging.getLogger("gateway.network")

_SCAN_SECONDS: Final = 12.0
_WHOLE_SCAN_SECONDS: Final = 1.5
"""No scan of all channels takes less."""
_LATE_SECONDS: Final = 1.0
"""That a known access point was seen again is told a moment behind the scan's end."""

_JOIN_SECONDS: Final = 4.0
_FRESH_SCAN: Final = 10.0
_SECURITY: Final = "802-11-wireless-security"


class Found(Record):
    """An access point to join: its object's path, and whether it only shows when asked for."""

    path: str
    hidden: bool


def scanned_recently(manager: Manager, device: str) -> bool:
    """Whether the last scan is under 10 s old, and may answer for a new one (contract)."""
    ended = view.last_scan(manager.objects, device)
    return ended >= 0 and time.clock_gettime(time.CLOCK_BOOTTIME) - ended / 1000 < _FRESH_SCAN


async def request_scan(manager: Manager, device: str, ssid: bytes | None) -> None:
    """Ask for a scan, which goes on behind this.

    NetworkManager refuses while it scans or joins by itself, and that brings results as well.
    """
    try:
        await manager.request_scan(device, ssid)
    except ManagerError as error:
        logger.debug("no scan of our own: %s", error)


class Joining:
    """Makes attempts for a station; `transitions` are its device's steps."""

    def __init__(
        self,
        manager: Manager,
        profiles: StationProfiles,
        live: LiveAddresses,
        convergence: Convergence,
    ) -> None:
        self._manager = manager
        self._profiles = profiles
        self._live = live
        self._convergence = convergence
        self._sure = True
        self.transitions = Transitions()

    async def find(self, device: str, credentials: Credentials, deadline: float) -> Found:
        """The access point, after a scan if it was not heard of just now. Raises JoinError."""
        objects = self._manager.objects
        unnamed = nameless(objects, device)
        if self._sure and (found := strongest(objects, device, credentials, fresh=True)):
            return Found(found[0], found[1].bssid in unnamed)
        listed = strongest(objects, device, credentials, fresh=False) is not None
        # Where no scan comes to pass, what was heard of longer ago is all that is known.
        fresh = await self._look(device, credentials, listed, deadline)
        unnamed |= nameless(self._manager.objects, device)
        if found := strongest(self._manager.objects, device, credentials, fresh=fresh):
            return Found(found[0], found[1].bssid in unnamed)
        raise JoinError(
            JoinFailure.NO_SUCH_AP, "No access point of that name (and BSSID) is in reach."
        )

    async def _look(
        self, device: str, credentials: Credentials, listed: bool, deadline: float
    ) -> bool:
        """Scan for it, twice if the first scan was none of ours; whether one has ended."""
        begun = asyncio.get_running_loop().time()
        limit = min(begun + _SCAN_SECONDS, deadline - _JOIN_SECONDS)
        if not await self._scan(device, credentials, listed, limit):
            return False
        seconds = asyncio.get_running_loop().time() - begun

        def shows() -> bool:
            return strongest(self._manager.objects, device, credentials, fresh=True) is not None

        seen = shows()
        if not seen and listed:
            seen = await self._convergence.until(shows, begun + seconds + _LATE_SECONDS)
        if not seen and seconds < _WHOLE_SCAN_SECONDS:
            # It had been under way before, and has not heard of all.
            await self._scan(device, credentials, listed, limit)
        return True

    async def _scan(
        self, device: str, credentials: Credentials, listed: bool, limit: float
    ) -> bool:
        """Scan, until the access point shows if it was not `listed`; whether a scan has ended."""
        before = view.last_scan(self._manager.objects, device)
        await request_scan(self._manager, device, credentials.ssid)

        def ended() -> bool:
            return view.last_scan(self._manager.objects, device) != before

        def appeared() -> bool:
            now = self._manager.objects
            return not listed and strongest(now, device, credentials, fresh=True) is not None

        await self._convergence.until(lambda: appeared() or ended(), limit)
        return appeared() or ended()

    async def is_in_use(self, device: str, active: str, credentials: Credentials) -> bool:
        """Whether the connection `active`, which is up at that access point, has that password."""
        point = view.active_access_point(self._manager.objects, device)
        if point is None:
            return False
        try:
            if which_security(point.encryption, credentials.password) is KeyManagement.NONE:
                return True
        except JoinError:
            return False
        profile = view.profile_of(self._manager.objects, active)
        if profile is None:
            return False
        secrets = await self._manager.profile_secrets(profile, _SECURITY)
        stored = secrets.get(_SECURITY, {}).get("psk")
        if not isinstance(stored, str):
            return False
        return await asyncio.to_thread(
            same_password, stored, credentials.password, credentials.ssid
        )

    async def join(
        self,
        device: str,
        found: Found,
        credentials: Credentials,
        wanted: Wanted,
        deadline: float,
        *,
        kept: bool,
    ) -> None:
        """Join an access point: there is an address when this returns.

        `kept`: it is the stored one, whose profile may be on disk. Raises JoinError,
        ManagerError, Superseded; whatever becomes of it, its profile is known.
        """
        objects = self._manager.objects
        point = view.access_point(objects, found.path)
        if point is None:
            raise JoinError(JoinFailure.NO_SUCH_AP, "The access point went out of reach.")
        security = which_security(
            point.encryption, credentials.password, enhanced_open=view.is_enhanced_open(point)
        )
        asked = Ipv4.of(wanted, Interface.STATION)
        if not asked.dhcp and asked.static is None:
            raise JoinError(
                JoinFailure.TIMED_OUT,
                "DHCP is off and no address is set; use AT+CIPSTA= or AT+CWDHCP=1,1.",
            )
        mac = view.own_address(objects, device) or ""
        recipe = Recipe(credentials, security, found.hidden, mac)
        profile = await self._profiles.prepare(recipe, wanted, kept=kept)
        self.transitions.clear()
        self._sure = False
        active = await self._manager.activate(profile.path, device, found.path)
        self._live.came_with(active, asked)
        await self._watch(device, active, deadline, point.encryption)
        self._sure = True

    async def _watch(
        self, device: str, active: str, deadline: float, encryption: Encryption
    ) -> None:
        def is_up() -> bool:
            objects = self._manager.objects
            return (
                view.active_connection(objects, device) == active
                and view.device_state(objects, device) == DeviceState.ACTIVATED
                and view.address(objects, device) is not None
            )

        def decided() -> bool:
            return is_up() or self.transitions.failure(active) is not None

        await self._convergence.until(decided, deadline)
        if is_up():
            return
        if failure := self.transitions.failure(active):
            raise failure
        if view.device_state(self._manager.objects, device) >= DeviceState.IP_CONFIG:
            raise JoinError(JoinFailure.TIMED_OUT, "The access point gave no address in time.")
        if encryption in (Encryption.WPA3, Encryption.WPA2_WPA3):
            # NetworkManager takes it for that too (its own limit is longer): WPA3 refuses a
            # password without saying so.
            raise JoinError(
                JoinFailure.WRONG_PASSWORD,
                "The access point did not let us in, which with WPA3 is what a wrong password "
                "looks like.",
            )
        raise JoinError(JoinFailure.TIMED_OUT, "The access point did not let us in in time.")
