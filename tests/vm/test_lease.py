"""Addresses: what DHCP gave, what was set instead, and the host name that DHCP heard."""

from __future__ import annotations

from tests.vm.air import WLAN0, Air
from tests.vm.gateway_on_serial import GatewayOnSerial
from tests.vm.joining import AT_ONCE, join, station_address
from tests.vm.report import Report
from tests.vm.standard_air import WPA2


def station_lines(gateway: GatewayOnSerial) -> list[str]:
    """Address, gateway and mask as the gateway tells them."""
    lines = gateway.client.ask("AT+CIPSTA?").lines
    return [line.decode().split('"')[1] for line in lines]


def test_lease_gateway_and_dns_are_dhcps(gateway: GatewayOnSerial, air: Air) -> None:
    join(gateway, WPA2)
    leased = air.lease_of(1)
    assert station_lines(gateway) == [leased[2], "10.77.1.1", "255.255.255.0"]
    servers = gateway.client.ask("AT+CIPDNS?").lines
    assert servers == (b"+CIPDNS:10.77.1.1", b"+CIPDNS:10.77.1.2")
    shown = gateway.client.ask("AT+CIFSR")
    assert shown.line(b"+CIFSR:STAIP,") == b'"%s"' % leased[2].encode()
    assert shown.line(b"+CIFSR:STAMAC,") == b'"%s"' % WLAN0.encode()
    assert shown.line(b"+CIFSR:ETHIP,").startswith(b'"10.88.0.')
    assert gateway.client.ask("AT+CIPSTATUS").lines == (b"STATUS:2",)


def test_dhcp_hears_the_host_name(gateway: GatewayOnSerial, air: Air) -> None:
    assert gateway.client.ask('AT+CWHOSTNAME="thermometer"').ok
    join(gateway, WPA2)
    assert air.lease_of(1)[3] == "thermometer"
    assert gateway.machine.run("hostname").output == "vm\n"


def test_a_fixed_address_acts_at_once_and_dhcp_comes_back(
    gateway: GatewayOnSerial, report: Report
) -> None:
    join(gateway, WPA2)
    leased = station_address(gateway)
    reply = gateway.client.ask('AT+CIPSTA_CUR="10.77.1.200","10.77.1.1","255.255.255.0"')
    assert reply.ok
    report.note(f"answered after {reply.seconds:.2f} s")
    assert reply.seconds < AT_ONCE
    assert station_lines(gateway)[0] == "10.77.1.200"
    gateway.client.hear(b"WIFI GOT IP")
    has_it = (
        "for _ in $(seq 40); do ip -4 -o addr show wlan0 | grep -q {} && exit; sleep 0.25; done"
    )
    gateway.machine.run(has_it.format("10.77.1.200") + "; exit 1")
    gateway.machine.run("ip netns exec ap ping -c 1 -W 5 10.77.1.200")
    assert gateway.client.ask("AT+CWDHCP_CUR=1,1").ok
    gateway.client.hear(b"WIFI GOT IP")
    assert station_address(gateway) == leased


def test_dns_servers_of_the_user_replace_dhcps(gateway: GatewayOnSerial) -> None:
    join(gateway, WPA2)
    assert gateway.client.ask('AT+CIPDNS_CUR=1,"10.77.1.1"').ok
    assert gateway.client.ask("AT+CIPDNS_CUR?").lines == (b"+CIPDNS_CUR:10.77.1.1",)
    assert gateway.client.ask("AT+CIPDNS_CUR=0").ok
    until = "for _ in $(seq 40); do nmcli -g IP4.DNS device show wlan0 | grep -q 10.77.1.2 && exit;"
    gateway.machine.run(until + " sleep 0.25; done; exit 1")
    servers = gateway.client.ask("AT+CIPDNS_CUR?").lines
    assert servers == (b"+CIPDNS_CUR:10.77.1.1", b"+CIPDNS_CUR:10.77.1.2")


def test_another_mac_joins_again(gateway: GatewayOnSerial, air: Air) -> None:
    join(gateway, WPA2)
    assert gateway.client.ask('AT+CIPSTAMAC_CUR="02:12:34:56:78:9a"').ok
    gateway.client.hear(b"WIFI DISCONNECT", b"WIFI CONNECTED", b"WIFI GOT IP")
    assert air.lease_of(1, "02:12:34:56:78:9a")
