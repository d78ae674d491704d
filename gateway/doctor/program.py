"""The command: options in, a screen and an exit status out."""

from __future__ import annotations

import logging
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from gateway.doctor import report
from gateway.doctor.case import Case
from gateway.doctor.examination import ALL_CHECKS, LINE_CHECKS, examine
from gateway.doctor.finding import Finding, Verdict, worst
from gateway.doctor.host import Host
from gateway.doctor.loading import load_case

EXIT_STATUS: Final = {Verdict.GOOD: 0, Verdict.BAD: 1, Verdict.DOUBT: 3}
"""0 only if all is well. 2 is what wrong options give."""

_WIDTH = 100

_NOWHERE: Final = logging.NullHandler()


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
    # What the line logs would come in between.
    logging.getLogger("gateway").addHandler(_NOWHERE)
    case = load_case(host, file, instance)
    told: list[Finding] = []
    found = _kept(_examined(case, loopback), told)
    try:
        for text in [report.as_json(list(found))] if json else _screen(found):
            _print(text)
    except BrokenPipeError:  # `doctor | head`
        _hush()
        told += found
    except OSError as error:
        print(f"esp-at-gateway: cannot write: {error.strerror}", file=sys.stderr)
        _hush()
        return EXIT_STATUS[Verdict.BAD]
    return EXIT_STATUS[worst(told)]


def _hush() -> None:
    """Keep Python from complaining of the same at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _examined(case: Case, loopback: bool) -> Iterator[Finding]:
    yield from examine(case, LINE_CHECKS if loopback else ALL_CHECKS)
    if loopback:
        from gateway.doctor.loopback import check_loopback

        yield from check_loopback(case)


def _kept(found: Iterable[Finding], told: list[Finding]) -> Iterator[Finding]:
    """The same, each remembered in `told` as it passes."""
    for finding in found:
        told.append(finding)
        yield finding


def _screen(found: Iterable[Finding]) -> Iterator[str]:
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    width = min(shutil.get_terminal_size((_WIDTH, 24)).columns, _WIDTH)
    return report.as_text(found, colour=colour, width=width)


def _print(text: str) -> None:
    """Print what the terminal's letters can show, `?` for the rest."""
    letters = sys.stdout.encoding or "ascii"
    print(text.encode(letters, errors="replace").decode(letters), end="", flush=True)
