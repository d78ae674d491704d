"""What the tests measured, as one table at the end of the run."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Row:
    """A test: its name, outcome, seconds, and what it measured."""

    name: str
    outcome: str = "not run"
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)


class Report:
    """Collects rows; `notes` of the running test come by `note`."""

    def __init__(self) -> None:
        self._rows: dict[str, Row] = {}
        self._now = ""

    def begin(self, name: str) -> None:
        """A test begins."""
        self._now = name
        self._rows[name] = Row(name)

    def note(self, text: str) -> None:
        """Something measured, to stand beside the running test's result."""
        self._rows[self._now].notes.append(text)

    def end(self, name: str, outcome: str, seconds: float) -> None:
        """A phase of a test is over; the worst outcome counts, and all seconds."""
        row = self._rows.setdefault(name, Row(name))
        row.seconds += seconds
        if row.outcome in ("not run", "passed"):
            row.outcome = outcome

    def lines(self) -> list[str]:
        """The table."""
        width = max((len(row.name) for row in self._rows.values()), default=0)
        return [
            f"{row.name:{width}}  {row.seconds:6.1f} s  {row.outcome:7}  {'; '.join(row.notes)}"
            for row in self._rows.values()
        ]
