"""The systems that run all the time, each with a far end of its own."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

from benchmarks import systems, tools
from benchmarks.client import time_limit
from benchmarks.cpu import cpu_seconds
from benchmarks.five_links import LINKS
from benchmarks.measurements import CPU, FAILURES, MEBIBYTE, Measurement, Sizes
from benchmarks.memory import memory_of
from benchmarks.peer import Peer
from benchmarks.progress import say
from benchmarks.real_network import RealNetwork
from benchmarks.results import Results
from benchmarks.systems import Started, System

MEASUREMENT_LIMIT = 60.0
PROCESSORS = os.sched_getaffinity(0)
"""Those that this process may run on at its start."""

NAMES = (
    *("gateway", "gateway-tcp", "gateway-tls", "gateway-five", "networkmanager"),
    *("espemu", "espemu-pty", "espemu-five", "socat", "socat-tls", "responder", "echo"),
    *("c-module", "c-module-tcp"),
)


class Stage:
    """Starts every system at its entry and ends them all at its exit.

    Every system, that is, which takes part in one of `measurements`. `identity` is the file
    with certificate and key of the far ends that speak TLS.
    """

    def __init__(
        self,
        results: Results,
        real: RealNetwork,
        identity: Path,
        measurements: Mapping[str, Measurement],
    ) -> None:
        self.results = results
        self.measurements = measurements
        self._real = real
        self._identity = identity
        self._running: dict[str, tuple[System, Peer]] = {}

    def __enter__(self) -> Self:
        taking_part = {
            name
            for measurement in self.measurements.values()
            for name in (*measurement.systems, *measurement.warm)
        }
        for name in NAMES:
            if name in taking_part:
                self._start(name)
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self._running):
            self._stop(name)

    def _start(self, name: str) -> None:
        """Start a system; where that fails all of its measurements say why."""
        try:
            self._running[name] = self._make(name)
        except (tools.Missing, *FAILURES) as error:
            say(f"{name} does not run: {error}")
            for metric, measurement in self.measurements.items():
                if name in measurement.systems:
                    self.results.absent.setdefault((metric, name), str(error))

    def _make(self, name: str) -> tuple[System, Peer]:
        inside = self._real.inside if name == "networkmanager" else None
        peer = Peer(inside, self._identity if name.endswith("-tls") else None)
        try:
            if name.startswith("socat"):
                # It connects at once, and TLS wants an answer before it says anything.
                peer.accept()
            system = System(name, self._starter(name, peer))
        except BaseException:
            peer.close()
            raise
        try:
            if name.startswith("socat"):
                peer.result()
            elif name.startswith(("gateway", "networkmanager", "espemu", "c-module")):
                kind = "SSL" if name.endswith("-tls") else "TCP"
                links = LINKS if name.endswith("-five") else 1
                systems.link_up(system, peer, kind=kind, links=links)
        except BaseException:
            system.close()
            peer.close()
            raise
        if self.results.about.apart:
            system.keep_to({min(PROCESSORS)})
        return system, peer

    def _starter(self, name: str, peer: Peer) -> Callable[[Path], Started]:
        match name:
            case "gateway-tcp":
                return systems.start_gateway_over_tcp
            case "networkmanager":
                return lambda folder: systems.start_gateway_on_networkmanager(folder, self._real)
            case "espemu":
                return systems.start_espemu
            case "espemu-pty" | "espemu-five":
                return systems.start_espemu_on_terminal
            case "socat" | "socat-tls":
                secure = name == "socat-tls"
                return lambda folder: systems.start_socat(folder, peer.port, secure=secure)
            case "c-module-tcp":
                return lambda folder: systems.start_program_over_tcp(folder, tools.responder())
            case "responder" | "c-module":
                return lambda folder: systems.start_program(folder, tools.responder())
            case "echo":
                return lambda folder: systems.start_program(folder, tools.echo())
            case _:
                return systems.start_gateway

    def _stop(self, name: str) -> None:
        """End a system and its peer."""
        system, peer = self._running.pop(name)
        system.close()
        peer.close()

    def measure(self, metric: str, name: str, number: int, sizes: Sizes) -> None:
        """One measurement in round `number`; -1 is the one that checks the bytes."""
        results, measurement = self.results, self.measurements[metric]
        if (metric, name) in results.absent or name not in self._running:
            return
        try:
            with time_limit(MEASUREMENT_LIMIT):
                values = self._measured(metric, measurement, name, sizes, check=number < 0)
        except FAILURES as error:
            say(f"{name} fails at {metric}: {error!r}")
            results.absent[metric, name] = f"failed: {error}"
            self._stop(name)
            self._start(name)
            return
        if number >= 0:
            for key, value in values.items():
                results.add(key, name, number, value)

    def _measured(
        self, metric: str, measurement: Measurement, name: str, sizes: Sizes, *, check: bool
    ) -> dict[str, float]:
        system, peer = self._running[name]
        if check:
            (measurement.verify or measurement.run)(system, peer, sizes)
            return {}
        before = cpu_seconds(system.pid)
        values = measurement.run(system, peer, sizes)
        if measurement.transfer:
            taken = cpu_seconds(system.pid) - before
            values[metric + CPU] = taken * 10 * MEBIBYTE / sizes.transfer
        return values

    def read_peaks(self, number: int) -> None:
        """The most memory that each system has ever taken, up to now."""
        for name, (system, _) in self._running.items():
            with contextlib.suppress(OSError):
                self.results.add("peak", name, number, memory_of(system.pid).peak)
