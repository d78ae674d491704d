"""The Wi-Fi station: modes, joining, scanning, addresses (contract, section 3)."""

from __future__ import annotations

import logging
import re
from typing import Any

from gateway.at import messages
from gateway.at.errors import ATError
from gateway.at.params import HostLabel, Integer, IPv4, MacAddress, Netmask, Switch, Text
from gateway.at.table import Commands
from gateway.commands.call import Call, address_from
from gateway.services.api import (
    NO_ADDRESS,
    AccessPoint,
    Credentials,
    Interface,
    JoinError,
)
from gateway.services.api_settings import SettingsError

commands = Commands()
logger = logging.getLogger("gateway.network")

_ADDRESS = (
    IPv4("ip"),
    IPv4("gateway", unspecified=True, optional=True),
    Netmask(optional=True),
)
_HEX_KEY = re.compile(rb"[0-9A-Fa-f]{64}")


def require_station(call: Call) -> None:
    """Raise ATError while the Wi-Fi mode has no station."""
    if not call.gateway.settings.in_force.has_station:
        raise ATError(cause="the Wi-Fi mode has no station; AT+CWMODE=1 or 3 gives one")


def check_password(password: bytes) -> None:
    """Raise ATError for what WPA cannot take: it needs 8 to 63 bytes, or 64 hex digits."""
    if password and not 8 <= len(password) <= 63 and not _HEX_KEY.fullmatch(password):
        raise ATError(cause="the password is neither empty, 8 to 63 bytes, nor 64 hex digits")


def printable(ssid: bytes) -> str:
    """An SSID as a journal line can hold it."""
    return ascii(ssid.decode("utf-8", "backslashreplace"))


@commands.on("AT+CWMODE?", scoped=True)
async def query_mode(call: Call) -> bytes:
    """Show the Wi-Fi mode."""
    return messages.value(call.prefix, call.settings.values.mode)


@commands.on("AT+CWMODE=", Integer("mode", 0, 3), scoped=True)
async def set_mode(call: Call, mode: int) -> None:
    """Choose station (1), SoftAP (2) or both (3)."""
    await call.settings.change(mode=mode or 1)
    values = call.gateway.settings.in_force
    if not values.has_station:
        call.gateway.announcements.close_over(Interface.STATION)
    if not values.has_softap:
        call.gateway.announcements.close_over(Interface.SOFTAP)
    call.gateway.apply_network()


@commands.on("AT+CWJAP?", scoped=True)
async def query_access_point(call: Call) -> bytes:
    """Show the access point that is joined."""
    require_station(call)
    joined = call.gateway.network.station.access_point
    if joined is None:
        return messages.NO_AP
    return messages.joined(call.prefix, joined.ssid, joined.bssid, joined.channel, joined.rssi)


@commands.on(
    "AT+CWJAP=",
    Text("ssid", 1, 32),
    Text("password", 0, 64),
    MacAddress("bssid", unicast=False, optional=True),
    Integer("pci", 0, 1, optional=True),
    scoped=True,
)
async def join(call: Call, ssid: bytes, password: bytes, bssid: str | None, pci: int) -> bytes:
    """Join an access point."""
    require_station(call)
    check_password(password)
    gateway = call.gateway
    credentials = Credentials(ssid, password, bssid)
    gateway.announcements.close_over(Interface.STATION)
    try:
        await gateway.network.join(credentials, keep=call.settings.stores)
    except JoinError as error:
        raise ATError(
            "", f"+CWJAP:{error.failure.value}", final="FAIL", cause=error.detail
        ) from None
    logger.info("joined %s", printable(ssid))
    try:
        await call.settings.change(access_point=credentials)
    except SettingsError as error:
        raise ATError("WIFI GOT IP", cause=f"joined, but {error}") from None
    return messages.JOINED


@commands.on(
    "AT+CWLAPOPT=",
    Switch("sort by RSSI"),
    Integer("mask", 0, 2047),
    Integer("least RSSI", -100, 40, optional=True, default=-100),
    Integer("encryption mask", 0, 0xFFFF, optional=True, default=0xFFFF),
)
async def set_scan_options(call: Call, sort: bool, mask: int, rssi: int, modes: int) -> None:
    """Choose the order, fields and filters of AT+CWLAP."""
    volatile = call.volatile
    volatile.scan_sorted, volatile.scan_mask = sort, mask
    volatile.scan_rssi, volatile.scan_modes = rssi, modes


@commands.on("AT+CWLAP")
async def scan(call: Call) -> bytes:
    """List the access points in reach."""
    return await _scan(call, None, None, None)


@commands.on(
    "AT+CWLAP=",
    Text("ssid", 0, 32, optional=True),
    MacAddress("bssid", unicast=False, optional=True),
    Integer("channel", 1, 196, optional=True),
)
async def scan_for(call: Call, ssid: bytes | None, bssid: str | None, channel: int | None) -> bytes:
    """List the access points of one name, BSSID or channel."""
    return await _scan(call, ssid or None, bssid, channel)


async def _scan(call: Call, ssid: bytes | None, bssid: str | None, channel: int | None) -> bytes:
    require_station(call)
    volatile = call.volatile
    found = [
        point
        for point in await call.gateway.network.scan(ssid)
        if point.ssid.strip(b"\0")
        and (ssid is None or point.ssid == ssid)
        and (bssid is None or point.bssid == bssid)
        and (channel is None or point.channel == channel)
        and point.rssi >= volatile.scan_rssi
        and volatile.scan_modes >> point.encryption & 1
    ]
    if volatile.scan_sorted:
        found.sort(key=lambda point: point.rssi, reverse=True)
    return messages.answer(
        *[messages.access_point(_fields(point), volatile.scan_mask) for point in found]
    )


def _fields(point: AccessPoint) -> list[int | str | bytes]:
    """The fields in the order of AT+CWLAPOPT's mask; frequency offsets are not known."""
    return [
        int(point.encryption),
        point.ssid,
        point.rssi,
        point.bssid,
        point.channel,
        0,
        0,
        point.pairwise,
        point.group,
        point.modes,
        point.wps,
    ]


@commands.on("AT+CWQAP")
async def leave(call: Call) -> None:
    """Leave the access point."""
    call.gateway.announcements.close_over(Interface.STATION)
    call.gateway.network.leave()


@commands.on("AT+CWDHCP?", scoped=True)
async def query_dhcp(call: Call) -> bytes:
    """Show where DHCP is on: 1 SoftAP, 2 station, 4 Ethernet."""
    values = call.settings.values
    mask = values.softap_dhcp | values.station_dhcp << 1 | values.ethernet_dhcp << 2
    return messages.value(call.prefix, int(mask))


@commands.on("AT+CWDHCP=", Integer("mode", 0, 3), Switch("enable"), scoped=True)
async def set_dhcp(call: Call, mode: int, enable: bool) -> None:
    """Switch DHCP of SoftAP (0), station (1), both (2) or Ethernet (3)."""
    gateway = call.gateway
    values, ethernet = gateway.settings.in_force, gateway.network.ethernet
    there = (
        values.has_softap,
        values.has_station,
        values.has_softap or values.has_station,
        ethernet is not None,
    )
    if not there[mode]:
        raise ATError(cause="the interface of that mode is not enabled")
    changes: dict[str, Any] = {}
    only_in_force: dict[str, Any] = {}
    if mode in (0, 2):
        changes["softap_dhcp"] = enable
    if mode in (1, 2):
        changes["station_dhcp"] = enable
        leased = values.station_address or gateway.network.station.address
        # an address that AT+CIPSTA stored stays stored, whatever is in use meanwhile
        stays = enable or gateway.settings.stored.station_address is not None
        (only_in_force if stays else changes)["station_address"] = None if enable else leased
    if mode == 3 and ethernet is not None:
        changes["ethernet_dhcp"] = enable
        leased = values.ethernet_address or ethernet.address
        stays = enable or gateway.settings.stored.ethernet_address is not None
        (only_in_force if stays else changes)["ethernet_address"] = None if enable else leased
    await call.settings.change(**changes)
    await gateway.settings.current.change(**only_in_force)
    gateway.apply_network()


@commands.on("AT+CWAUTOCONN?")
async def query_autoconnect(call: Call) -> bytes:
    """Show whether the stored access point is joined at start."""
    return messages.value(call.prefix, int(call.gateway.settings.stored.autoconnect))


@commands.on("AT+CWAUTOCONN=", Switch("enable"))
async def set_autoconnect(call: Call, enable: bool) -> None:
    """Join the stored access point at start, or not."""
    await call.gateway.settings.default.change(autoconnect=enable)


@commands.on("AT+CIPSTAMAC?", scoped=True)
async def query_mac(call: Call) -> bytes:
    """Show the station's MAC address."""
    chosen, present = call.settings.values.station_mac, call.gateway.network.station.mac
    return messages.quoted_value(call.prefix, call.mac(Interface.STATION, chosen, present))


@commands.on("AT+CIPSTAMAC=", MacAddress("mac"), scoped=True)
async def set_mac(call: Call, mac: str) -> None:
    """Give the station another MAC address."""
    call.keep_mac(Interface.STATION, call.gateway.network.station.mac)
    await call.settings.change(station_mac=mac)
    call.gateway.apply_network()


@commands.on("AT+CIPSTA?", scoped=True)
async def query_address(call: Call) -> bytes:
    """Show the station's address, gateway and netmask."""
    require_station(call)
    if call.settings.reads_stored:
        address = call.settings.values.station_address
    else:
        address = call.gateway.network.station.address
    shown = address or NO_ADDRESS
    return messages.addresses(call.prefix, shown.ip, shown.gateway, shown.netmask)


@commands.on("AT+CIPSTA=", *_ADDRESS, scoped=True)
async def set_address(call: Call, ip: str, gateway: str | None, netmask: str | None) -> None:
    """Give the station a fixed address; its DHCP is off then."""
    require_station(call)
    address = address_from(ip, gateway, netmask)
    await call.settings.change(station_dhcp=False, station_address=address)
    call.gateway.apply_network()


@commands.on("AT+CIPDNS?", scoped=True)
async def query_name_servers(call: Call) -> bytes:
    """Show the name servers."""
    if call.settings.reads_stored:
        return messages.name_servers(call.prefix, call.settings.values.dns)
    network = call.gateway.network
    in_use = call.settings.values.dns or network.station.dns
    if not in_use and network.ethernet is not None:
        in_use = network.ethernet.dns
    return messages.name_servers(call.prefix, in_use)


@commands.on(
    "AT+CIPDNS=",
    Switch("enable"),
    IPv4("first", unspecified=True, optional=True),
    IPv4("second", unspecified=True, optional=True),
    scoped=True,
)
async def set_name_servers(call: Call, enable: bool, first: str | None, second: str | None) -> None:
    """Use name servers of one's own (1), or DHCP's (0)."""
    if enable == (first is None) or (first is None and second is not None):
        raise ATError(cause="1 needs a server, 0 takes none")
    for number, server in enumerate((first, second), start=1):
        if server == "0.0.0.0":
            raise ATError(f"IP{number} invalid", cause=f"name server {number} is 0.0.0.0")
    await call.settings.change(dns=tuple(server for server in (first, second) if server))
    call.gateway.apply_network()


@commands.on("AT+CWHOSTNAME?")
async def query_host_name(call: Call) -> bytes:
    """Show the name that the station tells DHCP servers."""
    return messages.value(call.prefix, call.gateway.station_host_name())


@commands.on("AT+CWHOSTNAME=", HostLabel())
async def set_host_name(call: Call, name: str) -> None:
    """Tell DHCP servers another name, until a reset."""
    require_station(call)
    call.volatile.station_host_name = name
    call.gateway.apply_network()
