"""All checks, side by side, none of which can hold up the others for long."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from gateway.doctor.case import Case
from gateway.doctor.checks import (
    certificates,
    clock,
    console,
    line,
    machine,
    network,
    pins,
    polkit,
    service,
)
from gateway.doctor.finding import Finding, doubt

Check = Callable[[Case], Iterable[Finding]]

LINE_CHECKS: Final[tuple[Check, ...]] = (
    line.check_line,
    console.check_console,
    line.check_holder,
    line.check_access,
)

ALL_CHECKS: Final[tuple[Check, ...]] = (
    service.check_configuration,
    service.check_service,
    service.check_user,
    service.check_storage,
    service.check_leftovers,
    *LINE_CHECKS,
    pins.check_pins,
    network.check_networks,
    network.check_radio,
    network.check_softap,
    polkit.check_permissions,
    clock.check_clock,
    certificates.check_certificates,
    machine.check_power,
    machine.check_libraries,
    machine.check_versions,
)

CHECK_SECONDS: Final = 90.0
"""How long all of them together may take; each command ends after less."""


def examine(
    case: Case, checks: Sequence[Check] = ALL_CHECKS, seconds: float = CHECK_SECONDS
) -> Iterator[Finding]:
    """What each check finds, in their order, as soon as it is known. Never raises.

    One that has not ended after `seconds` is left to itself, and said to be unknown.
    """
    running = [_Running(case, check) for check in checks]
    deadline = time.monotonic() + seconds
    for each in running:
        each.join(max(0.0, deadline - time.monotonic()))
        yield from [_unknown(each.check, seconds)] if each.is_alive() else each.found


class _Running(threading.Thread):
    """One check in a thread that nobody has to wait for at the end."""

    def __init__(self, case: Case, check: Check) -> None:
        super().__init__(daemon=True, name=check.__name__)
        self.check = check
        self.found: list[Finding] = []
        self._case = case
        self.start()

    def run(self) -> None:
        try:
            self.found = list(self.check(self._case))
        except Exception as error:  # whatever this machine has that nobody thought of
            text = f"this check failed itself: {type(error).__name__}: {error}"
            self.found = [doubt(_subject(self.check), text)]


def _unknown(check: Check, seconds: float) -> Finding:
    return doubt(_subject(check), f"no answer within {seconds:g} s")


def _subject(check: Check) -> str:
    return check.__name__.removeprefix("check_")
