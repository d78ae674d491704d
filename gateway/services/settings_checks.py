"""What can be stored: what the commands let through, and what they find in use on this machine.

Loaded with a stored file and before the first store: a start without one has no use for it.
"""

from __future__ import annotations

import ipaddress
import json
import re
from typing import NoReturn

from gateway.services.api import Address, Credentials, SoftApSettings
from gateway.services.api_ranges import (
    MOST_NAME_SERVERS,
    SOFTAP_CHANNELS,
    SOFTAP_CLIENTS,
    SOFTAP_ENCRYPTIONS,
    SOFTAP_PASSWORD_BYTES,
    SSID_BYTES,
    STATION_PASSWORD_BYTES,
    OutOfRange,
    is_password,
)
from gateway.services.api_settings import Settings

_LONGEST_SHOWN = 80
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_NO_MAC = "00:00:00:00:00:00"


def check(settings: Settings) -> None:
    """Raise ValueError for what no command stores: the key, what it is, what is allowed."""
    for name in ("station", "softap", "ethernet"):
        _check_address(f"{name}_address", getattr(settings, f"{name}_address"))
        _check_own_mac(f"{name}_mac", getattr(settings, f"{name}_mac"))
    if len(settings.dns) > MOST_NAME_SERVERS:
        raise ValueError(f"dns has {len(settings.dns)}, allowed are 0 to {MOST_NAME_SERVERS}")
    for number, server in enumerate(settings.dns):
        _check_ipv4(f"dns[{number}]", server)
    if settings.access_point is not None:
        _check_access_point(settings.access_point)
    if settings.softap is not None:
        _check_softap(settings.softap)


def shown(text: str) -> str:
    """A text out of a file as one line of the journal can hold it."""
    quoted = json.dumps(text)
    return quoted if len(quoted) <= _LONGEST_SHOWN else f"{quoted[: _LONGEST_SHOWN - 1]}…"


def _check_access_point(point: Credentials) -> None:
    _check_bytes("access_point.ssid", point.ssid, SSID_BYTES)
    _check_password("access_point.password", point.password, STATION_PASSWORD_BYTES)
    if point.bssid is not None and not _MAC.fullmatch(point.bssid):
        _refuse("access_point.bssid", point.bssid, 'is an address such as "02:a7:0d:5e:00:20"')


def _check_softap(softap: SoftApSettings) -> None:
    _check_bytes("softap.ssid", softap.ssid, SSID_BYTES)
    _check_password("softap.password", softap.password, SOFTAP_PASSWORD_BYTES)
    for name, value, (low, high) in (
        ("softap.channel", softap.channel, SOFTAP_CHANNELS),
        ("softap.max_clients", softap.max_clients, SOFTAP_CLIENTS),
    ):
        if not low <= value <= high:
            raise OutOfRange(name, value, f"{low} to {high}")
    if softap.encryption not in SOFTAP_ENCRYPTIONS:
        allowed = ", ".join(str(int(each)) for each in SOFTAP_ENCRYPTIONS)
        raise OutOfRange("softap.encryption", int(softap.encryption), allowed)


def _check_address(name: str, address: Address | None) -> None:
    if address is None:
        return
    _check_ipv4(f"{name}.ip", address.ip)
    # What was leased may have none.
    _check_ipv4(f"{name}.gateway", address.gateway, unspecified=True)
    _check_ipv4(f"{name}.netmask", address.netmask)
    inverse = ~int(ipaddress.IPv4Address(address.netmask)) & 0xFFFFFFFF
    if inverse & (inverse + 1):
        _refuse(f"{name}.netmask", address.netmask, 'is a network mask such as "255.255.255.0"')


def _check_ipv4(name: str, text: str, *, unspecified: bool = False) -> None:
    try:
        if int(ipaddress.IPv4Address(text)) or unspecified:
            return
    except ValueError:
        pass
    _refuse(name, text, 'is an address such as "192.168.4.1"')


def _check_own_mac(name: str, mac: str | None) -> None:
    """One that an interface can be given: of one station, and not all zeros."""
    if mac is None:
        return
    if not _MAC.fullmatch(mac) or int(mac[:2], 16) & 1 or mac == _NO_MAC:
        _refuse(name, mac, 'is an address of one station such as "02:a7:0d:5e:00:20"')


def _check_bytes(name: str, text: bytes, length: tuple[int, int]) -> None:
    low, high = length
    if not low <= len(text) <= high:
        raise ValueError(f"{name} has {len(text)} bytes, allowed are {low} to {high}")


def _check_password(name: str, password: bytes, length: tuple[int, int]) -> None:
    """The message repeats nothing of it."""
    _check_bytes(name, password, length)
    if not is_password(password):
        raise ValueError(f"{name} is neither empty, 8 to 63 bytes, nor 64 hex digits")


def _refuse(name: str, text: str, allowed: str) -> NoReturn:
    raise ValueError(f"{name} is {shown(text)}, allowed {allowed}")
