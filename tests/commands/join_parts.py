"""What the tests of joining share: access points, and the replies to a join."""

from __future__ import annotations

from gateway.services.api import Encryption
from gateway.services.network.simulated import SimulatedAccessPoint, World

JOINED = "WIFI CONNECTED⏎WIFI GOT IP⏎⏎OK⏎"
NO_AP = "No AP⏎⏎OK⏎"
SIM = 'AT+CWJAP_CUR="esp-at-sim","password"'
KEY = "e7dcb8e7ba0c3ac7ea8ad0f3b8cc6ba1ed4d4dbd3d1fdbb1fe9b5d4ac1cd5ec1"

POINTS = (
    *World().access_points,
    SimulatedAccessPoint(b"hidden", b"password", Encryption.WPA2, hidden=True),
    SimulatedAccessPoint(b"no-dhcp", dhcp=False),
    SimulatedAccessPoint(b"old", b"password", Encryption.WEP),
    SimulatedAccessPoint(b"twin", channel=3, rssi=-80, bssid="06:00:00:00:00:01"),
    SimulatedAccessPoint(b"twin", channel=9, rssi=-40, bssid="06:00:00:00:ab:02"),
)
WORLD = World(access_points=POINTS, pace=0)
REAL = World(access_points=POINTS)


def failed(code: int) -> str:
    """The reply to a join that failed."""
    return f"⏎+CWJAP:{code}⏎⏎FAIL⏎"
