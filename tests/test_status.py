"""The line that `systemctl status` shows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.services.api import AccessPoint, Address, Encryption, Ethernet, SoftAp, Station
from gateway.services.api_line import UartSettings
from gateway.services.network.simulated import SimulatedNetwork, World
from gateway.status import describe

ADDRESS = Address("192.168.1.7", "192.168.1.1", "255.255.255.0")
HOME = AccessPoint(b"home", "02:00:00:00:00:01", 6, -50, Encryption.WPA2)
NOTHING = Station("02:00:00:00:00:02")
JOINED = replace(NOTHING, access_point=HOME, address=ADDRESS)
QUIET = SoftAp("02:00:00:00:00:03")
ON_AIR = replace(QUIET, on_air=True, address=replace(ADDRESS, ip="192.168.4.1"))
CABLE = Ethernet("02:00:00:00:00:04", True, replace(ADDRESS, ip="10.0.0.9"))


class Standing(SimulatedNetwork):
    """A network that stands as it is told."""

    def __init__(self, station: Station, softap: SoftAp, ethernet: Ethernet | None) -> None:
        super().__init__(World())
        self._standing = station, softap, ethernet

    @property
    def station(self) -> Station:
        return self._standing[0]

    @property
    def softap(self) -> SoftAp:
        return self._standing[1]

    @property
    def ethernet(self) -> Ethernet | None:
        return self._standing[2]


@pytest.mark.parametrize(
    ("station", "softap", "ethernet", "links", "expected"),
    [
        (JOINED, QUIET, None, 2, "joined home 192.168.1.7 · 2 links · 115200 8N1"),
        (NOTHING, QUIET, None, 0, "no network · no links · 115200 8N1"),
        (
            replace(JOINED, address=None),
            ON_AIR,
            CABLE,
            1,
            "joined home (no address) · SoftAP 192.168.4.1 · Ethernet 10.0.0.9 · 1 link"
            " · 115200 8N1",
        ),
        (
            replace(JOINED, access_point=replace(HOME, ssid=b"\xff\xfe")),
            QUIET,
            None,
            0,
            "joined \\xff\\xfe 192.168.1.7 · no links · 115200 8N1",
        ),
    ],
)
def test_one_line_tells_how_it_stands(
    station: Station, softap: SoftAp, ethernet: Ethernet | None, links: int, expected: str
) -> None:
    assert describe(Standing(station, softap, ethernet), links, UartSettings()) == expected


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (UartSettings(), "115200 8N1"),
        (UartSettings(9600, 7, 3, 2, 3), "9600 7E2 RTS/CTS"),
        (UartSettings(74880, 5, 2, 1), "74880 5O1.5"),
    ],
)
def test_settings_read_as_engineers_write_them(settings: UartSettings, expected: str) -> None:
    assert str(settings) == expected
