"""Joining takes no longer than by NetworkManager's own tool."""

from __future__ import annotations

import statistics

from tests.vm.gateway_on_serial import GatewayOnSerial
from tests.vm.joining import JOIN_SECONDS, join_command
from tests.vm.report import Report
from tests.vm.standard_air import WPA2

TIMES = 5
MORE = 0.5
"""Seconds that the gateway may add."""


def test_joining_adds_little_to_what_nmcli_takes(gateway: GatewayOnSerial, report: Report) -> None:
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(TIMES):
        reply = gateway.client.ask(join_command(WPA2, name="AT+CWJAP_CUR"), JOIN_SECONDS)
        assert reply.ok
        ours.append(reply.seconds)
        assert gateway.client.ask("AT+CWQAP").ok
        gateway.client.hear(b"WIFI DISCONNECT")
        at_rest(gateway)
        name, password = WPA2.ssid.decode(), WPA2.password.decode()
        connect = f"nmcli -w 40 device wifi connect {name} password '{password}'"
        theirs.append(gateway.machine.run(connect).seconds)
        gateway.machine.run(f"nmcli connection delete {name}")
        at_rest(gateway)
        gateway.client.drop()
    difference = statistics.median(ours) - statistics.median(theirs)
    report.note(
        f"gateway {statistics.median(ours):.2f} s, nmcli {statistics.median(theirs):.2f} s, "
        f"difference {difference:+.2f} s (medians of {TIMES})"
    )
    assert difference <= MORE


def at_rest(gateway: GatewayOnSerial) -> None:
    """wlan0 is disconnected, and NetworkManager's scan after that is over."""
    gateway.machine.run(
        "for _ in $(seq 80); do nmcli -g GENERAL.STATE device show wlan0 | grep -q ^30 && break; "
        "sleep 0.25; done; nmcli device wifi list --rescan yes"
    )
