"""Profiles as a made-up NetworkManager keeps them: strict at their door, silent about secrets."""

from __future__ import annotations

import re
import socket
import sys
import uuid as uuids
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.services.network.manager import NM, ManagerError, Profile, Properties
from tests.services.fake_air import Lease

WIRELESS: Final = "802-11-wireless"
WIRED: Final = "802-3-ethernet"
SECURITY: Final = "802-11-wireless-security"
NO_ADDRESS: Final[dict[str, Any]] = {"AddressData": [], "Gateway": "", "NameserverData": []}

_SECRETS = {SECURITY: {"psk", "wep-key0", "leap-password"}}
_DEFAULTS: dict[tuple[str, str], Any] = {
    ("connection", "autoconnect"): True,
    ("connection", "autoconnect-priority"): 0,
}
_TYPES: dict[str, type | tuple[type, ...]] = {
    "b": bool,
    "s": str,
    "o": str,
    "ay": bytes,
    "y": int,
    "n": int,
    "q": int,
    "i": int,
    "u": int,
    "x": int,
    "t": int,
}


def refusal(name: str, message: str) -> ManagerError:
    """An error as the adapter would give it."""
    return ManagerError(f"NetworkManager refused: {message}", f"{NM}.{name}")


@dataclass
class FakeProfile:
    """A profile that NetworkManager knows, secrets included."""

    path: str
    settings: Profile
    on_disk: bool

    def value(self, setting: str, key: str, default: Any = None) -> Any:
        """One value, without its signature."""
        fallback = _DEFAULTS.get((setting, key), default)
        return self.settings.get(setting, {}).get(key, ("", fallback))[1]

    @property
    def uuid(self) -> str:
        """What it is known by."""
        return str(self.value("connection", "uuid"))

    @property
    def name(self) -> str:
        """What a user calls it."""
        return str(self.value("connection", "id"))

    @property
    def ssid(self) -> bytes:
        """The network it joins, or opens."""
        return bytes(self.value(WIRELESS, "ssid", b""))

    @property
    def bssid(self) -> str:
        """The one access point that it wants, empty if any will do."""
        return ":".join(f"{byte:02X}" for byte in self.value(WIRELESS, "bssid", b""))

    @property
    def opens_access_point(self) -> bool:
        """Whether it is one for a SoftAP."""
        return bool(self.value(WIRELESS, "mode", "infrastructure") == "ap")

    @property
    def password(self) -> bytes:
        """Its pre-shared key or SAE password."""
        return str(self.value(SECURITY, "psk", "")).encode()

    def fits(self, interface: str, kind: str) -> bool:
        """Whether a device of that name and type can run it."""
        wanted = self.value("connection", "interface-name", interface)
        return bool(wanted == interface and self.value("connection", "type") == kind)

    def properties(self) -> dict[str, Any]:
        """Those of its Settings.Connection object."""
        folder = "/etc" if self.on_disk else "/run"
        return {
            "Unsaved": not self.on_disk,
            "Flags": 0 if self.on_disk else 1,
            "Filename": f"{folder}/NetworkManager/system-connections/{self.name}.nmconnection",
        }

    def shown(self) -> Profile:
        """The settings without secrets and, as NetworkManager does it, without defaults."""
        shown: dict[str, dict[str, tuple[str, Any]]] = {
            setting: {
                key: pair
                for key, pair in keys.items()
                if key not in _SECRETS.get(setting, set())
                and not ((setting, key) in _DEFAULTS and pair[1] == _DEFAULTS[setting, key])
            }
            for setting, keys in self.settings.items()
        }
        for keys in shown.values():
            if "assigned-mac-address" in keys:
                mac = bytes.fromhex(keys["assigned-mac-address"][1].replace(":", ""))
                keys["cloned-mac-address"] = ("ay", mac)
        return shown

    def secrets(self, setting: str) -> Mapping[str, Properties]:
        """The secrets of one setting."""
        if setting not in self.settings:
            raise refusal("Settings.Connection.SettingNotFound", f"there is no setting {setting}")
        known = _SECRETS.get(setting, set())
        keys = self.settings[setting].items()
        return {setting: {key: unwrapped(pair[1]) for key, pair in keys if key in known}}


def check(profile: Profile) -> None:
    """What AddConnection2 refuses: missing parts, wrong types, impossible keys."""
    for setting, keys in profile.items():
        for key, (signature, value) in keys.items():
            _check_type(f"{setting}.{key}", signature, value)
    connection = profile.get("connection", {})
    for key in ("id", "uuid", "type"):
        if not connection.get(key, ("s", ""))[1]:
            raise _invalid("MissingProperty", f"connection.{key}", "is missing")
    try:
        uuids.UUID(connection["uuid"][1])
    except ValueError:
        raise _invalid("InvalidProperty", "connection.uuid", "is no UUID") from None
    if connection["type"][1] == WIRELESS and not 1 <= len(_ssid(profile)) <= 32:
        raise _invalid("InvalidProperty", f"{WIRELESS}.ssid", "has a wrong length")
    for name in profile.get("user", {}).get("data", ("a{ss}", {}))[1]:
        if not re.fullmatch(r"[A-Za-z0-9_+/-]+(\.[A-Za-z0-9_+/-]+)+", name):
            raise _invalid("InvalidProperty", "user.data", "has an invalid key")
    security = profile.get(SECURITY, {})
    key, manner = security.get("psk", ("s", ""))[1], security.get("key-mgmt", ("s", ""))[1]
    if manner == "wpa-psk" and not re.fullmatch(r".{8,63}|[0-9a-fA-F]{64}", key, re.DOTALL):
        raise _invalid("InvalidProperty", f"{SECURITY}.psk", "is no key")


def _ssid(profile: Profile) -> bytes:
    return bytes(profile.get(WIRELESS, {}).get("ssid", ("ay", b""))[1])


def _invalid(error: str, what: str, why: str) -> ManagerError:
    return refusal(f"Settings.Connection.{error}", f"{what} {why}")


def _check_type(what: str, signature: str, value: Any) -> None:
    expected = _TYPES.get(signature)
    if expected is None:
        expected = dict if signature.startswith("a{") else list
    if not isinstance(value, expected) or (isinstance(value, bool) and signature != "b"):
        raise _invalid("InvalidProperty", what, f"is no {signature}")
    if signature == "aa{sv}":
        entries: Any = value
        for entry in entries:
            for key, (inner, part) in entry.items():
                _check_type(f"{what}.{key}", inner, part)


def unwrapped(value: Any) -> Any:
    """A value whose variants are gone."""
    if isinstance(value, list):
        return [unwrapped(part) for part in value]
    if isinstance(value, dict):
        return {
            key: unwrapped(part[1] if isinstance(part, tuple) else part)
            for key, part in value.items()
        }
    return value


def shown_unwrapped(profile: FakeProfile) -> Mapping[str, Properties]:
    """What GetSettings answers."""
    return {
        setting: {key: unwrapped(pair[1]) for key, pair in keys.items()}
        for setting, keys in profile.shown().items()
    }


def with_old_keys(profile: Profile) -> Profile:
    """As GetAppliedConnection shows it: addresses and servers in the old form as well."""
    ipv4 = dict(profile.get("ipv4", {}))
    plain = unwrapped(dict(ipv4))
    entries = [
        [_number(entry["address"]), entry["prefix"], _number(plain.get("gateway", "0.0.0.0"))]
        for entry in plain.get("address-data", [])
    ]
    ipv4["addresses"] = ("aau", entries)
    ipv4["routes"] = ("aau", [])
    ipv4["dns"] = ("au", [_number(server) for server in _servers(plain)])
    return {**profile, "ipv4": ipv4}


def without_old_keys(profile: Profile) -> Profile:
    """As Reapply takes it, seen with 1.42: where both forms are given the old one counts."""
    ipv4 = dict(profile.get("ipv4", {}))
    old = ipv4.pop("addresses", None)
    if old is not None:
        ipv4["address-data"] = (
            "aa{sv}",
            [
                {"address": ("s", _text(address)), "prefix": ("u", prefix)}
                for address, prefix, _gateway in old[1]
            ],
        )
    dns = ipv4.pop("dns", None)
    if dns is not None:
        ipv4["dns-data"] = ("as", [_text(server) for server in dns[1]])
    ipv4.pop("routes", None)
    return {**profile, "ipv4": ipv4}


def _number(address: str) -> int:
    return int.from_bytes(socket.inet_aton(address), sys.byteorder)


def _text(number: int) -> str:
    return socket.inet_ntoa(number.to_bytes(4, sys.byteorder))


def addresses(profile: Profile, leased: Lease | None) -> dict[str, Any] | None:
    """The properties of the IP4Config that a profile leads to; None if it gets no address."""
    ipv4 = {key: unwrapped(pair[1]) for key, pair in profile.get("ipv4", {}).items()}
    method = ipv4.get("method", "auto")
    fixed = [dict(entry) for entry in ipv4.get("address-data", [])]
    gateway, servers = ipv4.get("gateway", ""), _servers(ipv4)
    if method == "shared" and not fixed:
        fixed = [{"address": "10.42.0.1", "prefix": 24}]
    if method == "auto":
        if leased is None:
            return None
        fixed.insert(0, {"address": leased.ip, "prefix": 24})
        gateway = gateway or leased.gateway
        servers += [] if ipv4.get("ignore-auto-dns", False) else list(leased.dns)
    return {
        "AddressData": fixed,
        "Gateway": gateway,
        "NameserverData": [{"address": server} for server in servers],
    }


def _servers(ipv4: Properties) -> list[str]:
    if "dns-data" in ipv4:
        return list(ipv4["dns-data"])
    return [_text(number) for number in ipv4.get("dns", [])]
