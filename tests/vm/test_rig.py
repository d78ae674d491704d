"""The machine itself, without the gateway: what the other tests build on."""

from __future__ import annotations

import pytest

from tests.vm.air import Air
from tests.vm.machine import Machine
from tests.vm.report import Report
from tests.vm.standard_air import HIDDEN, OPEN, WPA2, WPA3

UNTIL = "for _ in $(seq 160); do iw dev wlan0 link | grep -q {} && exit; sleep 0.25; done; exit 1"


def test_networkmanager_sees_the_access_points(machine: Machine) -> None:
    seen = machine.run("nmcli -t -f BSSID device wifi list --rescan yes").output.replace("\\", "")
    for access_point in (WPA2, WPA3, OPEN, HIDDEN):
        assert access_point.bssid in seen


@pytest.mark.parametrize("access_point", [WPA2, WPA3], ids=lambda it: it.ssid.decode())
def test_networkmanager_joins(machine: Machine, report: Report, access_point: object) -> None:
    assert access_point in (WPA2, WPA3)
    name = (WPA2 if access_point is WPA2 else WPA3).ssid.decode()
    machine.run("nmcli device wifi list --rescan yes")
    result = machine.run(f"nmcli -w 40 device wifi connect {name} password 'correct horse'")
    report.note(f"nmcli {result.seconds:.1f} s")


def test_the_cable_can_be_pulled(machine: Machine) -> None:
    carrier = "cat /sys/class/net/eth0/carrier"
    assert machine.run(carrier).output == "1\n"
    machine.pull_cable()
    assert machine.run(carrier).output == "0\n"


def test_power_can_be_cut(machine: Machine, air: Air) -> None:
    machine.run(f"nmcli -w 40 device wifi connect {OPEN.ssid.decode()}")
    air.cut("wlan1")
    machine.run(UNTIL.format("Not"))
    air.reopen("wlan1")
    machine.run(UNTIL.format("Connected"))
