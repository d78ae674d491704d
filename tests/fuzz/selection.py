"""Which inputs are worth keeping: those that reach what no smaller one does."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from tests.fuzz.targets import Target

GATEWAY = str(Path(__file__).parent.parent.parent / "gateway")
Arc = tuple[str, int, int]


def select(target: Target, inputs: Iterable[bytes], reached: set[Arc]) -> Iterator[bytes]:
    """The inputs that add to `reached`, the smallest first; `reached` grows on the way."""
    for data in sorted(set(inputs), key=lambda each: (len(each), each)):
        fresh = arcs_of(target, data) - reached
        if fresh:
            reached |= fresh
            yield data


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
