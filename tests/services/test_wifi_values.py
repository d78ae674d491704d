"""NetworkManager's numbers about access points, in the contract's terms."""

from __future__ import annotations

import pytest

from gateway.services.api import Encryption
from gateway.services.network import wifi_values

PRIVACY, WPS = 1, 2


@pytest.mark.parametrize(
    ("megahertz", "channel"),
    [
        (2412, 1),
        (2437, 6),
        (2472, 13),
        (2484, 14),
        (4920, 184),
        (5035, 7),
        (5180, 36),
        (5500, 100),
        (5885, 177),
        (5935, 2),
        (5955, 1),
        (6135, 37),
        (7115, 233),
        (0, 0),
        (-5, 0),
        (58320, 0),
    ],
)
def test_a_channel_follows_from_the_frequency(megahertz: int, channel: int) -> None:
    assert wifi_values.channel(megahertz) == channel


@pytest.mark.parametrize(
    ("strength", "rssi"), [(0, -100), (1, -99), (50, -70), (87, -48), (100, -40), (255, -40)]
)
def test_a_strength_becomes_dbm(strength: int, rssi: int) -> None:
    assert wifi_values.rssi(strength) == rssi


@pytest.mark.parametrize(
    ("flags", "wpa", "rsn", "encryption"),
    [
        (0, 0, 0, Encryption.OPEN),
        (WPS, 0, 0, Encryption.OPEN),
        (PRIVACY, 0, 0, Encryption.WEP),
        (PRIVACY, 0x144, 0, Encryption.WPA),
        # as hostapd's access points showed
        (PRIVACY, 0, 0x188, Encryption.WPA2),
        (PRIVACY, 0x144, 0x188, Encryption.WPA_WPA2),
        (PRIVACY, 0, 0x488, Encryption.WPA3),
        (PRIVACY, 0, 0x588, Encryption.WPA2_WPA3),
        (PRIVACY, 0x144, 0x588, Encryption.WPA2_WPA3),
        (PRIVACY, 0, 0x288, Encryption.ENTERPRISE),
        (PRIVACY, 0x244, 0, Encryption.ENTERPRISE),
        (PRIVACY, 0, 0x2000, Encryption.ENTERPRISE),
        # a password opens it as well
        (PRIVACY, 0, 0x388, Encryption.WPA2),
        # Enhanced Open takes no password
        (PRIVACY, 0, 0x888, Encryption.OPEN),
        (0, 0, 0x1000, Encryption.OPEN),
        # nothing that we know opens it
        (PRIVACY, 0, 0x88, Encryption.ENTERPRISE),
    ],
)
def test_encryption_as_the_contract_numbers_it(
    flags: int, wpa: int, rsn: int, encryption: Encryption
) -> None:
    assert wifi_values.encryption(flags, wpa, rsn) is encryption


@pytest.mark.parametrize(
    ("wpa", "rsn", "ciphers"),
    [
        (0, 0, (0, 0)),
        (0, 0x188, (4, 4)),
        (0x144, 0, (3, 3)),
        (0x144, 0x148, (5, 3)),
        (0, 0x11, (1, 1)),
        (0, 0x22, (2, 2)),
    ],
)
def test_ciphers_as_espressif_numbers_them(wpa: int, rsn: int, ciphers: tuple[int, int]) -> None:
    assert wifi_values.ciphers(wpa, rsn) == ciphers
