"""What goes wrong around the gateway: it says so once, goes on answering, and recovers."""

from __future__ import annotations

import pytest

from tests.vm.air import Air
from tests.vm.at_client import AtClient
from tests.vm.gateway_on_serial import GatewayOnSerial
from tests.vm.joining import JOIN_SECONDS, join, join_command
from tests.vm.machine import Machine
from tests.vm.report import Report
from tests.vm.standard_air import WPA2

CONNECTED = (b"WIFI CONNECTED", b"WIFI GOT IP")
RULE = "/etc/polkit-1/rules.d/50-esp-at-gateway.rules"
RADIO = "$(basename $(readlink -f /sys/class/net/wlan0/phy80211))"


def test_without_networkmanager_the_line_answers_and_all_works_after_it(
    gateway: GatewayOnSerial, report: Report
) -> None:
    client = gateway.client
    join(gateway, WPA2)
    gateway.machine.run("systemctl stop NetworkManager")
    heard = {client.line(30), client.line(30)}
    assert heard == {b"WIFI DISCONNECT", b"+ETH_DISCONNECTED"}
    assert client.ask("AT+CWJAP?").lines == (b"No AP",)
    reply = client.ask(join_command(WPA2), JOIN_SECONDS)
    assert not reply.ok
    assert client.ask("AT+CWLAP", 12).seconds < 9.5
    gateway.machine.run("systemctl start NetworkManager")
    client.until(b"+ETH_CONNECTED\r\n", 60)
    reply = client.ask(join_command(WPA2, name="AT+CWJAP_CUR"), JOIN_SECONDS)
    assert reply.ok
    assert client.ask("AT+CWJAP?").ok


def test_a_restart_of_networkmanager_joins_again(gateway: GatewayOnSerial, report: Report) -> None:
    join(gateway, WPA2, name="AT+CWJAP_CUR")
    gateway.machine.run("systemctl restart NetworkManager")
    gateway.client.until(b"WIFI DISCONNECT\r\n", 30)
    # Each by itself: the cable's lease may come in between.
    gateway.client.until(b"WIFI CONNECTED\r\n", 60)
    gateway.client.until(b"WIFI GOT IP\r\n", 60)
    assert "Traceback" not in gateway.log()


def test_started_before_networkmanager(machine: Machine, line: AtClient) -> None:
    machine.run("systemctl stop NetworkManager")
    gateway = GatewayOnSerial(machine, line)
    gateway.start()
    line.until(b"\r\nready\r\n", 60)
    line.send(b"ATE0\r\n")
    line.until(b"OK\r\n")
    assert not line.ask(join_command(WPA2), JOIN_SECONDS).ok
    machine.run("systemctl start NetworkManager")
    line.until(b"+ETH_GOT_IP:", 60)
    line.until(b"\r\n")
    assert line.ask(join_command(WPA2), JOIN_SECONDS).ok


def switch_on_again(gateway: GatewayOnSerial, air: Air) -> None:
    """The switch is of all radios, the access point's as well, which does not come back alone."""
    gateway.machine.run("rfkill unblock wifi")
    air.cut("wlan1")
    air.reopen("wlan1")


def test_rfkill_is_a_loss_and_its_end_a_return(
    gateway: GatewayOnSerial, air: Air, report: Report
) -> None:
    join(gateway, WPA2)
    gateway.machine.run("rfkill block wifi")
    gateway.client.hear(b"WIFI DISCONNECT")
    refused = gateway.client.ask(join_command(WPA2), JOIN_SECONDS)
    assert refused.final == b"FAIL"
    report.note(f"{refused.lines[-1].decode()} after {refused.seconds:.1f} s while blocked")
    switch_on_again(gateway, air)
    gateway.machine.run(
        "for _ in $(seq 80); do nmcli -g GENERAL.STATE device show wlan0 | grep -q ^30 && exit; "
        "sleep 0.25; done; exit 1"
    )
    assert gateway.client.ask(join_command(WPA2), JOIN_SECONDS).ok


def test_rfkill_while_joined_comes_back_by_itself(
    gateway: GatewayOnSerial, air: Air, report: Report
) -> None:
    join(gateway, WPA2, name="AT+CWJAP_CUR")
    gateway.machine.run("rfkill block wifi")
    gateway.client.hear(b"WIFI DISCONNECT")
    switch_on_again(gateway, air)
    back = gateway.client.hear(*CONNECTED, seconds=60)
    report.note(f"joined again after {back:.1f} s")


def test_a_radio_that_is_unplugged_comes_back(gateway: GatewayOnSerial, report: Report) -> None:
    join(gateway, WPA2)
    machine = gateway.machine
    radio = machine.run(f"echo {RADIO}").output.strip()
    machine.run(f"iw phy {radio} set netns name lan")
    gateway.client.hear(b"WIFI DISCONNECT")
    reply = gateway.client.ask("AT+CWLAP", 12)
    assert not reply.ok or reply.lines == ()
    machine.run(f"ip netns exec lan iw phy {radio} set netns 1")
    back = gateway.client.hear(*CONNECTED, seconds=90)
    report.note(f"joined again {back:.1f} s after it was back")
    assert "Traceback" not in gateway.log()


def test_the_cable_is_told(gateway: GatewayOnSerial) -> None:
    gateway.machine.pull_cable()
    gateway.client.hear(rb"\+ETH_DISCONNECTED")
    gateway.machine.plug_cable()
    gateway.client.hear(rb"\+ETH_CONNECTED", rb"\+ETH_GOT_IP:10\.88\.0\.\d+")


@pytest.mark.parametrize("action", ["network-control", "settings.modify.system"])
def test_what_polkit_refuses_is_named(machine: Machine, line: AtClient, action: str) -> None:
    machine.run(f'sed -i \'s/"{action}"/"no"/\' {RULE} && systemctl restart polkit')
    gateway = GatewayOnSerial(machine, line)
    gateway.start()
    gateway.greeted()
    reply = line.ask(join_command(WPA2), JOIN_SECONDS)
    assert reply.final == b"FAIL"
    assert reply.lines[-1] == b"+CWJAP:4"
    log = gateway.log()
    assert f"org.freedesktop.NetworkManager.{action}" in log
    assert "Traceback" not in log
