"""A process's memory as the kernel counts it, in mebibytes (2^20 bytes)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident set, proportional share of it, and the largest resident set it ever had."""

    rss: float
    pss: float
    peak: float


def _mebibytes(text: str, name: str) -> float:
    for line in text.splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) / 1024
    raise KeyError(name)


def memory_of(pid: int) -> Memory:
    """What process `pid` takes now. OSError: it is gone, or not ours."""
    status = Path(f"/proc/{pid}/status").read_text()
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return Memory(
        rss=_mebibytes(status, "VmRSS"),
        pss=_mebibytes(rollup, "Pss"),
        peak=_mebibytes(status, "VmHWM"),
    )
