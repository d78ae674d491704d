"""The contract of every Network, on the real NetworkManager and with real radios."""

from __future__ import annotations

from tests.vm.gateway_on_serial import PLACE
from tests.vm.machine import Machine
from tests.vm.report import Report

SECONDS = 1800
"""Several times what all of it takes; a test that hangs ends by itself."""


def test_the_contract_holds_with_radios(machine: Machine, report: Report) -> None:
    result = machine.run(
        f"cd {PLACE} && python3 -m pytest -q -rfE --tb=short --import-mode=importlib "
        "-p no:cacheprovider -c /dev/null --rootdir=. tests/vm/inside/network_contract.py",
        seconds=SECONDS,
        check=False,
    )
    report.note(result.output.strip().splitlines()[-1])
    assert result.status == 0, result.output
