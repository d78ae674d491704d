"""The gateway's own access point: joined by somebody else's radio."""

from __future__ import annotations

import pytest

from tests.vm.air import Neighbour
from tests.vm.at_client import AtClient
from tests.vm.gateway_on_serial import UNIT, GatewayOnSerial
from tests.vm.joining import join
from tests.vm.machine import Machine
from tests.vm.own_access_point import PASSWORD, SSID, exchange, open_softap, reaches
from tests.vm.report import Report
from tests.vm.standard_air import WPA2

BEHIND = "10.88.0.1"
"""At the other end of the gateway's Ethernet cable."""
ADD_AP0 = (
    "iw phy $(basename $(readlink -f /sys/class/net/wlan0/phy80211)) "
    "interface add ap0 type __ap addr 42:00:00:00:00:00"
)


def test_somebody_joins_gets_an_address_and_reaches_our_server(
    gateway: GatewayOnSerial, neighbour: Neighbour, report: Report
) -> None:
    open_softap(gateway)
    neighbour.join(SSID, PASSWORD)
    address = neighbour.lease()
    assert address.startswith("192.168.4.")
    shown = gateway.client.ask("AT+CIFSR")
    assert shown.line(b"+CIFSR:APIP,") == b'"192.168.4.1"'
    exchange(gateway, neighbour, address)
    assert not reaches(neighbour, BEHIND)
    scanned = neighbour.run("iw dev wlan3 link")
    assert f"SSID: {SSID.decode()}" in scanned


def test_it_offers_wpa2_with_ccmp_alone(gateway: GatewayOnSerial, neighbour: Neighbour) -> None:
    open_softap(gateway)
    neighbour.join(SSID, PASSWORD)
    # Of what is joined the radio keeps what it heard; another scan might miss it.
    seen = neighbour.run("iw dev wlan3 scan dump")
    about = seen[seen.index(f"SSID: {SSID.decode()}") :].split("BSS ")[0]
    assert "RSN:" in about
    assert "TKIP" not in about
    assert "WPA:" not in about


@pytest.mark.parametrize("shared", [False, True], ids=["apart", "shared"])
def test_its_clients_reach_what_lies_behind_only_if_that_is_wanted(
    machine: Machine, line: AtClient, neighbour: Neighbour, shared: bool
) -> None:
    configuration = f"[softap]\nshare_uplink = {str(shared).lower()}\n"
    gateway = GatewayOnSerial(machine, line, configuration=configuration)
    gateway.start()
    gateway.greeted()
    open_softap(gateway)
    neighbour.join(SSID, PASSWORD)
    neighbour.lease()
    assert reaches(neighbour, "192.168.4.1")
    assert reaches(neighbour, BEHIND) is shared


def test_dhcp_off_gives_no_address(gateway: GatewayOnSerial, neighbour: Neighbour) -> None:
    assert gateway.client.ask("AT+CWMODE_CUR=2").ok
    assert gateway.client.ask("AT+CWDHCP_CUR=0,0").ok
    open_softap(gateway)
    neighbour.join(SSID, PASSWORD)
    neighbour.run("ip addr add 192.168.4.77/24 dev wlan3")
    assert reaches(neighbour, "192.168.4.1")
    offers = neighbour.run("busybox udhcpc -i wlan3 -q -n -t 3 -T 2 -s /bin/true", check=False)
    assert "no lease" in offers


def test_station_and_softap_at_once(
    machine: Machine, line: AtClient, neighbour: Neighbour, report: Report
) -> None:
    machine.run(ADD_AP0)
    gateway = GatewayOnSerial(machine, line)
    gateway.start()
    gateway.greeted()
    assert gateway.client.ask("AT+CWMODE_CUR=3").ok
    reply = join(gateway, WPA2)
    report.note(f"joined in {reply.seconds:.1f} s")
    open_softap(gateway, mode=3)
    neighbour.join(SSID, PASSWORD)
    address = neighbour.lease()
    exchange(gateway, neighbour, address)
    assert not reaches(neighbour, "10.77.1.1")
    machine.run("ping -c 1 -W 5 -I wlan0 10.77.1.1")
    assert gateway.client.drop() == b""


def test_mode_3_without_a_second_interface_is_refused(gateway: GatewayOnSerial) -> None:
    client = gateway.client
    words = f'"{SSID.decode()}","{PASSWORD.decode()}",6,3'
    replies = [client.ask("AT+CWMODE_CUR=3"), client.ask(f"AT+CWSAP_CUR={words}")]
    assert not all(reply.ok for reply in replies)
    assert "ap0" in gateway.log()


def test_what_could_not_be_opened_is_opened_by_the_same_profile_later(
    machine: Machine, gateway: GatewayOnSerial, neighbour: Neighbour
) -> None:
    def profile() -> str:
        return machine.run("nmcli -g name,uuid connection | grep 'access point'").output

    machine.run("mv /usr/sbin/dnsmasq /usr/sbin/dnsmasq.away")
    open_softap(gateway)
    failed = "the SoftAP is not on the air, trying again"
    journal = f"journalctl -q -u {UNIT}"
    machine.run(f"until {journal} | grep -q '{failed}'; do sleep 1; done", seconds=90)
    before = profile()
    machine.run("mv /usr/sbin/dnsmasq.away /usr/sbin/dnsmasq")
    machine.run(f"until {journal} | grep -q 'on the air on wlan0'; do sleep 1; done", seconds=90)
    neighbour.join(SSID, PASSWORD)
    assert neighbour.lease().startswith("192.168.4.")
    assert profile() == before
