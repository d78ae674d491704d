"""Fixtures: the machine as it was before any test, and the gateway serving in it."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest

from tests.vm.air import Air, Neighbour
from tests.vm.at_client import AtClient
from tests.vm.disk_image import CannotRun
from tests.vm.gateway_on_serial import (
    GatewayOnSerial,
    gateway_log,
    manager_log,
    push_source,
)
from tests.vm.machine import Machine, MachineError
from tests.vm.report import Report
from tests.vm.running import running
from tests.vm.standard_air import ON_WLAN1, open_standard_air

QUIET = "quiet"
"""The snapshot with access points on the air, and no gateway."""
SERVING = "serving"
"""The snapshot with the gateway behind its `ready`, the echo off."""

_report = Report()


@pytest.fixture(scope="session")
def booted() -> Iterator[Machine]:
    """The only machine of this run; `machine` and `gateway` give it in a known state."""
    try:
        with running() as machine:
            open_standard_air(Air(machine))
            push_source(machine)
            _scan(machine)
            machine.save(QUIET)
            yield machine
    except CannotRun as error:
        pytest.exit(str(error), returncode=1)


@pytest.fixture(scope="session")
def line(booted: Machine) -> Iterator[AtClient]:
    """The host's end of the guest's serial line."""
    with AtClient(booted.serial()) as client:
        yield client


@pytest.fixture(scope="session")
def served(booted: Machine, line: AtClient) -> GatewayOnSerial:
    """The gateway with its default configuration, kept as `SERVING` once it serves."""
    booted.load(QUIET)
    gateway = GatewayOnSerial(booted, line)
    gateway.start()
    gateway.greeted()
    _scan(booted)
    booted.save(SERVING)
    return gateway


def _scan(machine: Machine) -> None:
    """NetworkManager knows all that is on the air, and has no scan under way."""
    machine.run(
        "for _ in $(seq 20); do nmcli device wifi list --rescan yes >/dev/null; "
        f"[ $(nmcli -g BSSID device wifi list --rescan no | wc -l) = {len(ON_WLAN1)} ] && exit; "
        "sleep 1; done; nmcli device wifi list --rescan no; exit 1",
        seconds=200,
    )


@pytest.fixture
def machine(booted: Machine, line: AtClient) -> Machine:
    """The machine with access points on the air, and no gateway."""
    booted.plug_cable()
    booted.load(QUIET)
    line.drop()
    return booted


@pytest.fixture
def gateway(served: GatewayOnSerial, booted: Machine, line: AtClient) -> GatewayOnSerial:
    """The gateway, which has just said `ready`; it has joined nothing yet."""
    booted.plug_cable()
    booted.load(SERVING)
    line.drop()
    # The emulated processor translates everything anew, which is not to be measured.
    assert line.ask("AT").ok
    return served


@pytest.fixture
def air(booted: Machine) -> Air:
    """The access points; ask for `machine` or `gateway` first."""
    return Air(booted)


@pytest.fixture
def neighbour(booted: Machine) -> Neighbour:
    """Somebody who joins the gateway's own access point."""
    return Neighbour(booted)


@pytest.fixture
def report() -> Report:
    """Where to note what was measured."""
    return _report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the guest's logs beside what failed."""
    report = yield
    machine = item.funcargs.get("booted")
    if report.failed and isinstance(machine, Machine):
        try:
            logs = [("gateway", gateway_log(machine)), ("NetworkManager", manager_log(machine))]
        except MachineError as error:
            logs = [("machine", str(error))]
        report.sections += [(f"journal of the {name}", text) for name, text in logs]
    return report


def pytest_runtest_logstart(nodeid: str) -> None:
    """Begin a row of the report."""
    _report.begin(_short(nodeid))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """End a row of the report."""
    _report.end(_short(report.nodeid), report.outcome, report.duration)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the report."""
    if lines := _report.lines():
        terminalreporter.section("report of the virtual machine")
        for text in lines:
            terminalreporter.write_line(text)


def _short(name: str) -> str:
    return name.removeprefix("tests/vm/")
