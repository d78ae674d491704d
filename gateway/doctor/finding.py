"""What one check has found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

Detail = str | int | float | bool | None


class Verdict(IntEnum):
    """The worse the greater."""

    GOOD = 0
    DOUBT = 1
    """It may be meant so, it may pass by itself, or it could not be seen."""
    BAD = 2
    """It keeps the gateway, or a part of it, from working."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report, about `subject`.

    `remedy` is what mends it, a command wherever there is one; what is bad must have one, or
    ValueError is raised. `details` are the same facts for programs. No secrets in any of it.
    """

    subject: str
    verdict: Verdict
    text: str
    remedy: str | None = None
    details: Mapping[str, Detail] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.verdict is Verdict.BAD and not self.remedy:
            raise ValueError(f"{self.subject}: bad, and nothing that mends it: {self.text}")


def good(subject: str, text: str, /, **details: Detail) -> Finding:
    """All is well."""
    return Finding(subject, Verdict.GOOD, text, None, details)


def doubt(subject: str, text: str, remedy: str | None = None, /, **details: Detail) -> Finding:
    """Not as it should be, or not to be seen."""
    return Finding(subject, Verdict.DOUBT, text, remedy, details)


def bad(subject: str, text: str, remedy: str, /, **details: Detail) -> Finding:
    """Something does not work for this."""
    return Finding(subject, Verdict.BAD, text, remedy, details)


def worst(findings: Iterable[Finding]) -> Verdict:
    """The worst verdict of all."""
    return max((finding.verdict for finding in findings), default=Verdict.GOOD)
