"""The wires: what is sent on TX comes back on RX where the two are joined."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Final

from gateway.doctor.case import Case
from gateway.doctor.checks.service import again
from gateway.doctor.finding import Finding, bad, doubt, good
from gateway.services.api_line import Line, LineRefused, UartSettings
from gateway.services.descriptor_line import LineUnavailable

SPEEDS: Final = (9600, 115200, 460800, 921600)
"""Bits a second that are tried, besides the one that is configured."""

PATTERN: Final = bytes(range(256)) + bytes((0x55, 0xAA, 0x00, 0xFF)) * 16
"""Every byte, then the quickest and the slowest changes of level."""

GRACE_SECONDS: Final = 0.5
"""What a USB adapter or a busy machine may add to the time on the wire, twice over."""

_QUIET_SECONDS: Final = 0.05


class Echo(Enum):
    """What came back at one speed."""

    WHOLE = "all came back"
    NOTHING = "nothing came back"
    SHORT = "bytes were lost"
    OTHER = "other bytes came back"
    REFUSED = "the UART does not do this speed"


@dataclass(frozen=True, slots=True)
class Trial:
    """One speed: what came back, how many bytes, and in how many seconds."""

    baud: int
    echo: Echo
    received: int = 0
    seconds: float = 0.0


class _Ear:
    """Hears the line. Satisfies LineReceiver."""

    def __init__(self) -> None:
        self.heard = bytearray()
        self.enough = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self.heard += data
        if len(self.heard) >= len(PATTERN):
            self.enough.set()

    def opened(self) -> None:
        pass

    def drained(self) -> None:
        pass

    def lost(self, cause: Exception) -> None:
        self.enough.set()


def check_loopback(case: Case, grace: float = GRACE_SECONDS) -> list[Finding]:
    """Send at several speeds and compare. The line must be free: what holds it is named.

    `grace` is what is added, in seconds, to the time that the bytes take.
    """
    subject = "loopback"
    if case.is_pseudo_terminal:
        return [doubt(subject, f"{case.device} is a pseudo-terminal: it has no wires")]
    if case.service.is_running:
        text = f"{case.service.unit} has the line"
        stop = f"sudo systemctl stop {case.service.unit_in_shell}"
        return [bad(subject, text, f"{stop} && {again(case)} --loopback")]
    wanted = case.settings.uart.baud if case.settings.uart else case.config.uart.baud
    speeds = sorted({*SPEEDS, wanted})
    try:
        trials = asyncio.run(_measure(case.device, speeds, grace))
    except (LineUnavailable, LineRefused, OSError) as error:
        return [bad(subject, str(error), f"{again(case)}    # mend that first")]
    return judge(case, trials, wanted)


async def _measure(device: str, speeds: Sequence[int], grace: float) -> list[Trial]:
    from gateway.services.uart import open_line

    line = open_line(device, UartSettings(baud=speeds[0]))
    try:
        return [trial async for trial in _trials(line, speeds, grace)]
    finally:
        await line.close()


async def _trials(line: Line, speeds: Sequence[int], grace: float) -> AsyncIterator[Trial]:
    """Each speed in turn; where the wires are not joined the first tells it."""
    for baud in speeds:
        try:
            await line.change(UartSettings(baud=baud))
        except LineRefused:
            yield Trial(baud, Echo.REFUSED)
            continue
        trial = await _try(line, baud, grace)
        yield trial
        if trial.echo is Echo.NOTHING:
            return


async def _try(line: Line, baud: int, grace: float) -> Trial:
    ear = _Ear()
    line.start(ear)
    # What was under way before, or a glitch of the change of speed, is none of ours.
    await asyncio.sleep(_QUIET_SECONDS)
    ear.heard.clear()
    clock = asyncio.get_running_loop().time
    began = clock()
    line.write(PATTERN)
    with suppress(TimeoutError):
        async with asyncio.timeout(2 * (line.seconds(len(PATTERN)) + grace)):
            await ear.enough.wait()
    return Trial(baud, _compare(bytes(ear.heard)), len(ear.heard), round(clock() - began, 3))


def _compare(heard: bytes) -> Echo:
    if heard == PATTERN:
        return Echo.WHOLE
    if not heard:
        return Echo.NOTHING
    rest = iter(PATTERN)
    is_part = all(byte in rest for byte in heard)
    return Echo.SHORT if is_part else Echo.OTHER


def judge(case: Case, trials: Sequence[Trial], wanted: int) -> list[Finding]:
    """What the trials say of the wires, where the gateway is going to run at `wanted` baud."""
    subject = "loopback"
    tried = [trial for trial in trials if trial.echo is not Echo.REFUSED]
    whole = [trial.baud for trial in tried if trial.echo is Echo.WHOLE]
    wrong = [trial for trial in tried if trial.echo is not Echo.WHOLE]
    facts = {str(trial.baud): trial.echo.name.lower() for trial in trials}
    once_more = f"{again(case)} --loopback"
    if any(trial.echo is Echo.NOTHING for trial in tried) and not whole:
        text = "nothing came back: is RX joined to TX (pins 8 and 10), and nothing else?"
        return [bad(subject, text, f"{once_more}    # once they are", **facts)]
    if not whole:
        text = "other bytes came back: is the board still on the wires, or a loose contact?"
        return [bad(subject, text, f"{once_more}    # with RX joined to TX alone", **facts)]
    speeds = ", ".join(map(str, whole))
    if not wrong:
        refused = [str(trial.baud) for trial in trials if trial.echo is Echo.REFUSED]
        more = f"; {', '.join(refused)} the UART does not do" if refused else ""
        start = f"sudo systemctl start {case.service.unit_in_shell}"
        text = f"all {len(PATTERN)} bytes came back at {speeds} baud{more}"
        if case.service.is_installed:
            text += f". Take the bridge off, wire the board, {start}"
        return [good(subject, text, **facts)]
    failed = "; ".join(f"{trial.baud}: {trial.echo.value}" for trial in wrong)
    text = f"well at {speeds} baud, not at {failed}"
    shorter = f"{once_more}    # with shorter wires, or stay at {max(whole)} baud"
    if any(trial.baud == wanted for trial in wrong):
        return [bad(subject, text, shorter, **facts)]
    return [doubt(subject, text, shorter, **facts)]
