"""Which inputs are worth keeping: those that reach what no other does."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from types import FrameType
from typing import Any

from tests.fuzz.targets import Target

GATEWAY = str(Path(__file__).parent.parent.parent / "gateway")
Arc = tuple[str, int, int]


def added(target: Target, kept: Iterable[bytes], made: Iterable[bytes]) -> set[bytes]:
    """Those of `made`, the small ones first, that reach what none of `kept` does."""
    reached: set[Arc] = set()
    for data in kept:
        reached |= arcs_of(target, data)
    chosen: set[bytes] = set()
    for data in _smallest_first(made):
        arcs = arcs_of(target, data)
        if not arcs <= reached:
            chosen.add(data)
            reached |= arcs
    return chosen


def chosen_anew(target: Target, inputs: Iterable[bytes]) -> set[bytes]:
    """Inputs that together reach all that `inputs` do, none of them for nothing."""
    reached: Counter[Arc] = Counter()
    chosen: dict[bytes, set[Arc]] = {}
    for data in _smallest_first(inputs):
        arcs = arcs_of(target, data)
        if not arcs <= reached.keys():
            chosen[data] = arcs
            reached.update(arcs)
    # a larger one may have made a small one superfluous
    for data, arcs in list(chosen.items()):
        if all(reached[arc] > 1 for arc in arcs):
            reached.subtract(arcs)
            del chosen[data]
    return set(chosen)


def _smallest_first(inputs: Iterable[bytes]) -> list[bytes]:
    return sorted(set(inputs), key=lambda each: (len(each), each))


def arcs_of(target: Target, data: bytes) -> set[Arc]:
    """Each step from line to line that the gateway takes for an input."""
    arcs: set[Arc] = set()
    before: dict[FrameType, int] = {}

    def enter(frame: FrameType, event: str, argument: Any) -> Any:
        if not frame.f_code.co_filename.startswith(GATEWAY):
            return None
        before[frame] = 0
        return follow

    def follow(frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line":
            line = frame.f_lineno
            arcs.add((frame.f_code.co_filename, before.get(frame, 0), line))
            before[frame] = line
        elif event == "return":
            before.pop(frame, None)
        return follow

    tracing = sys.gettrace()
    sys.settrace(enter)
    try:
        target(data)
    finally:
        sys.settrace(tracing)
    return arcs
