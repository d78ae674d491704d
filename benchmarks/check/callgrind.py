"""Instructions and allocations a round, by callgrind.

A session alone runs under valgrind and is spoken to from here. Between two kinds of round a mark
makes callgrind write down what it has counted since the mark before. Each kind is counted
twice, over COUNT rounds and over twice as many: what one round costs is the difference by
COUNT, in which marks and whatever else happens once are left out.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.check import programs
from benchmarks.check.conversation import ROUNDS, FarEnd, Round, converse
from benchmarks.check.partner import MARK, session_alone
from benchmarks.client import time_limit

COUNT = 50
"""Rounds in a first count; a second one has twice as many."""

WARMING = 20
"""Rounds before, in which Python specializes its bytecode and caches fill."""

LIMIT = 120.0
_ALLOCATE = {"malloc", "calloc", "realloc"}

_TOTAL = re.compile(r"^(?:totals|summary): (\d+)", re.MULTILINE)
_CALLED = re.compile(r"^cfn=\((\d+)\)(?: (.*))?\ncalls=(\d+)", re.MULTILINE)
_NAMED = re.compile(r"^c?fn=\((\d+)\) (.*)$", re.MULTILINE)


def instructions() -> dict[str, float]:
    """Instructions of a round of each kind. Raises tools.Missing where there is no valgrind."""
    return _each_round({}, _instructions_in)


def allocations() -> dict[str, float]:
    """How often a round of each kind allocates memory, as above.

    Every object that Python has no free one of counts: its own allocator, which would take
    most of them from its pools, is switched off.
    """
    return _each_round({"PYTHONMALLOC": "malloc"}, _allocations_in)


def _each_round(environment: dict[str, str], counted: Callable[[str], int]) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="check-") as folder:
        found = Path(folder) / "callgrind"
        _run(found, environment)
        parts = [Path(f"{found}.{part}") for part in range(1, 3 * len(ROUNDS) + 1)]
        totals = [counted(part.read_text(errors="replace")) for part in parts]
    return {
        kind.name: (totals[3 * place + 2] - totals[3 * place + 1]) / COUNT
        for place, kind in enumerate(ROUNDS)
    }


def command(found: Path) -> list[str]:
    """What to write before a command line, for counts in `found`; raises Missing.

    At each call of getppid what was counted up to it is written to `found` with a number behind,
    from .1 on: a library function that nothing but a mark calls.
    """
    before = [programs.valgrind(), "--tool=callgrind", "--dump-before=getppid", "-q"]
    return [*before, f"--callgrind-out-file={found}"]


def total(file: Path) -> int:
    """The instructions of a part."""
    return _instructions_in(file.read_text(errors="replace"))


def _run(found: Path, environment: dict[str, str]) -> None:
    with time_limit(LIMIT), session_alone(command(found), environment) as client:

        def perform(kind: Round, far: FarEnd) -> None:
            for count in (WARMING, COUNT, 2 * COUNT):
                for _ in range(count):
                    kind.talk(client, far)
                client.command(MARK)

        converse(client, perform)


def _instructions_in(part: str) -> int:
    found = _TOTAL.search(part)
    assert found, part[:200]
    return int(found[1])


def _allocations_in(part: str) -> int:
    """Calls of malloc and its like. A name is written once, and is a number from then on."""
    names = dict(_NAMED.findall(part))
    return sum(
        int(count)
        for number, _, count in _CALLED.findall(part)
        if names[number].partition("'")[0] in _ALLOCATE
    )
