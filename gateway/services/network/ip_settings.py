"""The IP part of NetworkManager's profiles, made of what the microcontroller wants. Pure."""

from __future__ import annotations

import ipaddress
from typing import Any, Final

from gateway.records import Record
from gateway.services.api import Address, Interface, Wanted
from gateway.services.network.manager import Profile

NO_GATEWAY: Final = "0.0.0.0"

Setting = dict[str, tuple[str, Any]]

_ISOLATION_PRIORITY: Final = 10
"""Behind the table of this machine's own addresses (0), before any that a VPN brings."""

_PROHIBIT: Final = 8  # FR_ACT_PROHIBIT of linux/fib_rules.h
_AF_INET: Final = 2


class Ipv4(Record):
    """One interface's part of `Wanted`: how it comes to an address, and its name for DHCP.

    Without DHCP and without `fixed` no address is known yet: DHCP has to find one.
    """

    dhcp: bool = True
    fixed: Address | None = None
    dns: tuple[str, ...] = ()
    host_name: str | None = None

    @staticmethod
    def of(wanted: Wanted, which: Interface) -> Ipv4:
        """The station's or Ethernet's part."""
        if which is Interface.ETHERNET:
            return Ipv4(
                wanted.ethernet_dhcp,
                wanted.ethernet_address,
                wanted.dns,
                wanted.ethernet_host_name,
            )
        return Ipv4(
            wanted.station_dhcp, wanted.station_address, wanted.dns, wanted.station_host_name
        )

    @property
    def static(self) -> Address | None:
        """The address to set; None where DHCP gives one."""
        return None if self.dhcp else self.fixed


def ipv4_setting(asked: Ipv4, default_name: str | None) -> Setting:
    """The whole `ipv4` setting. `default_name` is told to DHCP servers if none was asked."""
    setting: Setting = {"method": ("s", "auto"), "may-fail": ("b", False)}
    if asked.static is not None:
        setting |= _static(asked.static)
    name = asked.host_name or default_name
    if name is not None:
        setting |= _host_name(name)
    if asked.dns:
        setting |= _name_servers(asked.dns)
    return setting


def ipv6_setting(asked: Ipv4) -> Setting:
    """The whole `ipv6` setting: an address if there is one to be had.

    Name servers that were asked for are asked alone, so that a router's are left out.
    """
    setting: Setting = {"method": ("s", "auto"), "may-fail": ("b", True)}
    if asked.dns:
        setting["ignore-auto-dns"] = ("b", True)
    return setting


def with_asked(profile: Profile, asked: Ipv4) -> Profile:
    """Somebody else's profile with what was asked for, and all else as it was."""
    ipv4: Setting = dict(profile.get("ipv4", {"method": ("s", "auto")}))
    ipv6: Setting = dict(profile.get("ipv6", {}))
    if asked.static is not None:
        _drop(ipv4, "addresses", "address-data", "gateway")
        ipv4 |= _static(asked.static)
    method = ipv4.get("method", ("s", "auto"))[1]
    if asked.dns and method in ("auto", "manual"):
        _drop(ipv4, "dns", "dns-data")
        ipv4 |= _name_servers(asked.dns)
        if ipv6.get("method", ("s", ""))[1] == "auto":
            ipv6["ignore-auto-dns"] = ("b", True)
    if asked.host_name is not None:
        _drop(ipv4, "dhcp-fqdn")
        ipv4 |= _host_name(asked.host_name)
    return {**profile, "ipv4": ipv4, **({"ipv6": ipv6} if ipv6 else {})}


def softap_ipv4(address: Address, interface: str, *, dhcp: bool, share_uplink: bool) -> Setting:
    """The `ipv4` setting of our own access point; with `dhcp` its clients get addresses.

    Unless `share_uplink`, what comes in there and is not for one of this machine's own
    addresses is refused by a routing rule: their table is asked before any rule.
    """
    setting: Setting = {
        "method": ("s", "shared" if dhcp else "manual"),
        "address-data": _address_data(address),
        "never-default": ("b", True),
    }
    if not share_uplink:
        setting["routing-rules"] = (
            "aa{sv}",
            [
                {
                    "family": ("i", _AF_INET),
                    "priority": ("u", _ISOLATION_PRIORITY),
                    "iifname": ("s", interface),
                    "action": ("y", _PROHIBIT),
                }
            ],
        )
    return setting


def _static(address: Address) -> Setting:
    setting: Setting = {"method": ("s", "manual"), "address-data": _address_data(address)}
    if address.gateway != NO_GATEWAY:
        setting["gateway"] = ("s", address.gateway)
    return setting


def _address_data(address: Address) -> tuple[str, list[dict[str, tuple[str, Any]]]]:
    prefix = ipaddress.IPv4Network(f"0.0.0.0/{address.netmask}").prefixlen
    return "aa{sv}", [{"address": ("s", address.ip), "prefix": ("u", prefix)}]


def _name_servers(servers: tuple[str, ...]) -> Setting:
    return {"dns-data": ("as", list(servers)), "ignore-auto-dns": ("b", True)}


def _host_name(name: str) -> Setting:
    return {"dhcp-hostname": ("s", name), "dhcp-send-hostname": ("b", True)}


def _drop(setting: Setting, *names: str) -> None:
    for name in names:
        setting.pop(name, None)
