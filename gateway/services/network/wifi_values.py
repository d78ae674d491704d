"""NetworkManager's numbers about access points, turned into the contract's. Pure.

The bits are NM80211ApFlags and NM80211ApSecurityFlags of NetworkManager's D-Bus reference; as
IntEnum, since arithmetic with an IntFlag takes ten times as long.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from gateway.services.api import Encryption


class ApFlags(IntEnum):
    """NM80211ApFlags, as far as it is looked at."""

    PRIVACY = 0x1
    WPS = 0x2


class Security(IntEnum):
    """NM80211ApSecurityFlags: of one generation, WPA (`WpaFlags`) or later (`RsnFlags`)."""

    PAIR_WEP40 = 0x1
    PAIR_WEP104 = 0x2
    PAIR_TKIP = 0x4
    PAIR_CCMP = 0x8
    GROUP_WEP40 = 0x10
    GROUP_WEP104 = 0x20
    GROUP_TKIP = 0x40
    GROUP_CCMP = 0x80
    PSK = 0x100
    ENTERPRISE = 0x200
    SAE = 0x400
    ENHANCED_OPEN = 0x800
    ENHANCED_OPEN_TRANSITION = 0x1000
    ENTERPRISE_SUITE_B = 0x2000


_PAIRWISE: Final = (
    Security.PAIR_WEP40,
    Security.PAIR_WEP104,
    Security.PAIR_TKIP,
    Security.PAIR_CCMP,
)
_GROUP: Final = (
    Security.GROUP_WEP40,
    Security.GROUP_WEP104,
    Security.GROUP_TKIP,
    Security.GROUP_CCMP,
)
_TKIP: Final = 3
_CCMP: Final = 4
_TKIP_AND_CCMP: Final = 5


def channel(frequency: int) -> int:
    """The channel at `frequency` in MHz, in the 2.4, 5 and 6 GHz bands; 0 for any other.

    The numbering is IEEE 802.11's, annex E.
    """
    if frequency == 2484:
        return 14
    if frequency == 5935:
        return 2
    for low, high, start in (
        (2412, 2472, 2407),
        (4910, 4980, 4000),
        (5035, 5895, 5000),
        (5955, 7115, 5950),
    ):
        if low <= frequency <= high:
            return (frequency - start) // 5
    return 0


def rssi(strength: int) -> int:
    """The dBm of a strength of 0 to 100 %: the inverse of NetworkManager's own formula."""
    return round(-100 + 0.6 * min(max(strength, 0), 100))


def encryption(flags: int, wpa: int, rsn: int) -> Encryption:
    """The contract's ecn (section 3).

    Enhanced Open (OWE) encrypts, but asks for no password: it counts as open, `ciphers` tell
    the two apart. What has a way to agree on keys that is not known counts as enterprise, as
    no password opens it either.
    """
    either = wpa | rsn
    if either & (Security.PSK | Security.SAE):
        return _by_password(wpa, rsn)
    if either & (Security.ENTERPRISE | Security.ENTERPRISE_SUITE_B):
        return Encryption.ENTERPRISE
    if either & (Security.ENHANCED_OPEN | Security.ENHANCED_OPEN_TRANSITION):
        return Encryption.OPEN
    if either:
        return Encryption.ENTERPRISE
    return Encryption.WEP if flags & ApFlags.PRIVACY else Encryption.OPEN


def _by_password(wpa: int, rsn: int) -> Encryption:
    old, new, newest = wpa & Security.PSK, rsn & Security.PSK, rsn & Security.SAE
    if newest:
        return Encryption.WPA2_WPA3 if new else Encryption.WPA3
    if old:
        return Encryption.WPA_WPA2 if new else Encryption.WPA
    return Encryption.WPA2


def ciphers(wpa: int, rsn: int) -> tuple[int, int]:
    """The pairwise and the group cipher as Espressif numbers them, 0 where none is known.

    1 WEP40, 2 WEP104, 3 TKIP, 4 CCMP, 5 TKIP and CCMP.
    """
    either = wpa | rsn
    return _cipher(either, _PAIRWISE), _cipher(either, _GROUP)


def _cipher(flags: int, bits: tuple[Security, ...]) -> int:
    known = [number for number, bit in enumerate(bits, 1) if flags & bit]
    if _TKIP in known and _CCMP in known:
        return _TKIP_AND_CCMP
    return known[-1] if known else 0


def wps(flags: int) -> int:
    """1 if it offers WPS, else 0."""
    return 1 if flags & ApFlags.WPS else 0
