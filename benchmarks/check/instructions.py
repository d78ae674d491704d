"""Instructions a round, by callgrind.

A session alone runs under valgrind and is spoken to from here. Between two kinds of round a mark
makes callgrind write down what has been counted since the mark before. Each kind is counted
twice, over COUNT rounds and over twice as many: what one round costs is the difference by
COUNT, in which marks and whatever else happens once are left out.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from benchmarks.check import programs
from benchmarks.check.conversation import ROUNDS, FarEnd, Round, converse
from benchmarks.check.partner import session_alone
from benchmarks.client import time_limit

COUNT = 100
"""Rounds in a first count; a second one has twice as many."""

WARMING = 20
"""Rounds before, in which Python specializes its bytecode and caches fill."""

LIMIT = 240.0
MARK = "AT+SYSRAM?"

_TOTAL = re.compile(r"^(?:totals|summary): (\d+)", re.MULTILINE)


def count() -> dict[str, float]:
    """Instructions of a round of each kind. Raises tools.Missing where there is no valgrind."""
    with tempfile.TemporaryDirectory(prefix="check-") as folder:
        found = Path(folder) / "callgrind"
        _run(found)
        totals = [_total(Path(f"{found}.{part}")) for part in range(1, 3 * len(ROUNDS) + 1)]
    return {
        kind.name: (totals[3 * place + 2] - totals[3 * place + 1]) / COUNT
        for place, kind in enumerate(ROUNDS)
    }


def _run(found: Path) -> None:
    before = [programs.valgrind(), "--tool=callgrind", "--dump-before=getppid", "-q"]
    with session_alone([*before, f"--callgrind-out-file={found}"]) as client, time_limit(LIMIT):

        def perform(kind: Round, far: FarEnd) -> None:
            for count in (WARMING, COUNT, 2 * COUNT):
                for _ in range(count):
                    kind.talk(client, far)
                client.command(MARK)

        converse(client, perform)


def _total(part: Path) -> int:
    found = _TOTAL.search(part.read_text(errors="replace"))
    assert found, part.name
    return int(found[1])
