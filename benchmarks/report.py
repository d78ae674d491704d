"""The table, the targets, and the same as JSON."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from benchmarks.figures import Figure, figure
from benchmarks.measurements import P99, QUERIES
from benchmarks.run import Results

COLUMNS = ("gateway", "networkmanager", "espemu", "socat", "responder")
HEADS = ("gateway, simulated", "on NetworkManager", "espemu", "socat (raw)", "C responder")
ROWS = (
    ("reply", "AT to OK, median", "ms"),
    ("reply-p99", "AT to OK, 99th percentile", "ms"),
    *(
        row
        for query in QUERIES
        for row in (
            (query, f"{query}, median", "ms"),
            (query + P99, f"{query}, 99th percentile", "ms"),
        )
    ),
    ("send-round", "AT+CIPSEND=2048, one round", "ms"),
    ("upload", "upload by AT+CIPSEND=2048", "MiB/s"),
    ("push", "download by +IPD", "MiB/s"),
    ("pull", "download by AT+CIPRECVDATA=2048", "MiB/s"),
    ("start", "start to ready", "s"),
)
SEND_ROUND_BYTES = (
    len(b"AT+CIPSEND=2048\r\n")
    + len(b"\r\nOK\r\n> ")
    + 2048
    + len(b"\r\nRecv 2048 bytes\r\n")
    + len(b"\r\nSEND OK\r\n")
)
BITS_PER_BYTE = 10
SHARES = ((115200, 99.5), (921600, 98.5), (3000000, 95.0))


@dataclass(frozen=True, slots=True)
class Verdict:
    """A target beside what was measured. `reason` stands in for a value that is not there."""

    name: str
    target: str
    value: Figure | None
    reached: bool
    reason: str = ""

    @property
    def word(self) -> str:
        """Whether the target is reached, or why nobody knows."""
        if self.value is None:
            return "not measured"
        return "yes" if self.reached else "no"


def _at_least(name: str, target: float, unit: str, values: Sequence[float], why: str) -> Verdict:
    value = figure(values) if values else None
    reached = value is not None and value.high >= target
    return Verdict(name, f"≥ {target:g}{unit}", value, reached, why)


def _at_most(name: str, target: float, unit: str, values: Sequence[float], why: str) -> Verdict:
    value = figure(values) if values else None
    reached = value is not None and value.low <= target
    return Verdict(name, f"≤ {target:g}{unit}", value, reached, why)


def line_share(turnaround: float, baud: int) -> float:
    """The share of time, in percent, in which bytes are on the wire.

    `turnaround` in milliseconds is what one `AT+CIPSEND=2048` waits for the module.
    """
    wire = SEND_ROUND_BYTES * BITS_PER_BYTE / baud * 1000
    return 100 * wire / (wire + max(turnaround, 0.0))


def verdicts(results: Results) -> list[Verdict]:
    """Every target of the project, with what this run says of it."""

    def why(metric: str, *names: str) -> str:
        reasons = (results.absent.get((metric, name)) for name in names)
        return next((reason for reason in reasons if reason), "no round of it")

    uploads = [ours / theirs for ours, theirs in results.pairs("upload", "gateway", "espemu")]
    pushes = [ours / raw for ours, raw in results.pairs("push", "gateway", "socat")]
    turnarounds = [
        ours - least for ours, least in results.pairs("send-round", "gateway", "responder")
    ]
    replies = results.series("reply", "gateway")
    starts = results.series("start", "gateway")
    on_device = results.series("start", "gateway-device")
    no_turnaround = why("send-round", "gateway", "responder")
    found = [
        _at_least("upload / espemu's", 1.0, "", uploads, why("upload", "gateway", "espemu")),
        _at_least("+IPD / socat's raw rate", 0.5, "", pushes, why("push", "gateway", "socat")),
        _at_most("AT to OK, median", 0.1, " ms", replies, why("reply", "gateway")),
        _at_most("start to ready", 0.3, " s", starts, why("start", "gateway")),
        _at_most(
            "start to ready, on a device", 0.3, " s", on_device, why("start", "gateway-device")
        ),
        *(
            _at_least(
                f"line's share at {baud} baud",
                share,
                " %",
                [line_share(turnaround, baud) for turnaround in turnarounds],
                no_turnaround,
            )
            for baud, share in SHARES
        ),
    ]
    return found + _memory_verdicts(results) + _networkmanager_verdicts(results)


def _networkmanager_verdicts(results: Results) -> list[Verdict]:
    """What the real network may cost beside the simulated one, in the same rounds."""

    def why(metric: str) -> str:
        reasons = (results.absent.get((metric, name)) for name in ("networkmanager", "gateway"))
        return next((reason for reason in reasons if reason), "no round of it")

    found = []
    for query in QUERIES:
        pairs = results.pairs(query, "networkmanager", "gateway")
        differences = [real - simulated for real, simulated in pairs]
        name = f"{query}: NetworkManager minus simulated"
        found.append(_at_most(name, 0.1, " ms", differences, why(query)))
    starts = results.series("start", "networkmanager")
    name = "start to ready, on NetworkManager"
    return [*found, _at_most(name, 0.3, " s", starts, why("start"))]


def _memory_verdicts(results: Results) -> list[Verdict]:
    rest, after = results.rest.get("gateway"), results.after.get("gateway")
    why = results.absent.get(("reply", "gateway"), "")
    return [
        _at_most("memory at rest", 32.0, " MB", [rest.rss] if rest else [], why),
        _at_most(
            "peak above rest", 4.0, " MB", [after.peak - rest.rss] if rest and after else [], why
        ),
    ]


def _number(value: float) -> str:
    return f"{value:.{3 if value < 1 else 2 if value < 20 else 1}f}"


def _cell(results: Results, metric: str, system: str) -> str:
    values = results.series(metric, system)
    if (metric.removesuffix(P99), system) in results.absent:
        return "see below"
    if not values:
        return "not offered" if (metric, system) == ("pull", "espemu") else "-"
    found = figure(values)
    quartiles = f"{_number(found.lower_quartile)} to {_number(found.upper_quartile)}"
    return f"{_number(found.median)} ({quartiles})"


def _memory_rows(results: Results) -> list[list[str]]:
    rows = []
    for label, attribute, table in (
        ("memory at rest, RSS", "rss", results.rest),
        ("memory at rest, PSS", "pss", results.rest),
        ("memory, peak over the transfers", "peak", results.after),
    ):
        cells = {name: _number(getattr(memory, attribute)) for name, memory in table.items()}
        if ("reply", "networkmanager") in results.absent and table is results.rest:
            cells.setdefault("networkmanager", "see below")
        rows.append([label, "MB", *(cells.get(name, "-") for name in COLUMNS)])
    return rows


def _align(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def table(results: Results, rounds: int) -> str:
    """Everything measured and every target, for reading."""
    rows = [["", "", *HEADS]]
    rows += [
        [label, unit, *(_cell(results, metric, name) for name in COLUMNS)]
        for metric, label, unit in ROWS
    ]
    device = _cell(results, "start", "gateway-device")
    rows.append(["start to ready, on a device", "s", device, *"-" * (len(COLUMNS) - 1)])
    rows += _memory_rows(results)
    targets = [["target", "", "median", "95 % interval", "reached"]]
    for verdict in verdicts(results):
        value = verdict.value
        middle = f"{value.median:.3f}" if value else "-"
        interval = f"{value.low:.3f} to {value.high:.3f}" if value else "-"
        targets.append([verdict.name, verdict.target, middle, interval, verdict.word])
    python = ".".join(map(str, sys.version_info[:3]))
    placement = "systems and client on different processors" if results.apart else "placed freely"
    title = (
        f"Medians (quartiles) of {rounds} interleaved rounds; {os.cpu_count()} processors, "
        f"load {os.getloadavg()[0]:.1f}, Python {python}, Linux {os.uname().release}; {placement}"
    )
    notes = _notes(results)
    return "\n".join([title, "", *_align(rows), "", *_align(targets), *notes])


def _notes(results: Results) -> list[str]:
    """Why there is no number where there is none, each cause once."""
    causes: dict[tuple[str, str], list[str]] = {}
    for (metric, system), cause in results.absent.items():
        causes.setdefault((system, cause), []).append(metric)
    notes = [f"{name}, {', '.join(them)}: {cause}" for (name, cause), them in causes.items()]
    return ["", "not measured:", *notes] if notes else []


def as_json(results: Results, rounds: int) -> dict[str, object]:
    """Everything measured, round by round, and every target."""
    return {
        "rounds": rounds,
        "apart": results.apart,
        "values": {
            f"{metric} {system}": list(series.values())
            for (metric, system), series in results.values.items()
        },
        "absent": {f"{metric} {name}": why for (metric, name), why in results.absent.items()},
        "memory_at_rest": {name: asdict(memory) for name, memory in results.rest.items()},
        "memory_after": {name: asdict(memory) for name, memory in results.after.items()},
        "targets": [asdict(verdict) for verdict in verdicts(results)],
    }
