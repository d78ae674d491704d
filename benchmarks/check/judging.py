"""What was counted beside what was counted when the baseline was written."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BASELINE = Path(__file__).with_name("baseline.json")

_UNWANTED = {"cryptography", "gpiozero", "lgpio", "RPi", "serial"}

TOLERANCE = 0.10
"""How much more than the baseline is still no news."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One count; less is better.

    More than `most` is too much, whatever the baseline is. So little as `chance` more than the
    baseline is none of the program's doing. One that is `aside` is shown only when it is worse.
    """

    name: str
    value: float
    most: float | None = None
    chance: float = 0.0
    aside: bool = False
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Counted:
    """One group of figures, and the modules by the place where they were found."""

    title: str
    figures: Sequence[Figure]
    modules: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def values(self) -> dict[str, float]:
        """The figures by name."""
        return {each.name: _rounded(each.value) for each in self.figures}


@dataclass(frozen=True, slots=True)
class Verdict:
    """A figure, what it was in the baseline (None if nobody knows), and what is wrong with it."""

    figure: Figure
    before: float | None
    wrong: str = ""

    @property
    def change(self) -> float | None:
        """Parts of one by which there is more than before."""
        if self.before is None or self.figure.value == self.before:
            return None if self.before is None else 0.0
        return self.figure.value / self.before - 1 if self.before else float("inf")

    @property
    def better(self) -> bool:
        """Whether there is so much less that the baseline should know."""
        change = self.change
        return change is not None and change < -TOLERANCE


def judge(figure: Figure, before: float | None) -> Verdict:
    """The verdict on one figure."""
    if figure.most is not None and figure.value > figure.most:
        return Verdict(figure, before, f"over the limit of {shown(figure.most)}")
    if before is not None and figure.value > max(before * (1 + TOLERANCE), before + figure.chance):
        return Verdict(figure, before, "worse")
    return Verdict(figure, before)


def newcomers(now: Sequence[str], before: Sequence[str] | None) -> list[str]:
    """Modules from outside the gateway that are imported now and were not.

    What the gateway has of its own may grow with it. A module of somebody else's is a decision:
    it brings others, and takes time and memory on every start. Those that are a part of the
    interpreter take neither.
    """
    if before is None:
        return []
    free = {*before, *sys.builtin_module_names}
    return [name for name in now if name not in free and name.partition(".")[0] != "gateway"]


def shown(value: float) -> str:
    """A figure as the table has it."""
    return f"{value:,.0f}" if value == int(value) or value >= 1000 else f"{value:.2f}"


def unwanted(now: Sequence[str]) -> list[str]:
    """Modules that have no business in a gateway at rest: only a command or a pin needs them."""
    return sorted({name.partition(".")[0] for name in now} & _UNWANTED)


# the file


def key() -> str:
    """What the counts depend on beside the program: Python's version and the processor's kind."""
    version = ".".join(platform.python_version_tuple()[:2])
    return f"{sys.implementation.name}-{version}-{platform.machine()}"


class Baseline:
    """The counts of this Python on this kind of processor, as they were; empty if unknown."""

    def __init__(self, file: Path = BASELINE) -> None:
        self._file = file
        self._all: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
        self._mine: dict[str, Any] = self._all.get(key(), {})

    @property
    def known(self) -> bool:
        """Whether there is one for this Python."""
        return bool(self._mine)

    def figure(self, title: str, name: str) -> float | None:
        """A figure as it was."""
        value = self._mine.get("figures", {}).get(title, {}).get(name)
        return None if value is None else float(value)

    def modules(self, place: str) -> list[str] | None:
        """The modules as they were."""
        names: list[str] | None = self._mine.get("modules", {}).get(place)
        return names

    def write(self, counted: Sequence[Counted], tools: Mapping[str, str]) -> None:
        """Renew what was counted, and leave the rest as it was."""
        figures = dict(self._mine.get("figures", {}))
        modules = dict(self._mine.get("modules", {}))
        for group in counted:
            figures[group.title] = group.values()
            modules.update({place: list(names) for place, names in group.modules.items()})
        mine = {"with": dict(tools), "figures": figures, "modules": modules}
        self._all[key()] = self._mine = mine
        self._file.write_text(json.dumps(self._all, indent=1, sort_keys=False) + "\n")


def _rounded(value: float) -> float:
    return int(value) if value == int(value) else round(value, 2)
