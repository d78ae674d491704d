"""Records as lines for a terminal. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from gateway.monitor.dump import dump

Record = Mapping[str, Any]

_LEGEND = "→ from the microcontroller  ← to it  • what else happens  (Ctrl-C ends)"
_ARROWS = {"in": "→", "out": "←"}
_COLOURS = {
    "command": "\033[1;36m",
    "payload": "\033[36m",
    "through": "\033[36m",
    "noise": "\033[33m",
    "reply": "\033[32m",
    "data": "\033[36m",
    "notification": "\033[33m",
    "link": "\033[35m",
    "network": "\033[35m",
    "dropped": "\033[31m",
    "error": "\033[31m",
    "dim": "\033[2m",
}
_BAD = frozenset({"ERROR", "FAIL", "SEND FAIL"})
_WARNINGS = frozenset({"warning", "error", "critical"})
_NO_TIME = " " * len("12:34:56 ")


class Display:
    """Makes lines of records, one conversation after the other.

    `raw` shows what went over the line in hex as well, `colour` marks by ANSI sequences.
    """

    def __init__(self, *, raw: bool, colour: bool) -> None:
        self._raw = raw
        self._colour = colour
        self._wall = 0.0
        self._last: float | None = None
        self._clock = ""

    def lines(self, record: Record) -> list[str]:
        """What to print for a record; nothing for one that is not to be shown."""
        kind = str(record.get("kind", ""))
        if kind == "hello":
            return self._greeting(record)
        if kind == "echo" and not self._raw:
            return []
        shown = [*self._texts(kind, record)]
        if self._raw and "bytes" in record:
            shown += [("dim", " " * 4 + row) for row in dump(record["bytes"])]
        return self._timed(float(record.get("time", 0.0)), shown)

    def _greeting(self, record: Record) -> list[str]:
        self._wall = float(record.get("wall", 0.0)) - float(record.get("time", 0.0))
        self._last = None
        self._clock = ""
        text = f"esp-at-gateway {record.get('version')} on {record.get('uart')}"
        return [self._painted("dim", visible(line)) for line in (text, _LEGEND)]

    def _texts(self, kind: str, record: Record) -> Iterator[tuple[str, str]]:
        """Colour and text of each line, the time left out."""
        arrow = _ARROWS.get(str(record.get("way")), "•")
        texts = [visible(line) for line in str(record.get("text", "")).split("\n")]
        if kind == "command" and texts == [""]:
            texts = ["<an empty line>"]
        elif kind == "echo":
            texts = [f"{texts[0]} (echo)"]
        elif kind == "dropped":
            texts = [f"{record.get('count')} records were not read in time and are lost"]
        texts[-1] += "".join(_remarks(record))
        colour = kind
        if record.get("result") in _BAD or record.get("level") in _WARNINGS:
            colour = "error"
        for text in texts:
            yield colour, f"{arrow} {text}"

    def _timed(self, time: float, shown: Iterable[tuple[str, str]]) -> list[str]:
        """With the time of day where it has changed, and the time since the record before."""
        passed = 0.0 if self._last is None else time - self._last
        self._last = time
        clock = f"{datetime.fromtimestamp(self._wall + time):%H:%M:%S} "  # noqa: DTZ006
        head = (_NO_TIME if clock == self._clock else clock) + f"{_seconds(passed):>10} "
        self._clock = clock
        made = []
        for colour, text in shown:
            made.append(self._painted("dim", head) + self._painted(colour, text))
            head = " " * len(head)
        return made

    def _painted(self, colour: str, text: str) -> str:
        code = _COLOURS.get(colour)
        return f"{code}{text}\033[0m" if self._colour and code else text


def _remarks(record: Record) -> Iterator[str]:
    """What else a record tells, behind its text."""
    if "seconds" in record:
        yield f"   {_duration(float(record['seconds']))}"
    if "cause" in record:
        yield f"   ({visible(str(record['cause']))})"
    if "AT_SENT" in record:
        yield f", {record['AT_SENT']} bytes sent, {record.get('AT_RECEIVED')} received"


def _seconds(passed: float) -> str:
    return f"+{passed:.3f} s" if passed < 1000 else f"+{passed / 60:.0f} min"


def _duration(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def visible(text: str) -> str:
    """The text without anything that could steer a terminal."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )
