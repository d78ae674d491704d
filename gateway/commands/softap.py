"""The gateway's own access point (contract, section 4)."""

from __future__ import annotations

from gateway.at import messages
from gateway.at.errors import ATError
from gateway.at.params import Choice, Integer, IPv4, MacAddress, Netmask, Switch, Text
from gateway.at.table import Commands
from gateway.commands.call import Call, address_from
from gateway.commands.station import check_password
from gateway.services.api import Address, Encryption, Interface, SoftApSettings
from gateway.services.api_ranges import (
    SOFTAP_CHANNELS,
    SOFTAP_CLIENTS,
    SOFTAP_ENCRYPTIONS,
    SOFTAP_PASSWORD_BYTES,
    SSID_BYTES,
)

commands = Commands()

FACTORY_ADDRESS = Address("192.168.4.1", "192.168.4.1", "255.255.255.0")


def _require_softap(call: Call) -> None:
    if not call.gateway.settings.in_force.has_softap:
        raise ATError(cause="the Wi-Fi mode has no SoftAP; AT+CWMODE=2 or 3 gives one")


def _factory(mac: str) -> SoftApSettings:
    """What is answered before AT+CWSAP was ever set; it is not put on the air."""
    name = "ESP_" + mac.replace(":", "")[-6:].upper()
    return SoftApSettings(name.encode(), b"", 1, Encryption.OPEN)


@commands.on("AT+CWSAP?", scoped=True, secret_reply=True)
async def query_softap(call: Call) -> bytes:
    """Show the SoftAP's settings."""
    _require_softap(call)
    values = call.settings.values
    present = call.gateway.network.softap.mac
    softap = values.softap or _factory(call.mac(Interface.SOFTAP, values.softap_mac, present))
    return messages.softap(
        call.prefix,
        softap.ssid,
        softap.password,
        softap.channel,
        int(softap.encryption),
        softap.max_clients,
        int(softap.hidden),
    )


@commands.on(
    "AT+CWSAP=",
    Text("ssid", *SSID_BYTES),
    Text("password", *SOFTAP_PASSWORD_BYTES, secret=True),
    Integer("channel", *SOFTAP_CHANNELS),
    Choice("ecn", SOFTAP_ENCRYPTIONS),
    Integer("max conn", *SOFTAP_CLIENTS, optional=True, default=4),
    Switch("hidden", optional=True, default=False),
    scoped=True,
)
async def set_softap(
    call: Call,
    ssid: bytes,
    password: bytes,
    channel: int,
    ecn: int,
    max_clients: int,
    hidden: bool,
) -> None:
    """Open an access point of one's own."""
    _require_softap(call)
    check_password(password)
    softap = SoftApSettings(ssid, password, channel, Encryption(ecn), max_clients, hidden)
    call.gateway.require_network(softap=softap)
    await call.settings.change(softap=softap)
    call.gateway.apply_network()


@commands.on("AT+CIPAPMAC?", scoped=True)
async def query_softap_mac(call: Call) -> bytes:
    """Show the SoftAP's MAC address."""
    chosen, present = call.settings.values.softap_mac, call.gateway.network.softap.mac
    return messages.quoted_value(call.prefix, call.mac(Interface.SOFTAP, chosen, present))


@commands.on("AT+CIPAPMAC=", MacAddress("mac"), scoped=True)
async def set_softap_mac(call: Call, mac: str) -> None:
    """Give the SoftAP another MAC address."""
    call.keep_mac(Interface.SOFTAP, call.gateway.network.softap.mac)
    await call.settings.change(softap_mac=mac)
    call.gateway.apply_network()


@commands.on("AT+CIPAP?", scoped=True)
async def query_softap_address(call: Call) -> bytes:
    """Show the SoftAP's address, gateway and netmask."""
    _require_softap(call)
    shown = call.settings.values.softap_address or FACTORY_ADDRESS
    return messages.addresses(call.prefix, shown.ip, shown.gateway, shown.netmask)


@commands.on(
    "AT+CIPAP=",
    IPv4("ip"),
    IPv4("gateway", unspecified=True, optional=True),
    Netmask(optional=True),
    scoped=True,
)
async def set_softap_address(call: Call, ip: str, gateway: str | None, netmask: str | None) -> None:
    """Give the SoftAP another address."""
    _require_softap(call)
    await call.settings.change(softap_address=address_from(ip, gateway, netmask))
    call.gateway.apply_network()
