"""What is around a made-up NetworkManager: access points, and the addresses that are leased."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from gateway.services.api import Encryption

# NM80211ApFlags, WpaFlags and RsnFlags, as a real one showed them for hostapd's settings.
_FLAGS = {
    Encryption.OPEN: (0x0, 0x0, 0x0),
    Encryption.WEP: (0x1, 0x0, 0x0),
    Encryption.WPA: (0x1, 0x144, 0x0),
    Encryption.WPA2: (0x1, 0x0, 0x188),
    Encryption.WPA_WPA2: (0x1, 0x144, 0x188),
    Encryption.ENTERPRISE: (0x1, 0x0, 0x288),
    Encryption.WPA3: (0x1, 0x0, 0x488),
    Encryption.WPA2_WPA3: (0x1, 0x0, 0x588),
}


@dataclass(frozen=True, slots=True)
class FakeAccessPoint:
    """An access point: `frequency` in MHz, `strength` 0 to 100, its network `subnet`.0/24.

    Without `encryption` it is WPA2 if it has a password, else open; without `bssid` it has
    one of its own.
    """

    ssid: bytes
    password: bytes = field(default=b"", repr=False)
    encryption: Encryption | None = None
    bssid: str = ""
    frequency: int = 2437
    strength: int = 80
    hidden: bool = False
    dhcp: bool = True
    subnet: str = "192.168.77"

    @property
    def mac(self) -> str:
        """Its BSSID, as NetworkManager writes it: upper case with colons."""
        if self.bssid:
            return self.bssid.upper()
        number = zlib.crc32(self.ssid).to_bytes(4, "big")
        return "06:00:" + ":".join(f"{byte:02X}" for byte in number)

    @property
    def security(self) -> Encryption:
        """How it protects itself."""
        if self.encryption is not None:
            return self.encryption
        return Encryption.WPA2 if self.password else Encryption.OPEN

    @property
    def speaks_sae(self) -> bool:
        """Whether it is one of WPA3's."""
        return self.security in (Encryption.WPA3, Encryption.WPA2_WPA3)

    def is_same(self, other: FakeAccessPoint) -> bool:
        """Whether it is that one still, though its signal or its DHCP server may have changed."""
        here = (self.mac, self.ssid, self.password)
        return here == (other.mac, other.ssid, other.password)

    def properties(self, now: float, *, named: bool) -> dict[str, Any]:
        """The properties of its AccessPoint object; not `named` it hides its SSID."""
        flags, wpa, rsn = _FLAGS[self.security]
        return {
            "Flags": flags,
            "WpaFlags": wpa,
            "RsnFlags": rsn,
            "Ssid": self.ssid if named else b"",
            "Frequency": self.frequency,
            "HwAddress": self.mac,
            "Mode": 2,
            "MaxBitrate": 54000,
            "Strength": self.strength,
            "LastSeen": int(now),
        }


class Happenings:
    """Lets a script wait for what only changes when it is told."""

    def __init__(self) -> None:
        self._told = asyncio.Event()

    def tell(self) -> None:
        """Something happened: whoever waits looks again."""
        self._told.set()
        self._told = asyncio.Event()

    async def until(self, holds: Callable[[], bool], seconds: float | None = None) -> bool:
        """Wait for a condition; false if it does not hold within `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                while not holds():
                    await self._told.wait()
        except TimeoutError:
            return False
        return True


class FakeAir(Happenings):
    """The access points that are on the air now."""

    def __init__(self) -> None:
        super().__init__()
        self.points: list[FakeAccessPoint] = []

    def add(self, point: FakeAccessPoint) -> None:
        """Put one on the air, in place of the one with its BSSID."""
        self.points = [other for other in self.points if other.mac != point.mac] + [point]
        self.tell()

    def remove(self, ssid: bytes) -> None:
        """Take all that are called so off the air."""
        self.points = [point for point in self.points if point.ssid != ssid]
        self.tell()

    def now(self, point: FakeAccessPoint | None) -> FakeAccessPoint | None:
        """How that access point is now; None if it is not on the air."""
        if point is None:
            return None
        return next((one for one in self.points if one.is_same(point)), None)

    def find(self, ssid: bytes, bssid: str = "") -> FakeAccessPoint | None:
        """The strongest with that name, and BSSID if one is given."""
        fitting = [
            point
            for point in self.points
            if point.ssid == ssid and bssid.upper() in ("", point.mac)
        ]
        return max(fitting, key=lambda point: point.strength, default=None)


@dataclass(frozen=True, slots=True)
class Lease:
    """What a DHCP server hands out."""

    ip: str
    gateway: str
    dns: tuple[str, ...]


def lease(subnet: str, mac: str) -> Lease:
    """The same address for the same MAC, in `subnet`.0/24."""
    last = 20 + zlib.crc32(mac.upper().encode()) % 200
    return Lease(f"{subnet}.{last}", f"{subnet}.1", (f"{subnet}.1",))
