"""The benchmarks run: every measurement of the gateway gives a figure, and no byte is lost."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.measurements import MEASUREMENTS
from benchmarks.results import Results
from tests.system.gateway_process import ROOT

LIMIT = 300.0
"""Seconds, on a machine that has much else to do."""

COMPARED = ("espemu", "socat", "networkmanager", "echo", "responder")
"""What needs a download, a compiler or root: the benchmarks name it where it is missing."""


def test_every_measurement_of_the_gateway_gives_a_figure(tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    command = [sys.executable, "-m", "benchmarks", "--quick", "--rounds", "1", "--json", str(file)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT, check=False
    )
    assert done.returncode == 0, done.stderr
    results = Results.from_json(json.loads(file.read_text(encoding="utf-8")))
    ours = {place: why for place, why in results.absent.items() if place[1].startswith("gateway")}
    assert not ours, ours
    for metric, measurement in MEASUREMENTS.items():
        for name in measurement.systems:
            if not name.startswith(COMPARED):
                assert results.series(metric, name), (metric, name)
    for system in ("gateway", "gateway-device", "asyncio"):
        assert results.series("start", system), system
    for line in done.stdout.splitlines():
        print(line)
