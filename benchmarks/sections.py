"""What is shown of a run: tables, each with a column for a system and a row for a measurement."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.figures import figure
from benchmarks.line_share import BAUDS, WAYS, missing, shares
from benchmarks.measurements import CPU, P99, QUERIES
from benchmarks.results import Results
from benchmarks.starts import REFERENCE

MISSING = "see below"
NOTHING = "-"


@dataclass(frozen=True, slots=True)
class Section:
    """A table to come: `columns` are systems with their heads, `rows` measurements with labels."""

    title: str
    columns: tuple[tuple[str, str], ...]
    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Text in cells, the first row being the heads."""

    title: str
    rows: tuple[tuple[str, ...], ...]


_MODULES = (
    ("gateway", "gateway, pty"),
    ("espemu-pty", "espemu, pty"),
    ("gateway-tcp", "gateway, TCP"),
    ("espemu", "espemu, TCP"),
)
_RAW = (("socat", "socat"),)
_TLS = (("gateway-tls", "gateway, pty, TLS"), ("socat-tls", "socat, TLS"))
_IN_C = (("c-module", "C module, pty"), ("c-module-tcp", "C module, TCP"))
_NETWORKS = (("gateway", "simulated network"), ("networkmanager", "NetworkManager"))

SECTIONS = (
    Section(
        "Reply, ms",
        (
            ("gateway", "gateway, pty"),
            ("echo", "C echo"),
            ("responder", "C responder"),
            ("networkmanager", "on NetworkManager"),
            *_MODULES[1:],
        ),
        (("reply", "AT to OK, median"), ("reply" + P99, "AT to OK, 99th percentile")),
    ),
    Section(
        "Queries, ms",
        _NETWORKS,
        tuple(
            row
            for query in QUERIES
            for row in (
                (query, f"{query}, median"),
                (query + P99, f"{query}, 99th percentile"),
            )
        ),
    ),
    Section(
        "One round, ms",
        (*_MODULES, ("gateway-tls", "gateway, pty, TLS"), ("responder", "C responder")),
        (("send-round", "AT+CIPSEND=2048"), ("pull-round", "AT+CIPRECVDATA=2048")),
    ),
    Section(
        "Transfers, MiB/s",
        (*_MODULES, *_RAW, *_TLS, ("responder", "C responder"), *_IN_C),
        (
            ("upload", "up, AT+CIPSEND=2048 (socat: raw)"),
            ("push", "down, +IPD (socat: raw)"),
            ("pull", "down, AT+CIPRECVDATA=2048 (socat: 2 KiB asked for)"),
        ),
    ),
    Section(
        "Processor, s for 10 MiB",
        (*_MODULES, *_RAW, *_TLS),
        (("upload" + CPU, "up"), ("push" + CPU, "down, +IPD"), ("pull" + CPU, "down, asked for")),
    ),
    Section(
        "Five links at once",
        (("gateway-five", "gateway, pty"), ("espemu-five", "espemu, pty")),
        (
            ("five-up", "up by turns, MiB/s"),
            ("five-up-evenness", "slowest link / fastest, %"),
            ("five-down", "down, +IPD, MiB/s"),
            ("five-down-evenness", "slowest link / fastest, %"),
        ),
    ),
    Section(
        "Start and rest",
        (
            ("gateway-device", "gateway, device"),
            ("networkmanager-device", "device, NetworkManager"),
            ("gateway", "gateway, pty"),
            ("espemu", "espemu, TCP"),
            ("espemu-pty", "espemu, pty"),
            (REFERENCE, "import asyncio"),
        ),
        (
            ("start", "start to ready, s"),
            ("start" + CPU, "processor until then, s"),
            ("rest-rss", "memory at rest, RSS, MiB"),
            ("rest-pss", "memory at rest, PSS, MiB"),
        ),
    ),
    Section(
        "Memory at its peak, over all transfers, MiB",
        (
            ("gateway", "gateway"),
            ("gateway-tls", "TLS"),
            ("gateway-five", "five links"),
            ("networkmanager", "NetworkManager"),
            ("espemu-pty", "espemu"),
            ("socat", "socat"),
            ("socat-tls", "socat, TLS"),
        ),
        (("peak", "largest RSS"),),
    ),
)


def number(value: float) -> str:
    """With as many digits as mean something."""
    return f"{value:.{3 if value < 1 else 2 if value < 20 else 1}f}"


def _cell(results: Results, metric: str, system: str) -> str:
    values = results.series(metric, system)
    if not values:
        measured = metric.removesuffix(P99).removesuffix(CPU).removesuffix("-evenness")
        return MISSING if (measured, system) in results.absent else NOTHING
    found = figure(values)
    quartiles = f"{number(found.lower_quartile)} to {number(found.upper_quartile)}"
    return f"{number(found.median)} ({quartiles})"


def _table(results: Results, section: Section) -> Table:
    rows = [("", *(head for _, head in section.columns))]
    for metric, label in section.rows:
        cells = (_cell(results, metric, system) for system, _ in section.columns)
        rows.append((label, *cells))
    return _without_nothing(Table(section.title, tuple(rows)))


def _shares(results: Results) -> Table:
    rows = [("", *(f"{baud} baud" for baud in BAUDS))]
    for way in WAYS:
        nothing = MISSING if missing(results, way) else NOTHING
        each = (shares(results, way, baud) for baud in BAUDS)
        cells = (f"{figure(values).median:.2f}" if values else nothing for values in each)
        rows.append((way.title, *cells))
    return _without_nothing(Table("The line's share, %", tuple(rows)))


def _without_nothing(table: Table) -> Table:
    """Without the rows and columns in which nothing stands."""
    head, *rows = table.rows
    kept = [row for row in rows if set(row[1:]) != {NOTHING}]
    columns = [
        column
        for column in range(len(head))
        if not kept or {row[column] for row in kept} != {NOTHING}
    ]
    return Table(
        table.title,
        tuple(tuple(row[column] for column in columns) for row in (head, *kept)),
    )


def tables(results: Results) -> list[Table]:
    """Every table of a run that has something to tell, but that of the targets."""
    found = [*(_table(results, section) for section in SECTIONS), _shares(results)]
    return [table for table in found if len(table.rows) > 1]


def notes(results: Results) -> list[str]:
    """Why there is no number where there is none, each cause once."""
    causes: dict[tuple[str, str], list[str]] = {}
    for (metric, system), cause in results.absent.items():
        causes.setdefault((system, cause), []).append(metric)
    return [f"{name}, {', '.join(them)}: {cause}" for (name, cause), them in causes.items()]
