"""How a password is proved to an access point, and when two passwords are the same."""

from __future__ import annotations

import pytest

from gateway.services.api import Encryption, JoinError, JoinFailure
from gateway.services.network.wifi_keys import KeyManagement, same_password, which_security

# IEEE 802.11, annex J.4.2, the first two examples.
KEYS = [
    (b"password", b"IEEE", "f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e"),
    (
        b"ThisIsAPassword",
        b"ThisIsASSID",
        "0dc0d6eb90555ed6419756b9a15ec3e3209b63df707dd508d14581f8982721af",
    ),
]


@pytest.mark.parametrize(
    ("encryption", "password", "security"),
    [
        (Encryption.OPEN, b"", KeyManagement.NONE),
        # as an ESP does not offer it
        (Encryption.OPEN, b"password", KeyManagement.NONE),
        (Encryption.WPA, b"password", KeyManagement.WPA_PSK),
        (Encryption.WPA2, b"password", KeyManagement.WPA_PSK),
        (Encryption.WPA_WPA2, b"password", KeyManagement.WPA_PSK),
        (Encryption.WPA2_WPA3, b"password", KeyManagement.WPA_PSK),
        (Encryption.WPA3, b"password", KeyManagement.SAE),
        (Encryption.WPA2, b"a" * 64, KeyManagement.WPA_PSK),
    ],
)
def test_the_security_follows_from_the_access_point(
    encryption: Encryption, password: bytes, security: KeyManagement
) -> None:
    assert which_security(encryption, password) is security


def test_enhanced_open_has_a_key_of_its_own_making() -> None:
    made = which_security(Encryption.OPEN, b"", enhanced_open=True)
    assert made is KeyManagement.ENHANCED_OPEN


@pytest.mark.parametrize(
    ("encryption", "password", "failure", "word"),
    [
        (Encryption.WEP, b"hunter", JoinFailure.OTHER, "WEP"),
        (Encryption.ENTERPRISE, b"hunter22", JoinFailure.OTHER, "ENTERPRISE"),
        (Encryption.WPA2, b"", JoinFailure.WRONG_PASSWORD, "password"),
        (Encryption.WPA3, b"hunter7", JoinFailure.WRONG_PASSWORD, "8 characters"),
        (Encryption.WPA2, b"hunter\xf6\xf6", JoinFailure.OTHER, "UTF-8"),
        (Encryption.WPA2, b"hunter\0\0", JoinFailure.OTHER, "UTF-8"),
    ],
)
def test_what_cannot_be_joined_is_refused_in_a_sentence(
    encryption: Encryption, password: bytes, failure: JoinFailure, word: str
) -> None:
    with pytest.raises(JoinError, match=word) as refusal:
        which_security(encryption, password)
    assert refusal.value.failure is failure
    assert "hunter" not in refusal.value.detail


@pytest.mark.parametrize(("password", "ssid", "key"), KEYS)
def test_a_key_is_the_password_that_it_follows_from(password: bytes, ssid: bytes, key: str) -> None:
    text = password.decode()
    assert same_password(text, password, ssid)
    assert same_password(key, password, ssid)
    assert same_password(text, key.encode(), ssid)
    assert same_password(key.upper(), key.encode(), ssid)
    assert not same_password(key, password + b"!", ssid)
    assert not same_password(key, password, ssid + b"!")
    assert not same_password(text, password + b"!", ssid)


def test_passwords_that_are_no_text() -> None:
    assert not same_password("password", b"passw\xf6rd", b"a")
    assert not same_password("", b"password", b"a")
    assert same_password("pässword", "pässword".encode(), b"a")
