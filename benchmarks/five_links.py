"""Five links at once: what each of them gets of the line."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.client import READ_SIZE, SEND_SIZE, Client, UnexpectedReply
from benchmarks.far_end import Taken

LINKS = 5
"""As many as the module has (contract, section 6)."""

_PUSHED = b"\r\n+IPD,"


def evenness(shares: Sequence[float]) -> float:
    """The smallest share in percent of the largest."""
    return 100 * min(shares) / max(shares)


def upload_by_turns(client: Client, count: int) -> list[float]:
    """Send `count` bytes on each link, 2048 on one after the other; the seconds of each."""
    seconds = [0.0] * LINKS
    names = [b"%d," % link for link in range(LINKS)]
    for number in range(count // SEND_SIZE):
        for link, name in enumerate(names):
            start = time.perf_counter()
            client.send(name, number)
            seconds[link] += time.perf_counter() - start
    return seconds


@dataclass(frozen=True, slots=True)
class Shared:
    """What came on each link, and how much of it until the first had all of its own."""

    taken: list[Taken]
    at_first_end: list[int]


def take_multiplexed(client: Client, count: int, *, digest: bool = False) -> Shared:
    """Read `+IPD` until each link has brought `count` bytes. UnexpectedReply: something else came.

    Bytes are summed only if `digest`.
    """
    got = [0] * LINKS
    sums = [hashlib.sha256() for _ in range(LINKS)] if digest else None
    at_first_end: list[int] = []
    link, due, rest = 0, 0, b""
    while min(got) < count:
        data = rest + os.read(client.line, READ_SIZE)
        at, rest, size = 0, b"", len(data)
        while at < size:
            if due:
                end = min(at + due, size)
                if sums:
                    sums[link].update(data[at:end])
                got[link] += end - at
                due -= end - at
                at = end
                if not at_first_end and got[link] >= count:
                    at_first_end = list(got)
            elif (colon := data.find(b":", at, at + 48)) >= 0:
                link, due = _header(data[at:colon])
                at = colon + 1
            elif size - at < 48:
                rest = data[at:]
                break
            else:
                raise UnexpectedReply(repr(data[at : at + 48]))
    digests = [sum_.hexdigest() for sum_ in sums] if sums else [""] * LINKS
    taken = [Taken(bytes_, sum_) for bytes_, sum_ in zip(got, digests, strict=True)]
    return Shared(taken, at_first_end)


def _header(text: bytes) -> tuple[int, int]:
    """Link and length of `+IPD,<id>,<n>`. UnexpectedReply: it is something else."""
    if not text.startswith(_PUSHED):
        raise UnexpectedReply(repr(text))
    link, length = text[len(_PUSHED) :].split(b",")
    return int(link), int(length)
