"""`apt install` on a bare Debian 13, without any network: the service is up by itself."""

from __future__ import annotations

from tests.vm.package.conftest import Installation
from tests.vm.package.service import CERTIFICATES, CONFIGURATION, STATE, InstalledService
from tests.vm.report import Report

EXPOSURE = 1.7
"""The most that `systemd-analyze security` may find."""


def test_it_is_up_by_itself(
    service: InstalledService, installation: Installation, report: Report
) -> None:
    report.note(f"apt install with all dependencies in {installation.seconds:.0f} s")
    assert "\r\nready\r\n" in installation.said
    assert service.shown("ActiveState") == "active"
    assert service.shown("UnitFileState") == "enabled"
    report.note(f"unit start to ready {service.started_within():.2f} s")
    report.note(f"STATUS: {service.shown('StatusText')}")
    assert service.client.ask("AT+GMR").ok


def test_a_restart_is_quick(service: InstalledService, report: Report) -> None:
    service.client.drop()
    service.machine.run("systemctl restart esp-at-gateway")
    service.listening()
    # The processor is emulated: how often Python itself fits into it says more than seconds.
    python = service.machine.run("python3 -I -c 'import asyncio'").seconds
    ready = service.started_within()
    report.note(
        f"unit start to ready {ready:.2f} s, {ready / python:.1f} times Python with asyncio"
    )
    assert service.complaints() == ""


def test_its_files_belong_to_whom_they_should(service: InstalledService) -> None:
    run = service.machine.run
    modes = run(f"stat -c '%U:%G %a' {STATE} {CERTIFICATES} {CONFIGURATION} /run/esp-at-gateway")
    state, certificates, configuration, runtime = modes.output.splitlines()
    assert state == "esp-at-gateway:esp-at-gateway 700"
    assert certificates == "root:root 755"
    assert configuration == "root:root 644"
    assert runtime == "esp-at-gateway:esp-at-gateway 750"
    assert "dialout" in run("id -nG esp-at-gateway").output.split()
    assert run("getent passwd esp-at-gateway").output.strip().endswith("/nologin")
    process = service.shown("MainPID")
    assert run(f"stat -c %U /proc/{process}").output == "esp-at-gateway\n"
    ability = run(f"grep CapEff /proc/{process}/status").output.split()[1]
    assert int(ability, 16) == 1 << 10  # CAP_NET_BIND_SERVICE alone


def test_little_is_left_to_whoever_breaks_in(service: InstalledService, report: Report) -> None:
    command = "systemd-analyze security --no-pager esp-at-gateway.service"
    shown = service.machine.run(command).output
    last = shown.strip().splitlines()[-1]
    level = float(last.split(": ")[1].split()[0])
    report.note(f"exposure {level}")
    assert level <= EXPOSURE, shown


def test_installing_is_silent_in_the_journal(service: InstalledService) -> None:
    assert service.complaints() == ""
    assert service.refusals() == ""
    assert service.machine.run("systemctl --failed --quiet --no-legend").output == ""
