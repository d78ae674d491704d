"""However it ends it is there again: AT+RST, a reboot, kill -9, a loop that hangs."""

from __future__ import annotations

import time

from tests.vm import owner
from tests.vm.joining import JOIN_SECONDS, join, join_command, joined_bssid
from tests.vm.package.air_at_boot import open_at_boot
from tests.vm.package.service import InstalledService
from tests.vm.report import Report
from tests.vm.standard_air import MIXED, WPA2

WATCHDOG = 20.0
"""Seconds without a sign of life; WatchdogSec= of the unit."""


def test_a_reset_is_ready_again(service: InstalledService, report: Report) -> None:
    before = service.shown("MainPID")
    service.client.send(b"AT+RST\r\n")
    service.client.until(b"\r\nOK\r\n")
    report.note(f"ready {service.listening():.2f} s after OK")
    assert service.shown("MainPID") == before
    assert service.complaints() == ""


def test_a_reboot_joins_again_with_nothing_typed(service: InstalledService, report: Report) -> None:
    open_at_boot(service.machine)
    join(service, WPA2, name="AT+CWJAP_DEF")
    machine, client = service.machine, service.client
    machine.begin_reboot()
    client.until(b"\r\nready\r\n", 400)
    ready = time.time()
    power_on = machine.answers_again()
    report.note(f"power-on to ready {ready - power_on:.1f} s")
    report.note(f"unit start to ready {service.started_within():.2f} s")
    client.until(b"WIFI CONNECTED\r\n", 180)
    client.until(b"WIFI GOT IP\r\n", 60)
    service.quiet()
    assert joined_bssid(service) == WPA2.bssid
    assert service.complaints() == ""
    assert service.refusals() == ""


def test_killed_it_starts_again_and_the_owner_is_back_meanwhile(
    service: InstalledService, report: Report
) -> None:
    files = owner.connect(service.machine, WPA2)
    service.client.drop()
    reply = service.client.ask(join_command(MIXED, name="AT+CWJAP_CUR"), JOIN_SECONDS)
    assert reply.ok
    service.signal("KILL")
    report.note(f"ready again after {service.listening(90):.1f} s")
    report.note(f"the owner is back {owner.comes_back(service.machine):.1f} s after that")
    assert owner.files(service.machine) == files
    assert int(service.shown("NRestarts")) == 1
    assert service.machine.run("nmcli -g name connection").output.count("ESP gateway") == 0


def test_a_loop_that_hangs_is_ended_and_started_anew(
    service: InstalledService, report: Report
) -> None:
    before = service.shown("MainPID")
    service.signal("STOP")
    took = service.listening(WATCHDOG + 90)
    report.note(f"ready again {took:.1f} s after it hung")
    assert service.shown("MainPID") != before
    assert "Watchdog timeout" in service.log()
    assert service.client.ask("AT").ok
