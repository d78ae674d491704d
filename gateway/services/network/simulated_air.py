"""The simulated air: which access points the station's radio can hear."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gateway.services.api import AccessPoint, Credentials
from gateway.services.network.simulated_world import SimulatedAccessPoint


class SimulatedAir:
    """Access points that can be switched off and on again."""

    def __init__(self, access_points: Sequence[SimulatedAccessPoint]) -> None:
        self._access_points = tuple(access_points)
        self._silent: set[bytes] = set()

    def lose(self, ssid: bytes) -> None:
        """The access points of that name fall silent."""
        self._silent.add(ssid)

    def restore(self, ssid: bytes) -> None:
        """The access points of that name can be heard again."""
        self._silent.discard(ssid)

    def scan(self, ssid: bytes | None) -> tuple[AccessPoint, ...]:
        """Who can be heard: all that show their name, and the hidden ones named `ssid`."""
        return tuple(
            access_point.seen()
            for access_point in self._heard()
            if not access_point.hidden or access_point.ssid == ssid
        )

    def strongest(self, credentials: Credentials) -> SimulatedAccessPoint | None:
        """The access point that a station with these credentials joins, if there is one."""
        fitting = (each for each in self._heard() if is_meant(each, credentials))
        return max(fitting, key=lambda each: each.rssi, default=None)

    def _heard(self) -> Iterator[SimulatedAccessPoint]:
        return (each for each in self._access_points if each.ssid not in self._silent)


def is_meant(access_point: SimulatedAccessPoint, credentials: Credentials) -> bool:
    """Whether name and, where one is given, BSSID of the credentials are this one's."""
    if access_point.ssid != credentials.ssid:
        return False
    return credentials.bssid in (None, access_point.seen().bssid)
