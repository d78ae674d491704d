"""What the parts of a made-up NetworkManager have in common: names, reasons, times."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from gateway.services.network.manager import NM
from tests.services.fake_profiles import FakeProfile

DEVICE: Final = f"{NM}.Device"
WIRELESS_DEVICE: Final = f"{NM}.Device.Wireless"
WIRED_DEVICE: Final = f"{NM}.Device.Wired"
ACCESS_POINT: Final = f"{NM}.AccessPoint"
ACTIVE: Final = f"{NM}.Connection.Active"
CONNECTION: Final = f"{NM}.Settings.Connection"
IP4_CONFIG: Final = f"{NM}.IP4Config"


class Reason(IntEnum):
    """NMDeviceStateReason, as far as it happens here."""

    NONE = 0
    NOW_UNMANAGED = 3
    IP_CONFIG_UNAVAILABLE = 5
    NO_SECRETS = 7
    SUPPLICANT_DISCONNECT = 8
    CONNECTION_REMOVED = 38
    USER_REQUESTED = 39
    CARRIER = 40
    SUPPLICANT_AVAILABLE = 42
    SSID_NOT_FOUND = 53
    NEW_ACTIVATION = 60


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things take, in seconds: what a VM with nothing else to do showed."""

    step: float = 0.002
    association: float = 1.5
    handshake: float = 4.0
    search: float = 25.0
    dhcp: float = 0.5
    leaving: float = 0.05
    link: float = 15.0
    carrier: float = 6.0
    scan: float = 3.0
    telling: float = 0.0
    """How long after the end of a scan it is told what was seen."""
    boot: float = 1.0
    startup: float = 10.0


@dataclass(frozen=True, slots=True)
class FakeActive:
    """An active connection: its object, and the profile it runs by."""

    path: str
    profile: FakeProfile
    specific: str
