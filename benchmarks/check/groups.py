"""What is counted: groups of figures, each made by one kind of tool."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from benchmarks.check import blocks, callgrind, rest, start, syscalls
from benchmarks.check.conversation import IN_PIECES
from benchmarks.check.judging import Counted, Figure
from benchmarks.real_network import RealNetwork

LIMITS = {"AT": 3, "AT+CIPSTATUS": 3, "2 KiB up": 8}
"""The most system calls of a round; the one of 2 KiB comes in two reads, line and payload."""

MEMORY_LIMIT = 28 * 1024 * 1024
"""The most bytes that the gateway may have resident at rest on NetworkManager."""

KEPT_LIMIT = 0.05
"""Blocks that a round may leave taken: one in twenty, which is a table that is doubled once."""

# A timer of some service may run out meanwhile.
_IDLE_CHANCE = 3

_SIMULATED, _REAL = "simulated", "NetworkManager"


def system_calls() -> Iterator[Counted]:
    """Over both kinds of line."""
    figures, memory, rounds = [], 0, 0
    for line in syscalls.LINES:
        traced, idle = syscalls.count(line)
        for name, each in traced.items():
            most = LIMITS.get(name)
            usual = each.usual.total()
            figures.append(Figure(f"{name}, {line}", usual, most, detail=each.listed()))
            # One that depends on the machine's haste: whether two pieces become one read.
            if name != IN_PIECES.name:
                figures.append(Figure(f"{name}, {line}, mean", each.mean, aside=True))
            memory, rounds = memory + each.memory, rounds + each.count
        idle_name = f"{syscalls.IDLE_SECONDS:g} s idle, {line}"
        figures.append(Figure(idle_name, idle, chance=_IDLE_CHANCE))
    names = ", ".join(syscalls.MEMORY_CALLS)
    # One in a hundred rounds: the heap may find its size.
    few = rounds // 100
    figures.append(Figure(f"{names} in all rounds", memory, few, chance=few))
    yield Counted("system calls a round", figures)


def instructions() -> Iterator[Counted]:
    """As valgrind counts them."""
    found = callgrind.instructions()
    yield Counted("instructions a round", [Figure(name, value) for name, value in found.items()])
    yield from _instructions_to_ready()


def _instructions_to_ready() -> Iterator[Counted]:
    """As valgrind counts them too, beside those of Python's own `import asyncio`."""
    figures = [
        Figure(_SIMULATED, start.to_ready(None)),
        Figure("import asyncio alone", start.of_asyncio()),
    ]
    yield Counted("instructions to ready", figures)
    with RealNetwork() as real:
        yield Counted(f"instructions to ready, {_REAL}", [Figure(_REAL, start.to_ready(real))])


def allocations() -> Iterator[Counted]:
    """How often, how much at once, and what stays."""
    found = callgrind.allocations()
    yield Counted("allocations a round", [Figure(name, value) for name, value in found.items()])
    taken = blocks.count()
    peaks = [Figure(name, each.peak) for name, each in taken.items()]
    yield Counted("bytes taken at most in a round", peaks)
    kept = [
        Figure(name, max(0.0, each.kept), KEPT_LIMIT, chance=KEPT_LIMIT)
        for name, each in taken.items()
    ]
    yield Counted("blocks that stay taken after a round", kept)


def at_rest() -> Iterator[Counted]:
    """Memory and modules, with the simulated network and with NetworkManager."""
    yield from _at_rest(_SIMULATED, None)
    with RealNetwork() as real:
        yield from _at_rest(_REAL, real)


def _at_rest(network: str, real: RealNetwork | None) -> Iterator[Counted]:
    memory = rest.memory(real)
    limit = None if real is None else MEMORY_LIMIT
    figures = [
        Figure("resident", memory.resident, limit),
        Figure("of that in no file", memory.anonymous),
    ]
    yield Counted(f"bytes at rest, {network}", figures)
    found = {f"{network}, {when}": names for when, names in rest.modules(real).items()}
    if real is not None:
        # Its binding is imported beside the start; how far that has come is a matter of chance.
        found = {place: names for place, names in found.items() if "rest" in place}
    figures = [Figure(place, len(names)) for place, names in found.items()]
    yield Counted(f"modules imported, {network}", figures, found)


GROUPS: dict[str, Callable[[], Iterator[Counted]]] = {
    "syscalls": system_calls,
    "instructions": instructions,
    "allocations": allocations,
    "rest": at_rest,
}
