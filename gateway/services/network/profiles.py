"""Profiles for NetworkManager, made of what the microcontroller wants. Pure.

The settings and their types are those of nm-settings-dbus(5); all of them exist in
NetworkManager 1.42 and later. A profile that is made here carries a mark in its user data, by
which it can be told from the owner's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.records import Record
from gateway.services.api import (
    Address,
    Credentials,
    Encryption,
    Interface,
    SoftApSettings,
    Wanted,
    default_host_name,
)
from gateway.services.network.ip_settings import (
    Ipv4,
    ipv4_setting,
    ipv6_setting,
    softap_ipv4,
    with_asked,
)
from gateway.services.network.manager import Profile, Properties
from gateway.services.network.wifi_keys import (
    KeyManagement,
    password_text,
    same_password,
    which_security,
)

__all__ = [
    "MARK",
    "ORIGIN",
    "SOFTAP_ADDRESS",
    "Identity",
    "KeyManagement",
    "ethernet_profile",
    "identity_of",
    "is_marked",
    "is_name_of_softap",
    "same_password",
    "softap_profile",
    "station_profile",
    "which_security",
    "with_ipv4",
]

MARK: Final = "esp-at-gateway.interface"
"""The key in a profile's user data; its value is an `Interface`'s."""

SOFTAP_ADDRESS: Final = Address("192.168.4.1", "192.168.4.1", "255.255.255.0")
"""The SoftAP's address until AT+CIPAP sets another (contract, section 4)."""

_NAME: Final = "ESP gateway: "
_SOFTAP_NAME: Final = f"{_NAME}access point "

ORIGIN: Final = "org.freedesktop.NetworkManager.origin"
"""What NetworkManager.conf's `allowed-connections=origin:` matches (esp-at-gateway-ap0.service)."""

_PRIORITY: Final = -10
"""Below the owner's profiles, whose default is 0: theirs win when the gateway is gone."""

_LAST_CHANNEL_AT_2_4_GHZ: Final = 14
_PMF_DISABLE: Final = 1
_STORED_FOR_ALL: Final = 0

Setting = dict[str, tuple[str, Any]]


class Identity(Record):
    """By what a profile is known: to us by its UUID, to its reader in `nmcli` by its name."""

    uuid: str
    name: str


def identity_of(uuid: str, interface: Interface, ssid: bytes = b"") -> Identity:
    """The identity of a profile of ours; the SSID's bytes that are no text are escaped."""
    what = "Ethernet" if interface is Interface.ETHERNET else _printable(ssid)
    begins = _SOFTAP_NAME if interface is Interface.SOFTAP else _NAME
    return Identity(uuid, begins + what)


def is_name_of_softap(name: str) -> bool:
    """Whether a profile is named as a gateway names its access point's."""
    return name.startswith(_SOFTAP_NAME)


def _printable(ssid: bytes) -> str:
    text = ssid.decode("utf-8", "backslashreplace")
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def station_profile(
    identity: Identity,
    interface: str,
    credentials: Credentials,
    security: KeyManagement,
    wanted: Wanted,
    *,
    hidden: bool,
    autoconnect: bool,
    mac: str | None = None,
) -> Profile:
    """A profile that joins an access point.

    `hidden`: it must be asked for by name. `mac` is the hardware's, of which the DHCP host
    name is made when none was asked for. Raises JoinError for a password that is no text.
    """
    wireless: Setting = {
        "ssid": ("ay", credentials.ssid),
        "mode": ("s", "infrastructure"),
        "hidden": ("b", hidden),
        **_assigned_mac(wanted.station_mac),
    }
    if credentials.bssid is not None:
        wireless["bssid"] = ("ay", bytes.fromhex(credentials.bssid.replace(":", "")))
    profile = _profile(
        identity, "802-11-wireless", interface, Interface.STATION, autoconnect=autoconnect
    )
    profile["802-11-wireless"] = wireless
    if security is not KeyManagement.NONE:
        profile["802-11-wireless-security"] = _security(security, credentials.password)
    return profile | _addresses(Ipv4.of(wanted, Interface.STATION), wanted.station_mac or mac)


def ethernet_profile(
    identity: Identity,
    interface: str,
    wanted: Wanted,
    *,
    autoconnect: bool = True,
    mac: str | None = None,
) -> Profile:
    """A profile for the cable; `mac` as for `station_profile`."""
    profile = _profile(
        identity, "802-3-ethernet", interface, Interface.ETHERNET, autoconnect=autoconnect
    )
    profile["802-3-ethernet"] = _assigned_mac(wanted.ethernet_mac)
    return profile | _addresses(Ipv4.of(wanted, Interface.ETHERNET), wanted.ethernet_mac or mac)


def softap_profile(
    identity: Identity,
    interface: str,
    softap: SoftApSettings,
    wanted: Wanted,
    *,
    share_uplink: bool,
) -> Profile:
    """A profile that opens an access point, without autoconnect.

    Its clients get addresses by DHCP unless `wanted` has it off. They reach this machine, and
    nothing behind it unless `share_uplink`. Raises JoinError for a password that is no text.
    """
    profile = _profile(identity, "802-11-wireless", interface, Interface.SOFTAP, autoconnect=False)
    profile["802-11-wireless"] = {
        "ssid": ("ay", softap.ssid),
        "mode": ("s", "ap"),
        "band": ("s", "bg" if softap.channel <= _LAST_CHANNEL_AT_2_4_GHZ else "a"),
        "channel": ("u", softap.channel),
        "hidden": ("b", softap.hidden),
        **_assigned_mac(wanted.softap_mac),
    }
    if softap.password:
        profile["802-11-wireless-security"] = _softap_security(softap)
    address = wanted.softap_address or SOFTAP_ADDRESS
    profile["ipv4"] = softap_ipv4(
        address, interface, dhcp=wanted.softap_dhcp, share_uplink=share_uplink
    )
    profile["ipv6"] = {"method": ("s", "disabled")}
    return profile


def with_ipv4(
    profile: Profile, wanted: Wanted, which: Interface, *, owners: bool, mac: str | None = None
) -> Profile:
    """A live connection with the address, DNS servers and host name that are wanted.

    `profile` is what was applied before the first change. With `owners` the connection is
    the owner's: what was not asked for stays as the owner has it. Otherwise it is ours, and
    everything becomes as wanted; `mac` as for `station_profile`. For `Manager.reapply`, which
    touches no profile.
    """
    asked = Ipv4.of(wanted, which)
    return with_asked(profile, asked) if owners else {**profile, **_addresses(asked, mac)}


def is_marked(settings: Mapping[str, Properties]) -> bool:
    """Whether settings, as `Manager.profile_settings` gives them, are of a profile of ours.

    The mark alone is no proof, as an owner may have copied the profile: its UUID must be in
    our record as well.
    """
    data = settings.get("user", {}).get("data")
    return isinstance(data, Mapping) and MARK in data


def _profile(
    identity: Identity, kind: str, interface: str, which: Interface, *, autoconnect: bool
) -> dict[str, Setting]:
    return {
        "connection": {
            "id": ("s", identity.name),
            "uuid": ("s", identity.uuid),
            "type": ("s", kind),
            "interface-name": ("s", interface),
            "autoconnect": ("b", autoconnect),
            "autoconnect-priority": ("i", _PRIORITY),
        },
        "user": {"data": ("a{ss}", {MARK: which.value, ORIGIN: "esp-at-gateway"})},
    }


def _assigned_mac(mac: str | None) -> Setting:
    return {} if mac is None else {"assigned-mac-address": ("s", mac)}


def _addresses(asked: Ipv4, mac: str | None) -> dict[str, Setting]:
    default_name = None if mac is None else default_host_name(mac)
    return {"ipv4": ipv4_setting(asked, default_name), "ipv6": ipv6_setting(asked)}


def _security(security: KeyManagement, password: bytes) -> Setting:
    setting: Setting = {"key-mgmt": ("s", security.value)}
    if security in (KeyManagement.WPA_PSK, KeyManagement.SAE):
        setting["psk"] = ("s", password_text(password))
        setting["psk-flags"] = ("u", _STORED_FOR_ALL)
    return setting


def _softap_security(softap: SoftApSettings) -> Setting:
    """WPA2, and WPA as well where it was asked for (contract, section 4)."""
    with_wpa = softap.encryption in (Encryption.WPA, Encryption.WPA_WPA2)
    return {
        **_security(KeyManagement.WPA_PSK, softap.password),
        "proto": ("as", ["wpa", "rsn"] if with_wpa else ["rsn"]),
        # Left to itself NetworkManager offers TKIP to everybody.
        "pairwise": ("as", ["tkip", "ccmp"] if with_wpa else ["ccmp"]),
        "group": ("as", ["tkip"] if with_wpa else ["ccmp"]),
        # Protected management frames are what many a small client cannot do.
        "pmf": ("i", _PMF_DISABLE),
    }
