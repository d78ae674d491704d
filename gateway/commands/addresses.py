"""The station's addresses: DHCP, fixed, name servers, MAC, host name (contract, section 3)."""

from __future__ import annotations

from typing import Any

from gateway.at import messages
from gateway.at.errors import ATError
from gateway.at.params import HostLabel, Integer, IPv4, MacAddress, Netmask, Switch
from gateway.at.table import Commands
from gateway.commands.call import Call, address_from
from gateway.commands.station import require_station
from gateway.services.api import NO_ADDRESS, Interface

commands = Commands()

_ADDRESS = (
    IPv4("ip"),
    IPv4("gateway", unspecified=True, optional=True),
    Netmask(optional=True),
)


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
