"""The access points that every test finds on the air."""

from __future__ import annotations

from tests.vm.air import AccessPoint, Air, Security

WPA2 = AccessPoint(b"vm-wpa2", "02:00:00:00:01:00")
WPA3 = AccessPoint(b"vm-wpa3", "02:00:00:00:01:01", Security.WPA3)
MIXED = AccessPoint(b"vm-mixed", "02:00:00:00:01:02", Security.WPA2_WPA3)
OPEN = AccessPoint(b"vm-open", "02:00:00:00:01:03", Security.OPEN)
HIDDEN = AccessPoint(b"vm-hidden", "02:00:00:00:01:04", hidden=True)
LEGACY = AccessPoint(b"vm-wpa", "02:00:00:00:01:05", Security.WPA_WPA2)
ODD = AccessPoint('a,b "c" \\d é☕'.encode(), "02:00:00:00:01:06", network=2)
RAW = AccessPoint(bytes(range(0xE0, 0x100)), "02:00:00:00:01:07", network=2)

ON_WLAN1 = (WPA2, WPA3, MIXED, OPEN, HIDDEN, LEGACY, ODD, RAW)
CHANNEL = 6


def open_standard_air(air: Air) -> None:
    """Networks 1 and 2 with DHCP, and all of the above."""
    for number in (1, 2):
        air.network(number)
    air.open("wlan1", *ON_WLAN1, channel=CHANNEL)
