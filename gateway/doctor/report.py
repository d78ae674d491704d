"""The findings as one screen, or as JSON."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from gateway import __version__
from gateway.doctor.finding import Finding, Verdict, worst

JSON_VERSION: Final = 1

_MARKS = {Verdict.GOOD: "[ok]", Verdict.DOUBT: "[??]", Verdict.BAD: "[!!]"}
_COLOURS = {Verdict.GOOD: "32", Verdict.DOUBT: "33", Verdict.BAD: "31;1"}

_SUBJECT_WIDTH = 16
_INDENT = " " * (len("[ok] ") + _SUBJECT_WIDTH)


def as_text(findings: Iterable[Finding], *, colour: bool, width: int) -> Iterator[str]:
    """One screen, as it comes: each finding with its remedy below, and how many are to mend.

    A remedy is never wrapped: it is to be copied.
    """
    told: list[Finding] = []
    for finding in findings:
        is_more = bool(told) and told[-1].subject == finding.subject
        told.append(finding)
        yield from _finding(finding, "" if is_more else finding.subject, colour, width)
    yield f"\n{_sum(told, colour)}\n"


def _finding(finding: Finding, subject: str, colour: bool, width: int) -> Iterator[str]:
    mark = _painted(_MARKS[finding.verdict], finding.verdict, colour)
    room = max(30, width - len(_INDENT))
    text = textwrap.wrap(_plain(finding.text), room, break_long_words=False) or [""]
    yield f"{mark} {subject:<{_SUBJECT_WIDTH}}{text[0]}\n"
    for more in text[1:]:
        yield f"{_INDENT}{more}\n"
    if finding.remedy:
        yield f"{_INDENT}-> {_plain(finding.remedy)}\n"


def _sum(findings: Sequence[Finding], colour: bool) -> str:
    verdict = worst(findings)
    counts = [sum(finding.verdict is each for finding in findings) for each in Verdict]
    parts = []
    if counts[Verdict.BAD]:
        parts.append(f"{counts[Verdict.BAD]} to mend")
    if counts[Verdict.DOUBT]:
        parts.append(f"{counts[Verdict.DOUBT]} to look at")
    text = ", ".join(parts) or "All is well"
    return _painted(f"{text}.", verdict, colour)


def _painted(text: str, verdict: Verdict, colour: bool) -> str:
    return f"\033[{_COLOURS[verdict]}m{text}\033[0m" if colour else text


def _plain(text: str) -> str:
    """Without what could move the cursor: an access point may be called anything."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)


def as_json(findings: Sequence[Finding]) -> str:
    """One object, for programs:

    `version` (1) of this form; `program`, whose version looked; `verdict`, the worst of all;
    `findings`, each with `subject`, `verdict` (`good`, `doubt` or `bad`), `text` for people,
    `remedy` (a text or null) and `details`, the facts by name.
    """
    content = {
        "version": JSON_VERSION,
        "program": __version__,
        "verdict": worst(findings).name.lower(),
        "findings": [
            {
                "subject": finding.subject,
                "verdict": finding.verdict.name.lower(),
                "text": finding.text,
                "remedy": finding.remedy,
                "details": dict(finding.details),
            }
            for finding in findings
        ],
    }
    return json.dumps(content, indent=1) + "\n"
