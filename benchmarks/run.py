"""Rounds: every measurement of every system, one after the other, over and over.

One run on a busy machine swings widely. Interleaving puts the systems that are compared
under the same weather, and the order turns round from one round to the next.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Collection
from pathlib import Path

from benchmarks import starts
from benchmarks.measurements import MEASUREMENTS, Sizes
from benchmarks.progress import say
from benchmarks.real_network import RealNetwork
from benchmarks.results import About, Results
from benchmarks.stage import PROCESSORS, Stage
from tests.services.authority import self_signed

STARTS = "start"
"""The measurement of starts and of memory at rest, beside MEASUREMENTS."""


def run(about: About, sizes: Sizes, only: Collection[str]) -> Results:
    """All rounds. The first one, not counted, warms up and checks every transfer's bytes.

    `only` names the measurements. `about.apart` keeps each system under measurement to the
    first processor, and the client and the far ends of the links to the others: as in the
    field, where those are other machines.
    """
    results = Results(about)
    chosen = {name: each for name, each in MEASUREMENTS.items() if name in only}
    with RealNetwork() as real, tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        identity = self_signed("benchmark", authority=False, addresses=["127.0.0.1"])
        started = starts.starts(real) if STARTS in only else {}
        _measure_starts(started, results, -1)
        if about.apart:
            # Inherited by whatever is started from here on; Stage moves the systems.
            os.sched_setaffinity(0, PROCESSORS - {min(PROCESSORS)})
        with Stage(results, real, identity.write(Path(folder)), chosen) as stage:
            _all_rounds(stage, started, sizes)
    return results


def _all_rounds(stage: Stage, started: starts.Starts, sizes: Sizes) -> None:
    began = time.monotonic()
    rounds = stage.results.about.rounds
    for number in range(-1, rounds):
        for metric, measurement in stage.measurements.items():
            order = measurement.systems if number % 2 else measurement.systems[::-1]
            for name in order if number >= 0 else (*order, *measurement.warm):
                stage.measure(metric, name, number, sizes)
        if number >= 0:
            stage.read_peaks(number)
            _measure_starts(started, stage.results, number)
            say(f"round {number + 1} of {rounds}, {time.monotonic() - began:.0f} s")


def _measure_starts(started: starts.Starts, results: Results, number: int) -> None:
    """Measure them on all processors in any case."""
    if not started:
        return
    confined = os.sched_getaffinity(0)
    os.sched_setaffinity(0, PROCESSORS)
    try:
        starts.measure(started, results, number)
    finally:
        os.sched_setaffinity(0, confined)
