"""System calls a round, by strace.

The whole process is traced, threads included. What is counted of a kind of round is its usual
course, the one most of the rounds took: a timer or a cut segment in one of them is no news.
The mean over all of them is judged beside it, so that a call in every third round is seen too.
"""

from __future__ import annotations

import itertools
import re
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import installed, systems
from benchmarks.check import programs
from benchmarks.check.conversation import IN_PIECES, PLAIN, SECURED, FarEnd, Round, converse, settle
from benchmarks.client import Client, time_limit
from benchmarks.systems import Started, System

COUNT = 200
"""Rounds of each kind."""

IDLE_SECONDS = 3.0
LIMIT = 120.0
MEMORY_CALLS = ("mmap", "munmap", "mremap", "brk")

_MARK = "AT+CIPMUX?"
_CALL = re.compile(r"(?:\d+ +)?(?P<whole>(?P<name>\w+)\(.*)")
# Read through the vDSO where the machine's clock allows it: a property of the machine.
_CLOCKS = {"clock_gettime", "gettimeofday", "time", "clock_getres"}


@dataclass(frozen=True, slots=True)
class Traced:
    """What `count` rounds of a kind did: the calls of the usual one, and the mean of all."""

    count: int
    usual: Counter[str]
    mean: float
    memory: int
    """Calls that take memory from the kernel or give it back, in all rounds together."""

    def listed(self) -> str:
        """The usual round's calls, the most frequent first."""
        return ", ".join(f"{count} {name}" for name, count in self.usual.most_common())


def calls(trace: Iterable[str]) -> list[tuple[str, str]]:
    """Name and text of each call in strace's output, in the order in which they began."""
    found = []
    for line in trace:
        match = _CALL.match(line)
        if match and match["name"] not in _CLOCKS:
            found.append((match["name"], match["whole"]))
    return found


def rounds_of(kind: Round, section: Sequence[tuple[str, str]]) -> list[Counter[str]]:
    """The calls of each whole round: from one beginning up to the next."""
    begins = re.compile(kind.begins)
    starts = [place for place, (_, text) in enumerate(section) if begins.match(text)]
    return [
        Counter(name for name, _ in section[start:end]) for start, end in itertools.pairwise(starts)
    ]


def summed(rounds: Sequence[Counter[str]]) -> Traced:
    """The usual course of these rounds, and their mean."""
    courses = Counter(tuple(sorted(each.items())) for each in rounds)
    (usual, _), *_ = courses.most_common(1)
    return Traced(
        len(rounds),
        Counter(dict(usual)),
        statistics.fmean(each.total() for each in rounds),
        sum(each[name] for each in rounds for name in MEMORY_CALLS),
    )


def sections(trace: Sequence[tuple[str, str]]) -> list[Sequence[tuple[str, str]]]:
    """What lies between one mark and the next; a mark is a command asked for nothing else."""
    mark = re.compile(r'read\(\d+, "' + re.escape(_MARK))
    places = [place for place, (_, text) in enumerate(trace) if mark.match(text)]
    return [trace[a + 1 : b] for a, b in itertools.pairwise(places)]


def _strace(trace: Path) -> list[str]:
    # -D: the process that is started is the gateway, and the tracer is its grandchild.
    return [programs.strace(), "-D", "-f", "-q", "-o", str(trace), *installed.PYTHON]


def _work(client: Client) -> None:
    settle(client)
    client.command(_MARK)
    client.command(_MARK)
    time.sleep(IDLE_SECONDS)
    client.command(_MARK)

    def perform(kind: Round, far: FarEnd) -> None:
        client.command(_MARK)
        for _ in range(COUNT + 1):
            kind.talk(client, far)
        client.command(_MARK)

    converse(client, perform, (*PLAIN, IN_PIECES))


def _trace(start: Callable[[Path, Sequence[str]], Started]) -> list[tuple[str, str]]:
    with tempfile.TemporaryDirectory(prefix="check-") as folder:
        trace = Path(folder) / "trace"
        command = _strace(trace)
        with (
            System("gateway", lambda place: start(place, command)) as system,
            time_limit(LIMIT),
        ):
            _work(system.client)
        _wait_for_end(trace)
        with trace.open(errors="replace") as lines:
            return calls(lines)


def _wait_for_end(trace: Path) -> None:
    """The tracer outlives the gateway by a moment."""
    until = time.monotonic() + systems.START_LIMIT
    while "+++ " not in trace.read_text(errors="replace")[-200:]:
        if time.monotonic() > until:
            raise TimeoutError("strace does not end")
        time.sleep(0.05)


LINES: dict[str, Callable[[Path, Sequence[str]], Started]] = {
    "pty": systems.start_gateway,
    "tty": systems.start_gateway_on_device,
}
"""Over a pseudo-terminal of its own, and over a terminal device as a UART is one."""


def count(line: str) -> tuple[dict[str, Traced], int]:
    """Each kind of round over one of LINES, and the calls of IDLE_SECONDS of idleness.

    Raises tools.Missing where there is no strace.
    """
    busy, idle, *worked = sections(_trace(LINES[line]))
    traced = {
        # Every other section is what was done to get from one kind to the next.
        kind.name: summed(rounds_of(kind, section))
        for kind, section in zip((*PLAIN, IN_PIECES, *SECURED), worked[1::2], strict=True)
    }
    return traced, len(idle) - len(busy)
