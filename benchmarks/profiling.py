"""Where the gateway's time goes: one kind of work under cProfile."""

from __future__ import annotations

import io
import pstats
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks import systems
from benchmarks.client import time_limit
from benchmarks.measurements import MEBIBYTE, Sizes, pull, push, reply_times, upload
from benchmarks.peer import Peer
from benchmarks.systems import System

LIMIT = 300.0
"""Seconds; a profiled gateway is several times slower."""

_SIZES = Sizes(transfer=10 * MEBIBYTE, replies=10000)

WORK: dict[str, Callable[[System, Peer], dict[str, float]]] = {
    "at": lambda system, peer: reply_times(system, peer, _SIZES),
    "upload": lambda system, peer: upload(system, peer, _SIZES),
    "ipd": lambda system, peer: push(system, peer, _SIZES),
    "pull": lambda system, peer: pull(system, peer, _SIZES),
}


def profile(kind: str, functions: int = 30) -> str:
    """Do one kind of WORK; give the functions that took the most time of their own.

    The profiler makes calls dear and leaves system calls as they are: read its shares as a
    list of places to look at, and measure a change without it.
    """
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder, Peer() as peer:
        found = Path(folder) / "profile"
        python = (sys.executable, "-m", "cProfile", "-o", str(found))
        with System("gateway", lambda place: systems.start_gateway(place, python)) as system:
            systems.link_up(system, peer)
            with time_limit(LIMIT):
                values = WORK[kind](system, peer)
        text = io.StringIO()
        statistics = pstats.Stats(str(found), stream=text).strip_dirs()
        statistics.sort_stats("tottime").print_stats(functions)
    measured = ", ".join(f"{name} {value:.3f}" for name, value in values.items())
    return f"{kind} under the profiler: {measured}\n{text.getvalue()}"
