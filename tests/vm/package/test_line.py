"""Who else wants the line, and a second line."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.vm.at_client import AtClient
from tests.vm.joining import join
from tests.vm.package.service import CONFIGURATION, InstalledService
from tests.vm.report import Report
from tests.vm.standard_air import WPA2

GETTY = "serial-getty@ttyS1.service"
# One process looks at all descriptors: one for each takes an emulated processor 15 s.
HOLDERS = (
    r"find /proc/[0-9]*/fd -lname /dev/ttyS1 -printf '%H/../comm\n' 2>/dev/null | sort -u | "
    "xargs -r cat 2>/dev/null | sort -u"
)
CONSOLE = "/dev/ttyS0"
"""The kernel's console, by this machine's command line."""
# The line that the PCI card brings.
SECOND_LINE = (
    "for tty in /sys/class/tty/ttyS*; do "
    "case $(readlink -f $tty) in */pci*) basename $tty;; esac; done"
)


def configure_device(service: InstalledService, device: str) -> None:
    """Write another device into the configuration's `[uart]`."""
    service.machine.run(f"sed -i 's|^device = .*|device = \"{device}\"|' {CONFIGURATION}")


def test_a_login_prompt_and_the_service_never_share_the_line(service: InstalledService) -> None:
    run = service.machine.run
    run(f"systemctl start {GETTY}")
    assert service.shown("ActiveState") == "inactive"
    run(f"for _ in $(seq 100); do {HOLDERS} | grep -qx agetty && exit; sleep 0.1; done; exit 1")
    assert run(HOLDERS).output == "agetty\n"
    service.client.drop()
    service.start()
    service.listening()
    assert run(f"systemctl is-active {GETTY}", check=False).output == "inactive\n"
    assert run(HOLDERS).output == "esp-at-gateway\n"


def test_the_kernels_console_is_left_alone(service: InstalledService, report: Report) -> None:
    service.stop()
    configure_device(service, CONSOLE)
    started = service.machine.run("systemctl start esp-at-gateway", check=False)
    assert started.status != 0
    assert service.shown("ExecMainStatus") == "3"
    assert service.shown("NRestarts") == "0"
    said = service.machine.run(
        f"journalctl -q -b -o cat -p warning _SYSTEMD_UNIT={service.unit}"
    ).output
    report.note(said.strip())
    assert len(said.splitlines()) == 1
    assert "is the kernel's console: " in said
    assert "reboot" in said


@pytest.fixture
def second(service: InstalledService) -> Iterator[InstalledService]:
    """An instance of its own on the second line, serving beside the first."""
    machine = service.machine
    tty = machine.run(SECOND_LINE).output.strip()
    assert tty.startswith("ttyS")
    machine.run(f"cp {CONFIGURATION} /etc/esp-at-gateway/{tty}.toml")
    with AtClient(machine.serial("second")) as client:
        instance = InstalledService(machine, client, f"esp-at-gateway@{tty}.service")
        machine.run(f"systemctl enable --now {instance.unit}")
        instance.listening()
        yield instance


def test_a_second_instance_has_a_line_of_its_own_and_shares_the_radio(
    service: InstalledService, second: InstalledService
) -> None:
    run = service.machine.run
    state = f"/var/lib/{second.unit.removesuffix('.service').replace('@', '-')}"
    assert run(f"stat -c '%U %a' {state}").output == "esp-at-gateway 700\n"
    second.client.drop()
    join(service, WPA2, name="AT+CWJAP_CUR")
    second.client.until(b"WIFI CONNECTED\r\n")
    second.client.until(b"WIFI GOT IP\r\n")
    assert second.client.ask("AT+CWJAP?").line(b"+CWJAP:").startswith(b'"vm-wpa2"')
    run(f"systemctl stop {second.unit}")
    service.client.silent(3)
    assert service.client.ask("AT+CWJAP?").line(b"+CWJAP:").startswith(b'"vm-wpa2"')
    assert service.complaints() == ""
    assert second.complaints() == ""
