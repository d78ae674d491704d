"""The gateway at rest: its memory, and which modules it has imported by then."""

from __future__ import annotations

import os
import signal
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import installed, systems
from benchmarks.check.conversation import settle
from benchmarks.client import time_limit
from benchmarks.real_network import RealNetwork
from benchmarks.systems import System

SETTLING = 2.0
"""Seconds of quiet before memory is read."""

LIMIT = 60.0
STARTS = 3
"""Starts of which the median counts: where the kernel puts the heap is a matter of chance."""

_LOOK = 0.05
_NOT_OURS = ("__main__", "pkgutil", "runpy", "_distutils_hack", "sitecustomize")
"""What the counting itself brings in, and what an environment or a distribution does."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes: all that is resident, and the part that is no file's and shared with nobody."""

    resident: int
    anonymous: int


def memory(real: RealNetwork | None) -> Memory:
    """What the gateway takes at rest; with `real` on a NetworkManager.

    Raises Missing where there is none.
    """
    seen = [_memory_once(real) for _ in range(STARTS)]
    return Memory(
        int(statistics.median(each.resident for each in seen)),
        int(statistics.median(each.anonymous for each in seen)),
    )


def _memory_once(real: RealNetwork | None) -> Memory:
    with _gateway(installed.PYTHON, real) as system:
        _settle(system)
        status = Path(f"/proc/{system.pid}/status").read_text()
        return Memory(_bytes(status, "VmRSS"), _bytes(status, "RssAnon"))


def _gateway(python: Sequence[str], real: RealNetwork | None) -> System:
    return System("gateway", lambda folder: systems.start_gateway_on_device(folder, python, real))


def _bytes(status: str, name: str) -> int:
    line = next(each for each in status.splitlines() if each.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024


def modules(real: RealNetwork | None) -> dict[str, list[str]]:
    """Names of the modules imported `at ready`, and later `at rest`. Raises Missing."""
    with tempfile.TemporaryDirectory(prefix="check-") as folder:
        file = Path(folder) / "modules"
        python = (*installed.PYTHON, str(Path(__file__).with_name("loaded.py")), str(file))
        with _gateway(python, real) as system:
            _settle(system)
            os.kill(system.pid, signal.SIGUSR1)
            with time_limit(LIMIT):
                while not file.with_suffix(".rest").exists():
                    time.sleep(_LOOK)
        return {
            f"at {when}": _counted(file.with_suffix(f".{when}").read_text().splitlines())
            for when in ("ready", "rest")
        }


def _counted(names: list[str]) -> list[str]:
    return [name for name in names if name.partition(".")[0] not in _NOT_OURS]


def _settle(system: System) -> None:
    with time_limit(LIMIT):
        settle(system.client)
        system.client.drop_input(SETTLING)
