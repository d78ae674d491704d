"""The table: what, now, in the baseline, the change, and the verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from benchmarks.check.judging import (
    Baseline,
    Counted,
    Verdict,
    judge,
    newcomers,
    shown,
    unwanted,
)

_ROW = "  {:42} {:>13} {:>13} {:>9}  {}"


class Report:
    """Judges group after group; `wrong` has a line for each thing that is."""

    def __init__(self, baseline: Baseline, *, listing: bool = False) -> None:
        self.wrong: list[str] = []
        self.better = 0
        self._baseline = baseline
        self._listing = listing

    def head(self) -> str:
        """What is in the columns."""
        return _ROW.format("", "now", "baseline", "change", "").rstrip()

    def judge(self, counted: Counted) -> str:
        """The table's lines of one group."""
        lines = [counted.title]
        for figure in counted.figures:
            verdict = judge(figure, self._baseline.figure(counted.title, figure.name))
            self.better += verdict.better
            if verdict.wrong:
                self.wrong.append(_told(counted.title, verdict))
            if verdict.wrong or not figure.aside:
                lines.append(_row(verdict))
            if figure.detail and (self._listing or verdict.wrong):
                lines.append(f"      {figure.detail}")
        for place, names in counted.modules.items():
            lines += self._judge_modules(place, names)
        return "\n".join(lines)

    def _judge_modules(self, place: str, names: Sequence[str]) -> list[str]:
        found = []
        if unwelcome := unwanted(names):
            found.append(f"{place}: imported, and must not be: {', '.join(unwelcome)}")
        if new := newcomers(names, self._baseline.modules(place)):
            found.append(f"{place}: new modules of others: {_in_short(new)}")
        self.wrong += found
        return [f"      {each}" for each in found]


def _in_short(names: Sequence[str]) -> str:
    """The packages, and of how many modules each."""
    packages = Counter(name.partition(".")[0] for name in names)
    return ", ".join(f"{name} ({n})" if n > 1 else name for name, n in sorted(packages.items()))


def _row(verdict: Verdict) -> str:
    figure, before, change = verdict.figure, verdict.before, verdict.change
    if change is None:
        percent = ""
    elif change == float("inf"):
        percent = "from 0"
    else:
        percent = f"{change:+.1%}"
    said = verdict.wrong or ("better" if verdict.better else "" if change is None else "ok")
    was = "" if before is None else shown(before)
    return _ROW.format(figure.name, shown(figure.value), was, percent, said).rstrip()


def _told(title: str, verdict: Verdict) -> str:
    figure = verdict.figure
    was = "" if verdict.before is None else f", the baseline has {shown(verdict.before)}"
    return f"{title}: {figure.name}: {shown(figure.value)}, {verdict.wrong}{was}"
