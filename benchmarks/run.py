"""Rounds: every measurement of every system, one after the other, over and over.

One run on a busy machine swings widely. Interleaving puts the systems that are compared
under the same weather, and the order turns round from one round to the next.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from benchmarks import systems, tools
from benchmarks.client import time_limit
from benchmarks.measurements import FAILURES, MEASUREMENTS, Sizes, start_time
from benchmarks.memory import Memory, memory_of
from benchmarks.peer import Peer
from benchmarks.real_network import RealNetwork
from benchmarks.systems import Started, System

MEASUREMENT_LIMIT = 60.0
SETTLING = 2.0
"""Seconds of quiet before memory at rest is read."""

_PROCESSORS = os.sched_getaffinity(0)


@dataclass(slots=True)
class Results:
    """Values by (metric, system) and round; what could not run, with its reason."""

    values: dict[tuple[str, str], dict[int, float]] = field(default_factory=dict)
    absent: dict[tuple[str, str], str] = field(default_factory=dict)
    apart: bool = False
    rest: dict[str, Memory] = field(default_factory=dict)
    after: dict[str, Memory] = field(default_factory=dict)

    def add(self, metric: str, system: str, number: int, value: float) -> None:
        """Keep the value of one round."""
        self.values.setdefault((metric, system), {})[number] = value

    def series(self, metric: str, system: str) -> list[float]:
        """The values of all rounds, in order; empty if there are none."""
        return list(self.values.get((metric, system), {}).values())

    def pairs(self, metric: str, one: str, other: str) -> list[tuple[float, float]]:
        """The values of two systems in the rounds that both took part in."""
        first = self.values.get((metric, one), {})
        second = self.values.get((metric, other), {})
        return [(first[number], second[number]) for number in first if number in second]


class Stage:
    """The systems that run, each with a peer of its own."""

    def __init__(self, results: Results, real: RealNetwork) -> None:
        self.results = results
        self.real = real
        self.running: dict[str, tuple[System, Peer]] = {}

    def __enter__(self) -> Self:
        for name in ("gateway", "networkmanager", "espemu", "socat", "responder"):
            self.start(name)
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self.running):
            self.stop(name)

    def start(self, name: str) -> None:
        """Start a system; where that fails all of its measurements say why."""
        try:
            self.running[name] = self._make(name)
        except (tools.Missing, *FAILURES) as error:
            say(f"{name} does not run: {error}")
            for metric, measurement in MEASUREMENTS.items():
                if name in measurement.systems:
                    self.results.absent.setdefault((metric, name), str(error))

    def _make(self, name: str) -> tuple[System, Peer]:
        peer = Peer(self.real.inside if name == "networkmanager" else None)
        try:
            system = System(name, self._starter(name, peer))
        except BaseException:
            peer.close()
            raise
        try:
            if name in ("gateway", "networkmanager", "espemu"):
                time.sleep(SETTLING)
                rest = memory_of(system.pid)
                systems.link_up(system, peer)
                # Kept now only: one that finds no network is not the one to tell of.
                self.results.rest.setdefault(name, rest)
            elif name == "socat":
                peer.accept()
                peer.result()
        except BaseException:
            system.close()
            peer.close()
            raise
        if self.results.apart:
            system.keep_to({min(_PROCESSORS)})
        return system, peer

    def _starter(self, name: str, peer: Peer) -> Callable[[Path], Started]:
        match name:
            case "gateway":
                return systems.start_gateway
            case "networkmanager":
                return lambda folder: systems.start_gateway_on_networkmanager(folder, self.real)
            case "espemu":
                return systems.start_espemu
            case "socat":
                return lambda folder: systems.start_socat(folder, peer.port)
            case _:
                return systems.start_responder

    def stop(self, name: str) -> None:
        """End a system and its peer, having read its memory."""
        system, peer = self.running.pop(name)
        # A peak is one of transfers, which this one does none of.
        if name != "networkmanager":
            with contextlib.suppress(OSError):
                self.results.after.setdefault(name, memory_of(system.pid))
        system.close()
        peer.close()

    def measure(self, metric: str, name: str, number: int, sizes: Sizes) -> None:
        """One measurement in round `number`; -1 is the one that checks the bytes."""
        results, measurement = self.results, MEASUREMENTS[metric]
        if (metric, name) in results.absent or name not in self.running:
            return
        run = measurement.verify if number < 0 else measurement.run
        try:
            with time_limit(MEASUREMENT_LIMIT):
                values = (run or measurement.run)(*self.running[name], sizes)
        except FAILURES as error:
            say(f"{name} fails at {metric}: {error!r}")
            results.absent[metric, name] = f"failed: {error}"
            self.stop(name)
            self.start(name)
            return
        if number >= 0 and isinstance(values, dict):
            for key, value in values.items():
                results.add(key, name, number, value)


def say(text: str) -> None:
    """Tell how the run goes, beside the table."""
    print(text, file=sys.stderr, flush=True)


Starts = Mapping[str, Callable[[Path], Started]]


def _starts(real: RealNetwork) -> Starts:
    return {
        "gateway": systems.start_gateway,
        "networkmanager": lambda folder: systems.start_gateway_on_networkmanager(folder, real),
        "gateway-device": systems.start_gateway_on_device,
        "espemu": systems.start_espemu,
    }


def _measure_starts(starts: Starts, results: Results, number: int) -> None:
    confined = os.sched_getaffinity(0)
    os.sched_setaffinity(0, _PROCESSORS)
    try:
        _measure_each_start(starts, results, number)
    finally:
        os.sched_setaffinity(0, confined)


def _measure_each_start(starts: Starts, results: Results, number: int) -> None:
    order = list(starts.items())
    for name, start in order if number % 2 else order[::-1]:
        if ("start", name) in results.absent:
            continue
        try:
            seconds = start_time(start)
        except (tools.Missing, *FAILURES) as error:
            say(f"{name} does not start: {error}")
            results.absent["start", name] = str(error)
            continue
        # The first start compiles and reads from disk; it is not one of those that count.
        if number >= 0:
            results.add("start", name, number, seconds)


def run(rounds: int, sizes: Sizes, *, apart: bool) -> Results:
    """All rounds. The first one, not counted, warms up and checks every transfer's bytes.

    `apart` keeps each system under measurement to the first processor, and the client and the
    far ends of the links to the others: as in the field, where those are other machines.
    """
    results = Results(apart=apart and len(_PROCESSORS) > 1)
    with RealNetwork() as real:
        starts = _starts(real)
        _measure_starts(starts, results, -1)
        if results.apart:
            # Inherited by whatever is started from here on; Stage moves the systems.
            os.sched_setaffinity(0, _PROCESSORS - {min(_PROCESSORS)})
        with Stage(results, real) as stage:
            _all_rounds(stage, starts, rounds, sizes)
    return results


def _all_rounds(stage: Stage, starts: Starts, rounds: int, sizes: Sizes) -> None:
    began = time.monotonic()
    for number in range(-1, rounds):
        for metric, measurement in MEASUREMENTS.items():
            order = measurement.systems if number % 2 else measurement.systems[::-1]
            for name in order:
                stage.measure(metric, name, number, sizes)
        if number >= 0:
            _measure_starts(starts, stage.results, number)
            say(f"round {number + 1} of {rounds}, {time.monotonic() - began:.0f} s")
