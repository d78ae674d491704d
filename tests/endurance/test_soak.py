"""Three minutes of everything at once; `make soak HOURS=n` goes on for longer."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.namespaces.world import reason_not_to_run
from tests.system.gateway_process import ROOT

MINUTES = 3


def test_three_minutes_of_everything() -> None:
    """Nothing lost, doubled or out of order; nothing left open; memory flat; `AT` answers."""
    rig = "plain" if reason_not_to_run() else "namespaces"
    seed = os.environ.get("SOAK_SEED")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.endurance.soak"),
            *("--minutes", f"{MINUTES}", "--rig", rig),
            *(("--seed", seed) if seed else ()),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=(MINUTES + 6) * 60,
        check=False,
    )
    print(f"\n{done.stdout}")
    assert done.returncode == 0, done.stdout + done.stderr
    if rig == "namespaces":
        for kind in ("NetworkManager restarted", "bus killed", "cable pulled"):
            assert kind in done.stdout
