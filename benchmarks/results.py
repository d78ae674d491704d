"""What a run has found: values by measurement, system and round; and the same as JSON."""

from __future__ import annotations

import datetime
import os
import re
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class About:
    """What was run, when, and on what."""

    command: str
    date: str
    rounds: int
    quick: bool
    apart: bool
    processor: str
    processors: int
    python: str
    kernel: str
    load: float
    """The machine's load before the run: what else was there."""

    @classmethod
    def now(cls, command: str, rounds: int, *, quick: bool, apart: bool) -> About:
        """This machine, today."""
        return cls(
            command=command,
            date=datetime.datetime.now(datetime.UTC).date().isoformat(),
            rounds=rounds,
            quick=quick,
            apart=apart,
            processor=_processor(),
            processors=len(os.sched_getaffinity(0)),
            python=".".join(map(str, sys.version_info[:3])),
            kernel=os.uname().release,
            load=os.getloadavg()[0],
        )


def _processor() -> str:
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    found = re.search(r"^model name\s*: (.+)$", text, re.MULTILINE)
    return f"{found[1].strip()} ({os.uname().machine})" if found else os.uname().machine


@dataclass(slots=True)
class Results:
    """Values by (metric, system) and round; what could not run, with its reason."""

    about: About
    values: dict[tuple[str, str], dict[int, float]] = field(default_factory=dict)
    absent: dict[tuple[str, str], str] = field(default_factory=dict)

    def add(self, metric: str, system: str, number: int, value: float) -> None:
        """Keep the value of one round."""
        self.values.setdefault((metric, system), {})[number] = value

    def series(self, metric: str, system: str) -> list[float]:
        """The values of all rounds, in order; empty if there are none."""
        return list(self.values.get((metric, system), {}).values())

    def pairs(
        self, one: tuple[str, str], other: tuple[str, str] | None = None
    ) -> list[tuple[float, float]]:
        """Two values of (metric, system) in the rounds that have both."""
        first = self.values.get(one, {})
        second = self.values.get(other or one, {})
        return [(first[number], second[number]) for number in first if number in second]

    def why(self, *wanted: tuple[str, str]) -> str:
        """Why one of these has no values; empty where it was not asked for."""
        reasons = (self.absent.get(each) for each in wanted)
        return next((reason for reason in reasons if reason), "")

    def as_json(self) -> dict[str, Any]:
        """Everything, by names that tell what it is."""
        values: dict[str, dict[str, dict[int, float]]] = {}
        for (metric, system), series in self.values.items():
            values.setdefault(metric, {})[system] = series
        absent: dict[str, dict[str, str]] = {}
        for (metric, system), why in self.absent.items():
            absent.setdefault(metric, {})[system] = why
        return {"about": asdict(self.about), "values": values, "absent": absent}

    @classmethod
    def from_json(cls, text: dict[str, Any]) -> Results:
        """What `as_json` gave, and whatever was added to it left out."""
        found = cls(About(**text["about"]))
        for metric, systems in text["values"].items():
            for system, series in systems.items():
                for number, value in series.items():
                    found.add(metric, system, int(number), value)
        for metric, reasons in text["absent"].items():
            for system, why in reasons.items():
                found.absent[metric, system] = why
        return found
