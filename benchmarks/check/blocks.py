"""Memory that a round leaves taken, and the most it takes meanwhile, by Python's own counters."""

from __future__ import annotations

import re
from dataclasses import dataclass

from benchmarks.check.conversation import FarEnd, Round, converse
from benchmarks.check.partner import MARK, session_alone
from benchmarks.client import Client, time_limit

COUNT = 500
"""Rounds of each kind, after as many to warm up."""

LIMIT = 120.0


@dataclass(frozen=True, slots=True)
class Taken:
    """Of one kind of round: how many blocks stay taken after it, and bytes at the most."""

    kept: float
    peak: int


def count() -> dict[str, Taken]:
    """What a round of each kind takes."""
    found: dict[str, Taken] = {}
    with time_limit(LIMIT), session_alone(arguments=["memory"]) as client:

        def perform(kind: Round, far: FarEnd) -> None:
            blocks, peaks = zip(*(_marked(kind, client, far) for _ in range(2)), strict=True)
            found[kind.name] = Taken((blocks[1] - blocks[0]) / COUNT, peaks[1])

        converse(client, perform)
    return found


def _marked(kind: Round, client: Client, far: FarEnd) -> tuple[int, int]:
    for _ in range(COUNT):
        kind.talk(client, far)
    blocks, peak = re.findall(rb"\d+", client.command(MARK))
    return int(blocks), int(peak)
