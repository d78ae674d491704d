"""A USB adapter with the kernel's own driver: pulled, plugged in again, and there too late."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.vm.at_client import AtClient
from tests.vm.gateway_on_serial import UNIT, GatewayOnSerial
from tests.vm.machine import Machine
from tests.vm.report import Report

AWAY = "for _ in $(seq 100); do [ -e {0} ] || exit 0; sleep 0.1; done; exit 1"
THERE = "for _ in $(seq 300); do [ -e {0} ] && exit; sleep 0.1; done; ls -l /dev; exit 1"
SAID = (
    "for _ in $(seq 100); do journalctl -q -u {0} | grep -qF '{1}' && exit; sleep 0.1; done; exit 1"
)
# What the packaged unit says of the line.
AS_PACKAGED = (
    *("Type=notify", "NotifyAccess=main", "Restart=on-failure", "RestartSec=1"),
    *("DevicePolicy=closed", "DeviceAllow=char-ttyUSB rw"),
)


class Adapter:
    """The adapter in the test's hand."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.is_in = False

    def plug_in(self) -> float:
        """Plug it in; when, by this host's clock."""
        begun = time.monotonic()
        self._machine.plug_adapter()
        self.is_in = True
        return begun

    def pull(self) -> None:
        """Pull it out."""
        self._machine.unplug_adapter()
        self.is_in = False


@pytest.fixture
def adapter(machine: Machine) -> Iterator[Adapter]:
    """Not plugged in; what was saved cannot be loaded with it in."""
    made = Adapter(machine)
    yield made
    if made.is_in:
        made.pull()


@pytest.fixture
def board(machine: Machine) -> Iterator[AtClient]:
    """The microcontroller at the adapter."""
    with AtClient(machine.serial("usb")) as client:
        yield client


def plugged_in_once(machine: Machine, adapter: Adapter) -> str:
    """The adapter's name that stays, with its driver loaded; it is away again."""
    adapter.plug_in()
    machine.run(THERE.format("/dev/ttyUSB0"), seconds=60)
    machine.run("udevadm settle")
    name = machine.run("ls /dev/serial/by-id/*").output.strip()
    adapter.pull()
    machine.run(AWAY.format("/dev/ttyUSB0"))
    return name


def test_it_is_pulled_and_plugged_in_again(
    machine: Machine, adapter: Adapter, board: AtClient, report: Report
) -> None:
    name = plugged_in_once(machine, adapter)
    adapter.plug_in()
    machine.run(THERE.format(name), seconds=60)
    gateway = GatewayOnSerial(machine, board, uart=name, properties=AS_PACKAGED)
    gateway.start()
    gateway.greeted()
    pid = machine.run(f"systemctl show --value -p MainPID {UNIT}").output
    for _ in range(2):
        adapter.pull()
        machine.run(AWAY.format("/dev/ttyUSB0"))
        machine.run(SAID.format(UNIT, f"{name} is gone (unplugged?)"))
        assert machine.run(f"systemctl is-active {UNIT}").output == "active\n"
        begun = adapter.plug_in()
        board.until(b"\r\nready\r\n", 60)
        report.note(f"ready {time.monotonic() - begun:.1f} s after it was plugged in")
        assert machine.run(f"readlink -f {name}").output == "/dev/ttyUSB0\n"
        board.send(b"ATE0\r\n")
        board.until(b"ATE0\r\n\r\nOK\r\n")
        assert board.ask("AT").ok
    assert machine.run(f"systemctl show --value -p MainPID {UNIT}").output == pid
    assert "Traceback" not in gateway.log()


def test_it_comes_after_a_start_without_its_driver(
    machine: Machine, adapter: Adapter, board: AtClient, report: Report
) -> None:
    assert "ttyUSB" not in machine.run("cat /proc/devices").output
    gateway = GatewayOnSerial(machine, board, uart="/dev/ttyUSB0", properties=AS_PACKAGED)
    gateway.start()
    status = machine.run(f"systemctl show --value -p StatusText {UNIT}").output
    assert status == "waiting for /dev/ttyUSB0\n"
    begun = adapter.plug_in()
    board.until(b"\r\nready\r\n", 90)
    report.note(f"ready {time.monotonic() - begun:.1f} s after it was plugged in")
    report.note(machine.run(f"systemctl show -p NRestarts {UNIT}").output.strip())
    assert "Traceback" not in gateway.log()
