"""The tables of a run, for a screen; and the run as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from benchmarks.results import About, Results
from benchmarks.sections import Table, notes, tables
from benchmarks.targets import Verdict, verdicts


def machine(about: About) -> str:
    """What it ran on, in a line."""
    placed = "systems and client on different processors" if about.apart else "placed freely"
    return (
        f"{about.processor}, {about.processors} processors, load {about.load:.1f} before; "
        f"Python {about.python}, Linux {about.kernel}; {placed}"
    )


def target_table(found: Sequence[Verdict]) -> Table:
    """A row for each target."""
    rows = [("", "target", "median", "95 % interval", "reached")]
    for verdict in found:
        value = verdict.value
        middle = f"{value.median:.3f}" if value else "-"
        interval = f"{value.low:.3f} to {value.high:.3f}" if value else "-"
        rows.append((verdict.name, verdict.target, middle, interval, verdict.word))
    return Table("Targets", tuple(rows))


def _aligned(table: Table) -> list[str]:
    widths = [max(len(row[column]) for row in table.rows) for column in range(len(table.rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table.rows
    ]
    return ["", table.title, *lines]


def table(results: Results) -> str:
    """Everything measured and every target, for reading."""
    about = results.about
    lines = [f"Medians (quartiles) of {about.rounds} interleaved rounds; {machine(about)}"]
    for each in (*tables(results), target_table(verdicts(results))):
        lines += _aligned(each)
    missing = notes(results)
    if missing:
        lines += ["", "not measured:", *missing]
    return "\n".join(lines)


def as_json(results: Results) -> dict[str, Any]:
    """Everything measured, round by round, and every target."""
    targets = [
        {**asdict(verdict), "target": verdict.target, "reached": verdict.reached}
        for verdict in verdicts(results)
    ]
    return {**results.as_json(), "targets": targets}
