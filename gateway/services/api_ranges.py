"""What values can be: for the arguments of commands, and for what a file says was stored."""

from __future__ import annotations

from gateway.services.api import Encryption

# the least and the most of each
SSID_BYTES = (1, 32)
STATION_PASSWORD_BYTES = (0, 64)
SOFTAP_PASSWORD_BYTES = (0, 63)
SOFTAP_CHANNELS = (1, 13)
SOFTAP_CLIENTS = (1, 8)
MOST_NAME_SERVERS = 2
SOFTAP_ENCRYPTIONS = (Encryption.OPEN, Encryption.WPA, Encryption.WPA2, Encryption.WPA_WPA2)


class OutOfRange(ValueError):
    """A number that cannot be. The message names it, and says what is allowed."""

    def __init__(self, name: str, value: int, allowed: str) -> None:
        # Python writes no number of thousands of digits, and no journal wants one.
        shown = value if abs(value) < 1 << 64 else "a number of over 64 bits"
        super().__init__(f"{name} is {shown}, allowed are {allowed}")


def is_password(password: bytes) -> bool:
    """Whether it can be one of WPA's: 8 to 63 bytes, or 64 hex digits; empty is none at all."""
    if len(password) == 64:
        return not password.strip(b"0123456789ABCDEFabcdef")
    return not password or 8 <= len(password) <= 63
