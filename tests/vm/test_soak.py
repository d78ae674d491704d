"""Everything at once over a radio, while the access point and NetworkManager go and come."""

from __future__ import annotations

import os
import re

from tests.vm.gateway_on_serial import PLACE
from tests.vm.machine import Machine
from tests.vm.report import Report

MINUTES = float(os.environ.get("SOAK_MINUTES", "3"))


def test_minutes_on_a_radio(machine: Machine, report: Report) -> None:
    """Each byte is compared; what is gone at rest is memory and descriptors as at the start."""
    seed = os.environ.get("SOAK_SEED", "1")
    done = machine.run(
        f"cd {PLACE} && python3 -u -m tests.endurance.soak --minutes {MINUTES:g} --rig radio "
        f"--seed {seed} 2>&1",
        seconds=(MINUTES + 9) * 60,
        check=False,
    )
    print(done.output)
    assert done.status == 0, done.output
    # Each kind comes once before any comes again.
    told = re.search(r"^  disturbances +(.*)$", done.output, re.MULTILINE)
    assert told
    for kind in ("access point closed", "access point cut", "NetworkManager restarted"):
        assert kind in told[1]
    for name in ("links", "memory", "descriptors"):
        found = re.search(rf"^  {name} +(.*)$", done.output, re.MULTILINE)
        assert found
        report.note(f"{name}: {found[1]}")
