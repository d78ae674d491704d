"""What is read from NetworkManager's mirror, and that nothing in it can upset the reader."""

from __future__ import annotations

import itertools
import socket
import sys
from collections.abc import Callable
from typing import Any

import pytest

from gateway.services.api import AccessPoint, Address, Encryption
from gateway.services.network import view
from gateway.services.network.manager import NM, ROOT, DeviceState, Objects
from gateway.services.network.view import (
    ACCESS_POINT,
    ACTIVE,
    CONNECTION,
    DEVICE,
    IP4_CONFIG,
    WIRED,
    WIRELESS,
)

WLAN, ETH, POINT, HIDDEN = "/devices/1", "/devices/2", "/points/1", "/points/2"
RUNNING, PROFILE, IP4 = "/actives/1", "/profiles/1", "/ip4/1"


def number_of(address: str) -> int:
    return int.from_bytes(socket.inet_aton(address), sys.byteorder)


OBJECTS: dict[str, dict[str, dict[str, Any]]] = {
    ROOT: {
        NM: {
            "Version": "1.52.1",
            "Startup": True,
            "WirelessEnabled": True,
            "WirelessHardwareEnabled": False,
        }
    },
    WLAN: {
        DEVICE: {
            "Interface": "wlan0",
            "State": 100,
            "DeviceType": 2,
            "Managed": True,
            "Autoconnect": False,
            "HwAddress": "B8:27:EB:00:00:01",
            "ActiveConnection": RUNNING,
            "Ip4Config": IP4,
            "AvailableConnections": [PROFILE],
        },
        WIRELESS: {
            "HwAddress": "B8:27:EB:00:00:09",
            "PermHwAddress": "B8:27:EB:00:00:02",
            "AccessPoints": [POINT, "/gone", HIDDEN],
            "ActiveAccessPoint": POINT,
            "LastScan": 123456,
            "Mode": 2,
        },
    },
    ETH: {
        DEVICE: {"Interface": "eth0", "State": 30, "ActiveConnection": "/", "Ip4Config": "/"},
        WIRED: {"HwAddress": "B8:27:EB:00:00:03", "Carrier": True},
    },
    POINT: {
        ACCESS_POINT: {
            "Ssid": b"caf\xc3\xa9",
            "HwAddress": "06:00:AB:CD:EF:01",
            "Frequency": 5180,
            "Strength": 87,
            "Flags": 3,
            "WpaFlags": 0,
            "RsnFlags": 0x188,
            "LastSeen": 77,
        }
    },
    HIDDEN: {ACCESS_POINT: {"Ssid": b"", "HwAddress": "06:00:AB:CD:EF:02", "RsnFlags": 0x888}},
    RUNNING: {ACTIVE: {"Connection": PROFILE, "Uuid": "u-1", "State": 2}},
    PROFILE: {CONNECTION: {"Unsaved": False, "Filename": "/etc/NetworkManager/a.nmconnection"}},
    IP4: {
        IP4_CONFIG: {
            "AddressData": [
                {"address": "192.168.7.23", "prefix": 20},
                {"address": "10.0.0.1", "prefix": 8},
            ],
            "Gateway": "192.168.7.1",
            "NameserverData": [{"address": "9.9.9.9"}, {"address": "1.1.1.1"}],
            "Nameservers": [number_of("8.8.8.8")],
        }
    },
}


def changed(path: str, interface: str, **properties: Any) -> Objects:
    """OBJECTS with other properties; a value of Ellipsis takes one away."""
    known = {**OBJECTS[path][interface], **properties}
    kept = {name: value for name, value in known.items() if value is not ...}
    return {**OBJECTS, path: {**OBJECTS[path], interface: kept}}


def test_networkmanager_itself() -> None:
    assert view.version(OBJECTS) == "1.52.1"
    assert view.starting_up(OBJECTS)
    assert not view.starting_up({})
    assert view.wireless_enabled(OBJECTS)
    assert not view.wireless_hardware_enabled(OBJECTS)


def test_a_device() -> None:
    assert view.device(OBJECTS, "wlan0") == WLAN
    assert view.device(OBJECTS, "wlan1") is None
    assert view.devices(OBJECTS) == {"wlan0": WLAN, "eth0": ETH}
    assert view.device_state(OBJECTS, WLAN) == DeviceState.ACTIVATED
    assert view.device_type(OBJECTS, WLAN) == view.DeviceType.WIFI
    assert view.managed(OBJECTS, WLAN)
    assert not view.autoconnect(OBJECTS, WLAN)
    assert view.carrier(OBJECTS, ETH)
    assert not view.carrier(OBJECTS, WLAN)
    assert not view.is_access_point(OBJECTS, WLAN)
    assert view.is_access_point(changed(WLAN, WIRELESS, Mode=3), WLAN)
    assert view.available_profiles(OBJECTS, WLAN) == [PROFILE]
    assert view.last_scan(OBJECTS, WLAN) == 123456


def test_a_mac_is_looked_for_where_any_version_has_it() -> None:
    assert view.hardware_address(OBJECTS, WLAN) == "b8:27:eb:00:00:01"
    assert view.hardware_address(OBJECTS, ETH) == "b8:27:eb:00:00:03"
    assert view.permanent_hardware_address(OBJECTS, WLAN) == "b8:27:eb:00:00:02"
    # a veth has none
    assert view.permanent_hardware_address(OBJECTS, ETH) is None


def test_an_active_connection() -> None:
    assert view.active_connection(OBJECTS, WLAN) == RUNNING
    assert view.active_connection(OBJECTS, ETH) is None
    assert view.profile_of(OBJECTS, RUNNING) == PROFILE
    assert view.active_uuid(OBJECTS, RUNNING) == "u-1"
    assert view.active_state(OBJECTS, RUNNING) == view.ActiveState.ACTIVATED


@pytest.mark.parametrize(
    ("properties", "on_disk"),
    [
        ({"Filename": "/etc/NetworkManager/system-connections/a.nmconnection"}, True),
        ({"Filename": "/run/NetworkManager/system-connections/a", "Unsaved": True}, False),
        ({"Filename": "/run/NetworkManager/system-connections/a"}, False),
        ({"Filename": ""}, False),
        ({"Unsaved": True}, False),
        ({"Filename": "/run/NetworkManager/system-connections/netplan-NM-a"}, True),
    ],
)
def test_a_profile_on_disk(properties: dict[str, Any], on_disk: bool) -> None:
    assert view.profiles(OBJECTS) == [PROFILE]
    assert view.is_on_disk(changed(PROFILE, CONNECTION, **properties), PROFILE) is on_disk


def test_access_points() -> None:
    known = AccessPoint(
        "café".encode(), "06:00:ab:cd:ef:01", 36, -48, Encryption.WPA2, pairwise=4, group=4, wps=1
    )
    hidden = AccessPoint(b"", "06:00:ab:cd:ef:02", 0, -100, Encryption.OPEN, pairwise=4, group=4)
    assert view.access_points(OBJECTS, WLAN) == [(POINT, known), (HIDDEN, hidden)]
    assert view.active_access_point(OBJECTS, WLAN) == known
    assert view.active_access_point(changed(WLAN, WIRELESS, ActiveAccessPoint="/"), WLAN) is None
    assert view.last_seen(OBJECTS, POINT) == 77
    assert not view.is_enhanced_open(known)
    assert view.is_enhanced_open(hidden)


def test_addresses() -> None:
    assert view.address(OBJECTS, WLAN) == Address("192.168.7.23", "192.168.7.1", "255.255.240.0")
    assert view.address(OBJECTS, ETH) is None
    without = changed(IP4, IP4_CONFIG, Gateway="")
    assert view.address(without, WLAN) == Address("192.168.7.23", "0.0.0.0", "255.255.240.0")
    assert view.address(changed(IP4, IP4_CONFIG, AddressData=[]), WLAN) is None


@pytest.mark.parametrize(
    ("prefix", "mask"),
    [(0, "0.0.0.0"), (1, "128.0.0.0"), (24, "255.255.255.0"), (32, "255." * 3 + "255")],
)
def test_a_netmask(prefix: int, mask: str) -> None:
    assert view.netmask(prefix) == mask


def test_name_servers() -> None:
    assert view.name_servers(OBJECTS, WLAN) == ("9.9.9.9", "1.1.1.1")
    assert view.name_servers(OBJECTS, ETH) == ()
    old = changed(IP4, IP4_CONFIG, NameserverData=...)
    assert view.name_servers(old, WLAN) == ("8.8.8.8",)


READERS: dict[str, Callable[[Objects], object]] = {
    "version": view.version,
    "starting_up": view.starting_up,
    "wireless_enabled": view.wireless_enabled,
    "wireless_hardware_enabled": view.wireless_hardware_enabled,
    "device": lambda objects: view.device(objects, "wlan0"),
    "devices": view.devices,
    "device_state": lambda objects: view.device_state(objects, WLAN),
    "device_type": lambda objects: view.device_type(objects, WLAN),
    "managed": lambda objects: view.managed(objects, WLAN),
    "autoconnect": lambda objects: view.autoconnect(objects, WLAN),
    "carrier": lambda objects: view.carrier(objects, ETH),
    "hardware_address": lambda objects: view.hardware_address(objects, WLAN),
    "permanent": lambda objects: view.permanent_hardware_address(objects, WLAN),
    "is_access_point": lambda objects: view.is_access_point(objects, WLAN),
    "active_connection": lambda objects: view.active_connection(objects, WLAN),
    "profile_of": lambda objects: view.profile_of(objects, RUNNING),
    "active_uuid": lambda objects: view.active_uuid(objects, RUNNING),
    "active_state": lambda objects: view.active_state(objects, RUNNING),
    "is_on_disk": lambda objects: view.is_on_disk(objects, PROFILE),
    "available_profiles": lambda objects: view.available_profiles(objects, WLAN),
    "access_points": lambda objects: view.access_points(objects, WLAN),
    "active_access_point": lambda objects: view.active_access_point(objects, WLAN),
    "last_seen": lambda objects: view.last_seen(objects, POINT),
    "last_scan": lambda objects: view.last_scan(objects, WLAN),
    "address": lambda objects: view.address(objects, WLAN),
    "name_servers": lambda objects: view.name_servers(objects, WLAN),
}

RUBBISH: list[Any] = [
    ...,
    None,
    True,
    -1,
    2**70,
    1.5,
    "rubbish",
    "1.2.3",
    "\0",
    b"\xff",
    [],
    {},
    [None, 7, "x", b"", {}],
    [{"address": 5, "prefix": 24}, {"address": "1.2.3.4", "prefix": 33}, {"address": "::1"}],
    [{"address": "1.2.3.4", "prefix": True}],
    [-1, 2**32, None],
]

PLACES = [
    (path, interface, name)
    for path, interfaces in OBJECTS.items()
    for interface, properties in interfaces.items()
    for name in properties
]


@pytest.mark.parametrize(("path", "interface", "name"), PLACES)
def test_rubbish_in_a_property_is_never_an_error(path: str, interface: str, name: str) -> None:
    for rubbish, reader in itertools.product(RUBBISH, READERS.values()):
        reader(changed(path, interface, **{name: rubbish}))


def test_rubbish_counts_as_the_default() -> None:
    assert view.device_state(changed(WLAN, DEVICE, State=True), WLAN) == DeviceState.UNKNOWN
    assert view.autoconnect(changed(WLAN, DEVICE, Autoconnect=0), WLAN)
    assert view.access_points(changed(WLAN, WIRELESS, AccessPoints=7), WLAN) == []
    assert view.address(changed(IP4, IP4_CONFIG, AddressData=[{"address": "x"}]), WLAN) is None
    servers = [{"address": "dns+tls://9.9.9.9"}, {"address": "9.9.9.9"}]
    assert view.name_servers(changed(IP4, IP4_CONFIG, NameserverData=servers), WLAN) == ("9.9.9.9",)


@pytest.mark.parametrize("name", READERS)
def test_an_absent_networkmanager_shows_nothing(name: str) -> None:
    READERS[name]({})
    assert view.device({}, "wlan0") is None
    assert view.address({}, WLAN) is None
    assert view.access_points({}, WLAN) == []
