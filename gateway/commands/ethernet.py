"""Ethernet (contract, section 5)."""

from __future__ import annotations

from gateway.at import messages
from gateway.at.errors import ATError
from gateway.at.params import HostLabel, IPv4, MacAddress, Netmask
from gateway.at.table import Commands
from gateway.commands.call import Call, address_from
from gateway.services.api import NO_ADDRESS, Ethernet, Interface

commands = Commands()


def _require_ethernet(call: Call) -> Ethernet:
    ethernet = call.gateway.network.ethernet
    if ethernet is None:
        raise ATError(cause="this machine has no Ethernet interface")
    return ethernet


@commands.on("AT+CIPETHMAC?", scoped=True)
async def query_ethernet_mac(call: Call) -> bytes:
    """Show Ethernet's MAC address."""
    chosen, present = call.settings.values.ethernet_mac, _require_ethernet(call).mac
    return messages.quoted_value(call.prefix, call.mac(Interface.ETHERNET, chosen, present))


@commands.on("AT+CIPETHMAC=", MacAddress("mac"), scoped=True)
async def set_ethernet_mac(call: Call, mac: str) -> None:
    """Give Ethernet another MAC address."""
    present = _require_ethernet(call).mac
    call.gateway.require_network(ethernet_mac=mac)
    call.keep_mac(Interface.ETHERNET, present)
    await call.settings.change(ethernet_mac=mac)
    call.gateway.apply_network()


@commands.on("AT+CIPETH?", scoped=True)
async def query_ethernet_address(call: Call) -> bytes:
    """Show Ethernet's address, gateway and netmask."""
    address = _require_ethernet(call).address
    if call.settings.reads_stored:
        address = call.settings.values.ethernet_address
    shown = address or NO_ADDRESS
    return messages.addresses(call.prefix, shown.ip, shown.gateway, shown.netmask)


@commands.on(
    "AT+CIPETH=",
    IPv4("ip"),
    IPv4("gateway", unspecified=True, optional=True),
    Netmask(optional=True),
    scoped=True,
)
async def set_ethernet_address(
    call: Call, ip: str, gateway: str | None, netmask: str | None
) -> None:
    """Give Ethernet a fixed address; its DHCP is off then."""
    _require_ethernet(call)
    address = address_from(ip, gateway, netmask)
    await call.settings.change(ethernet_dhcp=False, ethernet_address=address)
    call.gateway.apply_network()


@commands.on("AT+CEHOSTNAME?")
async def query_ethernet_host_name(call: Call) -> bytes:
    """Show the name that Ethernet tells DHCP servers."""
    _require_ethernet(call)
    return messages.value(call.prefix, call.gateway.ethernet_host_name())


@commands.on("AT+CEHOSTNAME=", HostLabel())
async def set_ethernet_host_name(call: Call, name: str) -> None:
    """Tell DHCP servers another name on Ethernet, until a reset."""
    _require_ethernet(call)
    call.volatile.ethernet_host_name = name
    call.gateway.apply_network()
