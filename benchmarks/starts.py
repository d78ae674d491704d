"""Starting: how long it takes until `ready`, and what memory a system takes at rest."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks import installed, systems, tools
from benchmarks.client import time_limit
from benchmarks.cpu import cpu_seconds
from benchmarks.measurements import CPU, FAILURES
from benchmarks.memory import memory_of
from benchmarks.progress import say
from benchmarks.real_network import RealNetwork
from benchmarks.results import Results
from benchmarks.systems import Started, System

SETTLING = 2.0
"""Seconds of quiet before memory at rest is read."""

_LOOK = 0.05
_IDLE = 0.001
"""Seconds of processor in so many seconds are as good as none."""

REFERENCE = "asyncio"
"""The measurement `start` of this system is Python's own: `import asyncio`, and its end."""

Starts = Mapping[str, Callable[[Path], Started]]


def starts(real: RealNetwork) -> Starts:
    """What is started in each round."""
    return {
        "gateway": systems.start_gateway,
        "gateway-device": systems.start_gateway_on_device,
        "networkmanager-device": lambda folder: systems.start_gateway_on_device(folder, real=real),
        "espemu": systems.start_espemu,
        "espemu-pty": systems.start_espemu_on_terminal,
    }


def measure(starts: Starts, results: Results, number: int) -> None:
    """Start each, and Python alone, in turning order; then read their memory, and end them.

    The first start reads from disk: round -1 does not count.
    """
    names = [*starts, REFERENCE]
    with contextlib.ExitStack() as stack:
        running: dict[str, System] = {}
        for name in names if number % 2 else names[::-1]:
            if ("start", name) in results.absent:
                continue
            begin = time.perf_counter()
            try:
                if name == REFERENCE:
                    on_processor = _import_asyncio()
                else:
                    running[name] = stack.enter_context(System(name, starts[name]))
                    on_processor = cpu_seconds(running[name].pid)
            except (tools.Missing, *FAILURES) as error:
                say(f"{name} does not start: {error}")
                results.absent["start", name] = str(error)
                continue
            if number >= 0:
                results.add("start", name, number, time.perf_counter() - begin)
                results.add("start" + CPU, name, number, on_processor)
            if name in running:
                _wait_until_idle(running[name])
        if number >= 0:
            time.sleep(SETTLING)
            _read_memory(running, results, number)


def _wait_until_idle(system: System) -> None:
    """What a system does behind its `ready` is not to be in the way of the next one's start."""
    until = time.monotonic() + SETTLING
    before = 0.0
    while (now := cpu_seconds(system.pid)) - before > _IDLE and time.monotonic() < until:
        before = now
        time.sleep(_LOOK)


def _import_asyncio() -> float:
    """Start Python for nothing else, to its end; the seconds of processor that it took."""
    with time_limit(systems.START_LIMIT):
        process = subprocess.Popen([*installed.PYTHON, "-c", "import asyncio"])
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime


def _read_memory(running: Mapping[str, System], results: Results, number: int) -> None:
    for name, system in running.items():
        memory = memory_of(system.pid)
        results.add("rest-rss", name, number, memory.rss)
        results.add("rest-pss", name, number, memory.pss)
