"""The program: connect, show, connect again when the service comes back, until Ctrl-C."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from gateway.config import ConfigError
from gateway.monitor.connection import Service, Unreachable, connect, find, lines
from gateway.monitor.display import Display, Record, visible

AGAIN_SECONDS = 0.5
"""How long between two looks whether the service is there again."""


class NotARecord(Exception):
    """What came is none of the gateway's. The message is one sentence."""

    def __init__(self) -> None:
        super().__init__("what listens there is no gateway, or one of another version")


def run(
    config: Path | None, instance: str | None, path: Path | None, *, raw: bool, as_json: bool
) -> int:
    """Show a service's conversation on stdout until Ctrl-C; the exit status."""
    try:
        service = find(config, instance, path)
        show = _pass_on if as_json else shower(sys.stdout, raw=raw)
        return follow(service, show, lambda: time.sleep(AGAIN_SECONDS))
    except (Unreachable, NotARecord, ConfigError) as error:
        print(f"esp-at-gateway: {error}", file=sys.stderr)
        return 2 if isinstance(error, ConfigError) else 1
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:
        # whoever read us has gone, as `head` does: nothing may be written at the end either
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        return 0


def follow(service: Service, show: Callable[[bytes], None], pause: Callable[[], None]) -> int:
    """Hand every record to `show`; `pause` between two looks whether the service is back.

    Ends, with 1, only when the service has no place for one more. Raises Unreachable if it is
    not there at first, and what `show` raises.
    """
    connection = connect(service)
    while True:
        for line in lines(connection):
            refusal = _refusal(line)
            if refusal is not None:
                print(f"esp-at-gateway: {visible(refusal)}", file=sys.stderr)
                return 1
            show(line)
        print("esp-at-gateway: the service has ended; waiting for it", file=sys.stderr)
        while True:
            pause()
            try:
                connection = connect(service)
            except Unreachable:
                continue
            break


def _refusal(line: bytes) -> str | None:
    if not line.startswith(b'{"kind":"refused"'):
        return None
    return str(_record(line).get("text"))


def _record(line: bytes) -> Record:
    """The record in a line. Raises NotARecord."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        raise NotARecord from None
    if not isinstance(record, dict):
        raise NotARecord
    return record


def _pass_on(line: bytes) -> None:
    _record(line)
    sys.stdout.write(line.decode())
    sys.stdout.flush()


def shower(screen: TextIO, *, raw: bool) -> Callable[[bytes], None]:
    """Writes each record's lines to `screen`; what it makes raises NotARecord."""
    display = Display(raw=raw, colour=wants_colour(screen))
    # an old terminal without our arrows is no reason to end
    if hasattr(screen, "reconfigure"):
        screen.reconfigure(errors="replace")

    def show(line: bytes) -> None:
        try:
            texts = display.lines(_record(line))
        except (ValueError, TypeError, ArithmeticError, OSError):
            raise NotARecord from None
        for text in texts:
            screen.write(text + "\n")
        screen.flush()

    return show


def wants_colour(screen: TextIO) -> bool:
    """Whether it is a terminal with colours (https://no-color.org)."""
    return screen.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
