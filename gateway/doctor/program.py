"""The command: options in, a screen and an exit status out."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Final

from gateway.doctor import report
from gateway.doctor.examination import ALL_CHECKS, LINE_CHECKS, examine
from gateway.doctor.finding import Finding, Verdict, worst
from gateway.doctor.host import Host
from gateway.doctor.loading import load_case

EXIT_STATUS: Final = {Verdict.GOOD: 0, Verdict.BAD: 1, Verdict.DOUBT: 3}
"""0 only if all is well. 2 is what wrong options give."""

_WIDTH = 100


def run(
    file: Path | None,
    instance: str | None = None,
    *,
    loopback: bool = False,
    json: bool = False,
    host: Host | None = None,
) -> int:
    """Examine one gateway of this machine and print what was found; the exit status.

    With `loopback` it is the line alone, and the wires are put to the test.
    """
    if host is None:
        from gateway.doctor.this_host import ThisHost

        host = ThisHost()
    case = load_case(host, file, instance)
    found = examine(case, LINE_CHECKS if loopback else ALL_CHECKS)
    if loopback:
        from gateway.doctor.loopback import check_loopback

        found += check_loopback(case)
    _print(report.as_json(found) if json else _screen(found))
    return EXIT_STATUS[worst(found)]


def _screen(found: list[Finding]) -> str:
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    width = min(shutil.get_terminal_size((_WIDTH, 24)).columns, _WIDTH)
    return report.as_text(found, colour=colour, width=width)


def _print(text: str) -> None:
    """Print what the terminal's letters can show, `?` for the rest."""
    letters = sys.stdout.encoding or "ascii"
    try:
        print(text.encode(letters, errors="replace").decode(letters), end="", flush=True)
    except BrokenPipeError:  # `doctor | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
