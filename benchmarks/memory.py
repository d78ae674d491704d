"""A process's memory as the kernel counts it, in megabytes (10^6 bytes)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident set, proportional share of it, and the largest it ever was."""

    rss: float
    pss: float
    peak: float


def _megabytes(text: str, name: str) -> float:
    for line in text.splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024 / 1e6
    raise KeyError(name)


def memory_of(pid: int) -> Memory:
    """What process `pid` takes now. OSError: it is gone, or not ours."""
    status = Path(f"/proc/{pid}/status").read_text()
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return Memory(
        rss=_megabytes(status, "VmRSS"),
        pss=_megabytes(rollup, "Pss"),
        peak=_megabytes(status, "VmHWM"),
    )
