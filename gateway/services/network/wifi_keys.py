"""Passwords and how they are proved to an access point. Pure; `same_password` is slow."""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

from gateway.services.api import Encryption, JoinError, JoinFailure

_HEX_KEY: Final = re.compile(r"[0-9A-Fa-f]{64}")


class KeyManagement(Enum):
    """NetworkManager's `key-mgmt`; `NONE` has no security setting at all.

    `WPA_PSK` lets NetworkManager choose WPA3 where access point and radio can do both.
    """

    NONE = "none"
    ENHANCED_OPEN = "owe"
    WPA_PSK = "wpa-psk"
    SAE = "sae"


def which_security(
    encryption: Encryption, password: bytes, *, enhanced_open: bool = False
) -> KeyManagement:
    """How to prove `password` to an access point with this encryption.

    An open one takes any password, as an ESP does not offer it one; `enhanced_open` says that
    it encrypts all the same (`view.is_enhanced_open`). Raises JoinError with a sentence for
    what cannot be joined or cannot be the password, before anything is sent.
    """
    if encryption is Encryption.OPEN:
        return KeyManagement.ENHANCED_OPEN if enhanced_open else KeyManagement.NONE
    if encryption in (Encryption.WEP, Encryption.ENTERPRISE):
        raise JoinError(
            JoinFailure.OTHER,
            f"The access point wants {encryption.name}, which is not supported; "
            "set it to WPA2 or WPA3 with a password.",
        )
    if len(password) < 8:
        raise JoinError(
            JoinFailure.WRONG_PASSWORD,
            "The access point wants a password of at least 8 characters; give its password.",
        )
    password_text(password)
    return KeyManagement.SAE if encryption is Encryption.WPA3 else KeyManagement.WPA_PSK


def password_text(password: bytes) -> str:
    """The password as D-Bus can carry it; raises JoinError for one that is no text."""
    try:
        text = password.decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise JoinError(
            JoinFailure.OTHER,
            "The password is not UTF-8 text, which NetworkManager cannot take; "
            "give the access point a password of ASCII characters.",
        )
    return text


def same_password(stored: str, password: bytes, ssid: bytes) -> bool:
    """Whether `password` is the one that a profile has `stored` for the access point `ssid`.

    Either of the two may be the 64 hex digits that follow from a password by PBKDF2 (IEEE
    802.11, annex J.4). That takes tens of milliseconds: call it in a thread.
    """
    given = password.decode("utf-8", "surrogateescape")
    if _equal(_bytes(stored), _bytes(given)):
        return True
    if not _HEX_KEY.fullmatch(stored) and not _HEX_KEY.fullmatch(given):
        return False
    return _equal(_key(stored, ssid), _key(given, ssid))


def _key(password: str, ssid: bytes) -> bytes:
    if _HEX_KEY.fullmatch(password):
        return bytes.fromhex(password)
    # Here, because hardly anybody joins with a key.
    import hashlib

    return hashlib.pbkdf2_hmac("sha1", _bytes(password), ssid, 4096, 32)


def _equal(one: bytes, other: bytes) -> bool:
    """Whether they are the same, in a time that does not tell where they differ.

    What `hmac` has for it brings OpenSSL with it.
    """
    difference = len(one) ^ len(other)
    for left, right in zip(one, other, strict=False):
        difference |= left ^ right
    return difference == 0


def _bytes(password: str) -> bytes:
    return password.encode("utf-8", "surrogateescape")
