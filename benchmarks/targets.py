"""The targets, and what a run says of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.figures import Figure, figure
from benchmarks.line_share import BAUDS, WAYS, missing, shares
from benchmarks.measurements import CPU, QUERIES
from benchmarks.results import Results
from benchmarks.starts import REFERENCE

Place = tuple[str, str]
"""A measurement and a system."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A target beside what was measured. `reason` stands in for a value that is not there.

    `at_least` and `at_most` are bounds; with neither the value is there for information.
    """

    name: str
    unit: str
    value: Figure | None
    at_least: float | None = None
    at_most: float | None = None
    reason: str = ""

    @property
    def target(self) -> str:
        """The bound, for reading."""
        if self.at_least is not None:
            return f"≥ {self.at_least:g}{self.unit}"
        return f"≤ {self.at_most:g}{self.unit}" if self.at_most is not None else "-"

    @property
    def reached(self) -> bool | None:
        """Whether the median is on the right side; None where nobody knows, or asks."""
        if self.value is None or (self.at_least is None and self.at_most is None):
            return None
        if self.at_least is not None:
            return self.value.median >= self.at_least
        return self.at_most is not None and self.value.median <= self.at_most

    @property
    def sure(self) -> bool:
        """Whether the whole interval is on the median's side."""
        bound = self.at_least if self.at_least is not None else self.at_most
        if self.value is None or bound is None:
            return True
        return not self.value.low < bound < self.value.high

    @property
    def word(self) -> str:
        """The verdict, in a word or two."""
        if self.value is None:
            return "not measured"
        if self.reached is None:
            return "for information"
        return ("yes" if self.reached else "NO") + ("" if self.sure else ", not surely")


def _ratios(results: Results, ours: Place, theirs: Place) -> list[float]:
    return [one / other for one, other in results.pairs(ours, theirs)]


def _verdict(
    name: str,
    values: Sequence[float],
    why: str,
    *,
    unit: str = "",
    at_least: float | None = None,
    at_most: float | None = None,
) -> Verdict:
    value = figure(values) if values else None
    return Verdict(name, unit, value, at_least, at_most, "" if values else why)


def verdicts(results: Results) -> list[Verdict]:
    """Every target of the project, with what this run says of it; none that it leaves out."""
    found = [
        *_speed(results),
        *_evenness(results),
        *_starts(results),
        *_memory(results),
        *_shares(results),
        *_networkmanager(results),
    ]
    return [verdict for verdict in found if verdict.value or verdict.reason]


def _speed(results: Results) -> list[Verdict]:
    def ratio(
        name: str,
        ours: Place,
        theirs: Place,
        *,
        at_least: float | None = None,
        at_most: float | None = None,
    ) -> Verdict:
        values, why = _ratios(results, ours, theirs), results.why(ours, theirs)
        return _verdict(name, values, why, at_least=at_least, at_most=at_most)

    up = {
        name: ("upload", name)
        for name in (
            *("gateway", "gateway-tcp", "gateway-tls"),
            *("espemu", "espemu-pty", "socat-tls", "responder"),
            *("c-module", "c-module-tcp"),
        )
    }
    on_processor = {name: (metric + CPU, system) for name, (metric, system) in up.items()}
    return [
        ratio("AT to OK / C echo", ("reply", "gateway"), ("reply", "echo"), at_most=2.0),
        ratio("up: gateway / espemu, both on a pty", up["gateway"], up["espemu-pty"], at_least=1.5),
        ratio("up: gateway / espemu, both over TCP", up["gateway-tcp"], up["espemu"], at_least=1.5),
        ratio("up: gateway on a pty / espemu over TCP", up["gateway"], up["espemu"]),
        ratio("up: C responder on a pty / espemu on a pty", up["responder"], up["espemu-pty"]),
        ratio("up: C module / espemu, both on a pty", up["c-module"], up["espemu-pty"]),
        ratio("up: C module / espemu, both over TCP", up["c-module-tcp"], up["espemu"]),
        ratio(
            "up, processor: gateway / espemu, both on a pty",
            *(on_processor["gateway"], on_processor["espemu-pty"]),
        ),
        ratio("down: +IPD / socat raw", ("push", "gateway"), ("push", "socat"), at_least=0.7),
        ratio(
            "down: AT+CIPRECVDATA / socat, 2 KiB asked for",
            *(("pull", "gateway"), ("pull", "socat")),
            at_least=0.5,
        ),
        ratio("TLS up: gateway / socat raw", up["gateway-tls"], up["socat-tls"]),
        ratio("TLS down: +IPD / socat raw", ("push", "gateway-tls"), ("push", "socat-tls")),
    ]


def _evenness(results: Results) -> list[Verdict]:
    found = []
    for metric, name in (("five-up", "up by turns"), ("five-down", "down")):
        values = results.series(f"{metric}-evenness", "gateway-five")
        title = f"five links {name}: slowest / fastest"
        why = results.why((metric, "gateway-five"))
        found.append(_verdict(title, values, why, unit=" %", at_least=80.0))
    return found


def _starts(results: Results) -> list[Verdict]:
    found = []
    for system, name in (
        ("gateway-device", "simulated network"),
        ("networkmanager-device", "NetworkManager"),
    ):
        for metric, title, most in (
            ("start", "start to ready / import asyncio", 1.6),
            ("start" + CPU, "the same, processor", None),
        ):
            ours, python = (metric, system), (metric, REFERENCE)
            values, why = _ratios(results, ours, python), results.why(("start", system))
            found.append(_verdict(f"{title}, {name}", values, why, at_most=most))
    return found


def _memory(results: Results) -> list[Verdict]:
    found = []
    for system, name in (
        ("networkmanager-device", "NetworkManager"),
        ("gateway-device", "simulated network"),
    ):
        values, why = results.series("rest-rss", system), results.why(("start", system))
        title = f"memory at rest, {name}"
        found.append(_verdict(title, values, why, unit=" MiB", at_most=28.0))
    rest, peak = ("rest-rss", "gateway"), ("peak", "gateway")
    above = [most - least for most, least in results.pairs(peak, rest)]
    title = "peak above rest, one TCP link"
    why = results.why(("start", "gateway"), ("upload", "gateway"))
    return [*found, _verdict(title, above, why, unit=" MiB", at_most=3.8)]


def _shares(results: Results) -> list[Verdict]:
    return [
        _verdict(
            f"line's share {way.title}, {baud} baud",
            shares(results, way, baud),
            missing(results, way),
            unit=" %",
            at_least=least,
        )
        for way in WAYS
        for baud, least in BAUDS.items()
    ]


def _networkmanager(results: Results) -> list[Verdict]:
    """What the real network may cost beside the simulated one, in the same rounds."""
    found = []
    for query in QUERIES:
        real, simulated = (query, "networkmanager"), (query, "gateway")
        differences = [one - other for one, other in results.pairs(real, simulated)]
        title = f"{query}: NetworkManager minus simulated"
        why = results.why(real, simulated)
        found.append(_verdict(title, differences, why, unit=" ms", at_most=0.1))
    return found
