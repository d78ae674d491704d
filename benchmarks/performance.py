"""docs/performance.md, from a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks import small_pi
from benchmarks.report import machine, target_table
from benchmarks.results import Results
from benchmarks.sections import Table, notes, tables
from benchmarks.targets import Verdict, verdicts

DOCUMENT = Path("docs/performance.md")

_INTRODUCTION = """\
# Performance

How quick the gateway is beside espemu, an ESP-AT emulator in Python, beside `socat`, which moves
the bytes and knows no command, and beside the wire itself. `make bench` measures; `make
performance` writes this file from what it has found, so nothing here is typed by hand.
[benchmarks/README.md](../benchmarks/README.md) tells what each row is and how it is measured.
"""

_READING = """\
## How to read it

- A figure is the median of the rounds, with the quartiles in parentheses: half of all rounds lie
  between them. Every round measures every system, so that all of them have the same weather.
- Compare within a row, never with another machine's table. Absolute times are those of the
  machine above, which is no Raspberry Pi.
- “pty” is a pseudo-terminal, where the kernel hands each piece to a worker of its own before the
  other end sees it; “TCP” is a connection on 127.0.0.1, without that. What is compared is
  compared on the same kind of channel.
- A ratio is taken in each round and its median is the figure. “NO” is a target missed; “not
  surely” means that the interval, which holds the true median with 95 % confidence or more, has
  the target within it.
- The line's share is the part of the time in which bytes would be on the wire, at that speed: the
  rest is what the gateway takes between them.
"""

_SMALL_PI = """\
## What one processor of a small Pi would do

Times of another machine do not tell. What a round costs in instructions and in system calls does:
`make bench-check` counts them, by `valgrind --tool=callgrind` and `strace`, and this is its
committed baseline. The instructions are the gateway's own, Python included; the kernel's are not
among them, and another kind of processor takes some more or fewer for the same. “pty” is a
pseudo-terminal that the gateway makes, “tty” a terminal device as a UART is one.

The last columns have how many million instructions a second that makes while the line does
nothing but such rounds, one behind the other, at its full speed. Beside it stands what a Pi's
processor carries out: the clock that `lscpu` shows there, in MHz, times the instructions that it
finishes in a cycle, about one in a small one. Where the first is a small part of the second, the
line is what limits.
"""

_BUSY = """\
The machine had other work to do when the run began, as its load tells: what depends on who is
given a processor, and when, swings widely here. To be run again on a quiet one.
"""


def _markdown(table: Table) -> list[str]:
    head, *rows = table.rows
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows)]


def _summary(found: Sequence[Verdict]) -> list[str]:
    judged = [verdict for verdict in found if verdict.reached is not None]
    missed = [verdict for verdict in judged if not verdict.reached]
    unknown = [verdict for verdict in found if verdict.value is None]
    lines = [f"Of {len(judged)} targets {len(judged) - len(missed)} are reached."]
    if missed:
        lines += ["", "Missed:", ""]
        lines += [_told(verdict) for verdict in missed]
        lines += _without_interpreter(missed, found)
    if unknown:
        lines += ["", "Not measured in this run:", ""]
        lines += [f"- {verdict.name}: {verdict.reason}" for verdict in unknown]
    return lines


def _told(verdict: Verdict) -> str:
    assert verdict.value is not None
    value = verdict.value
    middle = f"{value.median:.3f}{verdict.unit}, {value.low:.3f} to {value.high:.3f}"
    return f"- {verdict.name}: {middle}; the target is {verdict.target}"


def _without_interpreter(missed: Sequence[Verdict], found: Sequence[Verdict]) -> list[str]:
    """What a program reaches that does no more than the missed target takes, in C."""
    names = {verdict.name for verdict in missed}
    beside = [
        f"{verdict.value.median:.3f} {place}"
        for place in ("on a pty", "over TCP")
        for verdict in found
        if verdict.value is not None
        and verdict.name == f"up: C module / espemu, both {place}"
        and f"up: gateway / espemu, both {place}" in names
    ]
    if not beside:
        return []
    figures = " and ".join(beside)
    text = f"For comparison, a module in C that can do nothing but this reaches {figures}, in the"
    return ["", f"{text} same rounds."]


def document(results: Results) -> str:
    """The whole file."""
    about, found = results.about, verdicts(results)
    lines = [_INTRODUCTION, "## This run", ""]
    lines += ["| | |", "|---|---|", f"| command | `{about.command}` |", f"| date | {about.date} |"]
    lines += [f"| machine | {machine(about)} |", f"| rounds | {about.rounds} |", ""]
    if about.quick:
        lines += ["A quick run, to try the program: not one to quote.", ""]
    if about.load > about.processors / 2:
        lines.append(_BUSY)
    lines += [*_summary(found), "", "## Targets", "", *_markdown(target_table(found)), ""]
    lines += ["## Figures", ""]
    for table in tables(results):
        lines += [f"### {table.title}", "", *_markdown(table), ""]
    missing = notes(results)
    if missing:
        lines += ["Not measured:", "", *(f"- {note}" for note in missing), ""]
    counted = small_pi.tables()
    if counted:
        lines.append(_SMALL_PI)
    for table in counted:
        lines += [f"### {table.title}", "", *_markdown(table), ""]
    return "\n".join([*lines, _READING])


def write(results: Results) -> None:
    """Renew the file."""
    DOCUMENT.write_text(document(results), encoding="utf-8")
