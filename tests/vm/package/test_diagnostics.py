"""What answers at the bench: doctor, monitor, the journal's fields."""

from __future__ import annotations

import json

from tests.vm.joining import join
from tests.vm.package.service import InstalledService
from tests.vm.report import Report
from tests.vm.standard_air import WPA2

DOUBTS = 3
"""The doctor's exit status where nothing is wrong and something is not as it should be."""


def test_the_doctor_finds_nothing_wrong(service: InstalledService, report: Report) -> None:
    join(service, WPA2)
    result = service.machine.run("esp-at-gateway doctor --json", check=False)
    findings = json.loads(result.output)["findings"]
    report.note(f"doctor in {result.seconds:.1f} s")
    wrong = [finding for finding in findings if finding["verdict"] == "bad"]
    assert wrong == []
    doubts = {finding["subject"] for finding in findings if finding["verdict"] == "doubt"}
    assert doubts <= {"clock"}, result.output  # nobody tells this machine the time
    assert result.status == (DOUBTS if doubts else 0)
    assert service.client.ask("AT").ok


def test_the_doctor_names_what_mends_a_stopped_service(service: InstalledService) -> None:
    service.stop()
    result = service.machine.run("esp-at-gateway doctor", check=False)
    assert result.status == 1
    assert "sudo systemctl start esp-at-gateway" in result.output


def test_the_monitor_shows_a_join_without_its_password(service: InstalledService) -> None:
    run = service.machine.run
    watch = "timeout 120 esp-at-gateway monitor > /root/seen 2>&1 &"
    run(
        watch + " for _ in $(seq 200); do ss -xH src '*monitor.sock' | grep -q ESTAB && exit; "
        "sleep 0.1; done; cat /root/seen; exit 1"
    )
    join(service, WPA2)
    run("for _ in $(seq 50); do grep -q 'WIFI GOT IP' /root/seen && exit; sleep 0.1; done; exit 1")
    seen = run("cat /root/seen").output
    assert "AT+CWJAP=" in seen
    assert "vm-wpa2" in seen
    assert WPA2.password.decode() not in seen
    socket = run("stat -c '%U:%G %a' /run/esp-at-gateway/monitor.sock").output
    assert socket == "esp-at-gateway:esp-at-gateway 660\n"


def test_the_journal_finds_commands_by_name(service: InstalledService) -> None:
    join(service, WPA2)
    found = service.machine.run("journalctl -q -b -o json AT_COMMAND=CWJAP").output
    (record,) = map(json.loads, found.splitlines())
    assert record["AT_RESULT"] == "OK"
    assert float(record["AT_DURATION_MS"]) > 0
    assert WPA2.password.decode() not in found
