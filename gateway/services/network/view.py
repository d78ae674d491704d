"""What NetworkManager's mirror shows of devices, access points and addresses. Pure.

A property that is missing or of a wrong type counts as its default, so that nothing in here
raises, whatever comes over the bus. `objects` is `Manager.objects`; names of interfaces and
properties are those of NetworkManager's D-Bus reference.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any, Final, TypeVar, cast

from gateway.services.api import AccessPoint, Address, Encryption
from gateway.services.network import wifi_values
from gateway.services.network.manager import NM, NO_OBJECT, ROOT, DeviceState, Objects

DEVICE: Final = f"{NM}.Device"
WIRELESS: Final = f"{NM}.Device.Wireless"
WIRED: Final = f"{NM}.Device.Wired"
ACCESS_POINT: Final = f"{NM}.AccessPoint"
ACTIVE: Final = f"{NM}.Connection.Active"
CONNECTION: Final = f"{NM}.Settings.Connection"
IP4_CONFIG: Final = f"{NM}.IP4Config"

_MODE_ACCESS_POINT: Final = 3  # NM_802_11_MODE_AP

T = TypeVar("T")


class DeviceType(IntEnum):
    """NMDeviceType, as far as it is looked at."""

    UNKNOWN = 0
    ETHERNET = 1
    WIFI = 2


class ActiveState(IntEnum):
    """NMActiveConnectionState."""

    UNKNOWN = 0
    ACTIVATING = 1
    ACTIVATED = 2
    DEACTIVATING = 3
    DEACTIVATED = 4


def version(objects: Objects) -> str:
    """NetworkManager's version, empty if it is not known."""
    return _read(objects, ROOT, NM, "Version", "")


def starting_up(objects: Objects) -> bool:
    """Whether NetworkManager is still bringing up what it connects by itself at its start."""
    return _read(objects, ROOT, NM, "Startup", False)


def wireless_enabled(objects: Objects) -> bool:
    """Whether Wi-Fi is switched on in software; true unless it is known to be off."""
    return _read(objects, ROOT, NM, "WirelessEnabled", True)


def wireless_hardware_enabled(objects: Objects) -> bool:
    """Whether no rfkill switch holds Wi-Fi off; true unless it is known to be off."""
    return _read(objects, ROOT, NM, "WirelessHardwareEnabled", True)


def device(objects: Objects, interface: str) -> str | None:
    """The device that the kernel calls `interface`, such as "wlan0"; None without one."""
    for path, interfaces in objects.items():
        if DEVICE in interfaces and interfaces[DEVICE].get("Interface") == interface:
            return path
    return None


def devices(objects: Objects) -> dict[str, str]:
    """Every device by the kernel's name for it."""
    return {
        _read(objects, path, DEVICE, "Interface", ""): path
        for path, interfaces in objects.items()
        if DEVICE in interfaces
    }


def device_state(objects: Objects, device: str) -> int:
    """Its NMDeviceState, `DeviceState.UNKNOWN` if it is not known."""
    return _read(objects, device, DEVICE, "State", int(DeviceState.UNKNOWN))


def device_type(objects: Objects, device: str) -> int:
    """Its NMDeviceType, see `DeviceType`."""
    return _read(objects, device, DEVICE, "DeviceType", int(DeviceType.UNKNOWN))


def managed(objects: Objects, device: str) -> bool:
    """Whether NetworkManager manages it."""
    return _read(objects, device, DEVICE, "Managed", False)


def autoconnect(objects: Objects, device: str) -> bool:
    """Whether NetworkManager may connect it by itself."""
    return _read(objects, device, DEVICE, "Autoconnect", True)


def carrier(objects: Objects, device: str) -> bool:
    """Whether a cable with a signal is in it."""
    return _read(objects, device, WIRED, "Carrier", False)


def hardware_address(objects: Objects, device: str) -> str | None:
    """The MAC that it has now, lower case with colons; None if it is not known."""
    return _mac(objects, device, "HwAddress")


def permanent_hardware_address(objects: Objects, device: str) -> str | None:
    """The MAC that its maker gave it, likewise."""
    return _mac(objects, device, "PermHwAddress")


def own_address(objects: Objects, device: str) -> str | None:
    """The MAC that it has without anybody's asking for another, as far as it is known.

    While it is not connected a radio has a random one, to scan with.
    """
    return permanent_hardware_address(objects, device) or hardware_address(objects, device)


def _mac(objects: Objects, device: str, name: str) -> str | None:
    known = (_read(objects, device, where, name, "") for where in (DEVICE, WIRELESS, WIRED))
    return next((mac.lower() for mac in known if mac), None)


def active_connection(objects: Objects, device: str) -> str | None:
    """The active connection of a device, also one that is only coming or going."""
    return _path(objects, device, DEVICE, "ActiveConnection")


def profile_of(objects: Objects, active: str) -> str | None:
    """The profile (Settings.Connection) that an active connection runs by."""
    return _path(objects, active, ACTIVE, "Connection")


def active_uuid(objects: Objects, active: str) -> str:
    """The UUID of that profile, empty if it is not known."""
    return _read(objects, active, ACTIVE, "Uuid", "")


def active_name(objects: Objects, active: str) -> str:
    """The name of that profile, likewise."""
    return _read(objects, active, ACTIVE, "Id", "")


def active_state(objects: Objects, active: str) -> int:
    """The state of an active connection, see `ActiveState`."""
    return _read(objects, active, ACTIVE, "State", int(ActiveState.UNKNOWN))


def profiles(objects: Objects) -> list[str]:
    """Every profile that NetworkManager shows, whoever made it."""
    return [path for path, interfaces in objects.items() if CONNECTION in interfaces]


def is_on_disk(objects: Objects, profile: str) -> bool:
    """Whether a profile outlives a reboot; those in memory are files below /run.

    There netplan puts those that it keeps as well, and makes them anew at a reboot.
    """
    filename = _read(objects, profile, CONNECTION, "Filename", "")
    if "/netplan-" in filename:
        return True
    unsaved = _read(objects, profile, CONNECTION, "Unsaved", False)
    return filename != "" and not filename.startswith("/run/") and not unsaved


def available_profiles(objects: Objects, device: str) -> list[str]:
    """The profiles that a device could be activated with now, in no order."""
    return _paths(objects, device, DEVICE, "AvailableConnections")


def access_points(objects: Objects, device: str) -> list[tuple[str, AccessPoint]]:
    """The access points that a device sees, each with its path; a hidden one has no SSID."""
    paths = _paths(objects, device, WIRELESS, "AccessPoints")
    seen = ((path, access_point(objects, path)) for path in paths)
    return [(path, point) for path, point in seen if point is not None]


def active_access_point(objects: Objects, device: str) -> AccessPoint | None:
    """The access point that a device is associated with."""
    path = _path(objects, device, WIRELESS, "ActiveAccessPoint")
    return None if path is None else access_point(objects, path)


def access_point(objects: Objects, path: str) -> AccessPoint | None:
    """One access point; None if there is no such object. Its modes are not known: 0."""
    if ACCESS_POINT not in objects.get(path, {}):
        return None

    def number(name: str) -> int:
        return _read(objects, path, ACCESS_POINT, name, 0)

    flags, wpa, rsn = number("Flags"), number("WpaFlags"), number("RsnFlags")
    pairwise, group = wifi_values.ciphers(wpa, rsn)
    return AccessPoint(
        ssid=_read(objects, path, ACCESS_POINT, "Ssid", b""),
        bssid=_read(objects, path, ACCESS_POINT, "HwAddress", "").lower(),
        channel=wifi_values.channel(number("Frequency")),
        rssi=wifi_values.rssi(number("Strength")),
        encryption=wifi_values.encryption(flags, wpa, rsn),
        pairwise=pairwise,
        group=group,
        wps=wifi_values.wps(flags),
    )


def is_enhanced_open(point: AccessPoint) -> bool:
    """Whether an access point without password encrypts all the same (OWE)."""
    return point.encryption is Encryption.OPEN and point.pairwise != 0


def last_seen(objects: Objects, path: str) -> int:
    """When an access point was last heard: seconds since boot (CLOCK_BOOTTIME), -1 never."""
    return _read(objects, path, ACCESS_POINT, "LastSeen", -1)


def is_access_point(objects: Objects, device: str) -> bool:
    """Whether a device is an access point itself, rather than a station (NM80211Mode)."""
    return _read(objects, device, WIRELESS, "Mode", 0) == _MODE_ACCESS_POINT


def last_scan(objects: Objects, device: str) -> int:
    """When the last scan ended: milliseconds since boot (CLOCK_BOOTTIME), -1 never."""
    return _read(objects, device, WIRELESS, "LastScan", -1)


def address(objects: Objects, device: str) -> Address | None:
    """The first IPv4 address of a device; without a gateway that one is 0.0.0.0."""
    path = _path(objects, device, DEVICE, "Ip4Config")
    if path is None:
        return None
    gateway = _ipv4(_read(objects, path, IP4_CONFIG, "Gateway", "")) or "0.0.0.0"
    for entry in _dictionaries(objects, path, "AddressData"):
        ip, prefix = _ipv4(entry.get("address")), entry.get("prefix")
        if ip is not None and type(prefix) is int and 0 <= prefix <= 32:
            return Address(ip, gateway, netmask(prefix))
    return None


def netmask(prefix: int) -> str:
    """The mask of a prefix of 0 to 32 bits, dotted decimal."""
    mask = 0xFFFFFFFF << (32 - prefix) & 0xFFFFFFFF
    return socket.inet_ntoa(mask.to_bytes(4, "big"))


def name_servers(objects: Objects, device: str) -> tuple[str, ...]:
    """The IPv4 name servers of a device, in their order."""
    path = _path(objects, device, DEVICE, "Ip4Config")
    if path is None:
        return ()
    known = [
        _ipv4(entry.get("address")) for entry in _dictionaries(objects, path, "NameserverData")
    ]
    if not known:
        numbers = _list(objects, path, IP4_CONFIG, "Nameservers")
        known = [_from_number(number) for number in numbers]
    return tuple(server for server in known if server is not None)


def _from_number(number: Any) -> str | None:
    # in network byte order, so that its bytes in memory are the address
    if type(number) is not int or not 0 <= number <= 0xFFFFFFFF:
        return None
    return socket.inet_ntoa(number.to_bytes(4, sys.byteorder))


def _ipv4(text: Any) -> str | None:
    try:
        return socket.inet_ntoa(socket.inet_pton(socket.AF_INET, text))
    except (OSError, TypeError, ValueError):
        return None


def _read(objects: Objects, path: str, interface: str, name: str, default: T) -> T:
    """A property if it is of the default's type; a switch is no number."""
    value: Any = objects.get(path, {}).get(interface, {}).get(name)
    fits = isinstance(value, type(default)) and isinstance(value, bool) == isinstance(default, bool)
    return cast(T, value) if fits else default


def _list(objects: Objects, path: str, interface: str, name: str) -> Sequence[Any]:
    value = objects.get(path, {}).get(interface, {}).get(name)
    return value if isinstance(value, list | tuple) else ()


def _path(objects: Objects, path: str, interface: str, name: str) -> str | None:
    found = _read(objects, path, interface, name, NO_OBJECT)
    return None if found in (NO_OBJECT, "") else found


def _paths(objects: Objects, path: str, interface: str, name: str) -> list[str]:
    return [one for one in _list(objects, path, interface, name) if isinstance(one, str)]


def _dictionaries(objects: Objects, path: str, name: str) -> list[Mapping[str, Any]]:
    return [one for one in _list(objects, path, IP4_CONFIG, name) if isinstance(one, Mapping)]
