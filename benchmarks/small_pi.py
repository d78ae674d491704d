"""What the gateway asks of one small processor: the committed counts of `benchmarks.check`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.client import SEND_SIZE
from benchmarks.line_share import BAUDS, BITS_PER_BYTE, PULL_BYTES, PUSHED, SEND_BYTES
from benchmarks.sections import Table, number

BASELINE = Path(__file__).parent / "check" / "baseline.json"

_HEADERS = len(b"\r\n+IPD,%d:" % PUSHED) + len(b"\r\n+IPD,%d:" % (SEND_SIZE - PUSHED))
WIRE_BYTES = {
    "AT": len(b"AT\r\n\r\nOK\r\n"),
    "2 KiB up": SEND_BYTES,
    "2 KiB down": SEND_SIZE + _HEADERS,
    "2 KiB pulled": PULL_BYTES + len(b"\r\n+IPD,2048\r\n"),
    "2 KiB up, TLS": SEND_BYTES,
    "2 KiB down, TLS": SEND_SIZE + _HEADERS,
}
"""What a round of each kind has on the wire, both ways together."""

_LINES = ("pty", "tty")


def tables(baseline: Path = BASELINE) -> list[Table]:
    """One for each Python and kind of processor that has been counted on."""
    if not baseline.exists():
        return []
    counted: dict[str, Any] = json.loads(baseline.read_text(encoding="utf-8"))
    return [_table(key, each["figures"]) for key, each in counted.items()]


def _table(key: str, figures: Mapping[str, Mapping[str, float]]) -> Table:
    instructions = figures.get("instructions a round", {})
    calls = figures.get("system calls a round", {})
    heads = ("", "instructions", *(f"system calls, {line}" for line in _LINES))
    rows = [(*heads, *(f"million/s at {baud}" for baud in BAUDS))]
    for name, count in instructions.items():
        cells = [f"{count:,.0f}"]
        cells += [_shown(calls.get(f"{name}, {line}")) for line in _LINES]
        cells += [_shown(_rate(name, count, baud)) for baud in BAUDS]
        rows.append((name, *cells))
    return Table(key, tuple(rows))


def _rate(name: str, count: float, baud: int) -> float | None:
    """Millions of instructions a second while the line does nothing but such rounds."""
    if name not in WIRE_BYTES:
        return None
    return count / (WIRE_BYTES[name] * BITS_PER_BYTE / baud) / 1e6


def _shown(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:g}" if value == int(value) else number(value)
