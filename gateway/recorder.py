"""What is told of a conversation to those who watch it; passwords and payload are hidden here.

Session and Outbox call this only while `Trace.listening`, so that it costs one question
otherwise. What each record holds is told in gateway/services/trace.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from gateway.at import masking
from gateway.at.events import (
    Event,
    Line,
    LineTooLong,
    Packet,
    Payload,
    PayloadTimeout,
    Pem,
    PemRefused,
    Typed,
)
from gateway.at.masking import Hidden, Piece, hidden
from gateway.at.stream import LINE_LIMIT
from gateway.at.table import Commands
from gateway.services.api_trace import Trace, Unwatched

INCOMPLETE_SECONDS = 1.0
"""Silence after which bytes that are not yet a line, or not yet all the payload, are told."""


class Recorder:
    """Turns events and messages into records. `multiplexing` tells how lines are read now."""

    def __init__(self, trace: Trace, commands: Commands, multiplexing: Callable[[], bool]) -> None:
        self.trace = trace
        self._commands = commands
        self._multiplexing = multiplexing
        self._secret_replies = masking.secret_replies(commands)
        self._echoed = False
        self._result: dict[str, object] = {}
        self._unfinished = 0
        self._foreign = 0
        self._timer: asyncio.TimerHandle | None = None

    @classmethod
    def of_nobody(cls) -> Recorder:
        """A recorder that nobody will listen to."""
        return cls(Unwatched(), Commands(), lambda: False)

    # from the microcontroller

    def received(self, data: bytes) -> None:
        """Bytes came, of whatever they will be a part."""
        self._unfinished += len(data)
        self._foreign += masking.not_text(data)
        self._forget_timer()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(INCOMPLETE_SECONDS, self._tell_unfinished)

    def heard(self, event: Event, waiting: int) -> None:
        """The session is about to act on `event`; behind it `waiting` bytes are here already."""
        if isinstance(event, Typed):
            self._echoed = True
            return
        self._unfinished = waiting
        foreign, self._foreign = self._foreign, 0
        if isinstance(event, Line):
            shown = masking.command_line(event.text, self._commands, self._multiplexing())
            self._tell("command", "in", shown)
            if self._echoed:
                self._tell("echo", "out", shown)
            self._echoed = False
        elif isinstance(event, Payload):
            self._tell("payload", "in", [hidden(len(event.data))])
        elif isinstance(event, Pem):
            count = event.characters
            self._tell("payload", "in", [Hidden(count, f"<PEM, {count} bytes>")])
        elif isinstance(event, Packet):
            self._tell("through", "in", [hidden(len(event.data))])
        else:
            self._tell_other(event, foreign)

    def _tell_other(self, event: Event, foreign: int) -> None:
        if isinstance(event, LineTooLong):
            text = masking.unknown(LINE_LIMIT, foreign, " and more")
            self._echoed = False
        elif isinstance(event, PayloadTimeout):
            text = "<the rest of the payload did not come>"
        elif isinstance(event, PemRefused):
            text = "<what cannot be a certificate>"
        else:
            text = "+++"
        self.trace.tell("command" if text == "+++" else "noise", way="in", text=text)

    def _tell_unfinished(self) -> None:
        self._timer = None
        if self._unfinished and self.trace.listening:
            text = masking.unknown(self._unfinished, self._foreign, " so far, then silence")
            self.trace.tell("noise", way="in", text=text)

    def forget(self) -> None:
        """The session is over; no timer is left."""
        self._forget_timer()

    def _forget_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # to the microcontroller

    def ends(self, result: str, seconds: float, cause: str = "") -> None:
        """The message that is written next is the final reply to a command."""
        self._result = {"result": result, "seconds": round(seconds, 6)}
        if cause:
            self._result["cause"] = cause

    def wrote(self, message: bytes) -> None:
        """A reply, a prompt or `ready` is written."""
        result, self._result = self._result, {}
        self._tell("reply", "out", masking.message(message, self._secret_replies), **result)

    def notified(self, message: bytes) -> None:
        """A notification is written."""
        self._tell("notification", "out", masking.message(message, self._secret_replies))

    def handed_over(self, messages: bytes) -> None:
        """Links' data is written, framed."""
        self._tell("data", "out", masking.data(messages))

    def passed_through(self, count: int) -> None:
        """A link's data is written as it is."""
        self._tell("through", "out", [hidden(count)])

    def _tell(self, kind: str, way: str, pieces: Sequence[Piece], **more: object) -> None:
        text, told = masking.as_text(pieces), masking.as_bytes(pieces)
        self.trace.tell(kind, way=way, text=text, bytes=told, **more)
