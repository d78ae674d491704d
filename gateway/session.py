"""One conversation with the microcontroller, from `ready` to the next reset.

Bytes go into the stream, events are pulled out of it, a line is dispatched to its command,
and the command's result is written. One command runs at a time.

A command is a coroutine, and it is stepped by hand at first: nearly all are done in that one
step, and a Task for each would cost three times the reply time. Only one that waits for
something becomes a Task. A prompt (payload, certificate) is not such a wait: the coroutine
yields a `_Prompt`, and is stepped on by hand when the bytes are here. So a command must prompt
before it awaits anything else, and must not use asyncio.timeout in its first step.

Whatever the first step does is done before the next event is pulled, and a command that has
become a Task is given _SETTLING seconds before anything more is read. So only a command that
is slow for a human makes a later line `busy p...`, and the same bytes give the same answers
however they were cut.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Coroutine, Generator
from dataclasses import dataclass
from typing import Any

from gateway.announcer import Announcer
from gateway.at import messages
from gateway.at.errors import ATError
from gateway.at.messages import Style
from gateway.at.stream import (
    Event,
    HostStream,
    LineTooLong,
    Packet,
    Payload,
    PayloadTimeout,
    Pem,
    PemRefused,
    Typed,
)
from gateway.at.stream import Line as LineEvent
from gateway.at.syntax import split_line
from gateway.at.table import Command, Commands, Scope
from gateway.commands.call import Call, Gateway, PassThrough
from gateway.outbox import Outbox
from gateway.services.api import Clock, Line, LineRefused, Network, ServiceError
from gateway.services.api_links import Certificates, Links, Servers
from gateway.services.api_settings import SettingsBook, SettingsView

logger = logging.getLogger("gateway.session")

_RESET = b"AT+RST\r"
_QUESTION = b"?\r"
_NAME = re.compile(rb"AT\+[A-Z][A-Z0-9_]{0,23}(?=[=?\r])")
_SLOW_REPLY = 0.9
_QUESTION_WINDOW = 0.1
_MOST_UNSENT = 32768
_SETTLING = 0.05

Handling = Coroutine[Any, Any, bytes | None]


@dataclass(frozen=True, slots=True)
class Services:
    """What a session works with; made by the daemon."""

    network: Network
    links: Links
    servers: Servers
    certificates: Certificates
    clock: Clock
    settings: SettingsBook
    memory: Callable[[], tuple[int, int]]
    style: Style = Style.README


class _Prompt:
    """Awaited by a command: write `text`, then read in the mode that `bind` sets."""

    __slots__ = ("bind", "text")

    def __init__(self, text: bytes, bind: Callable[[float], None]) -> None:
        self.text = text
        self.bind = bind

    def __await__(self) -> Generator[_Prompt, Any, Any]:
        return (yield self)


class _Rest:
    """The rest of a coroutine that has been stepped by hand up to `pending`."""

    __slots__ = ("_coroutine", "_pending")

    def __init__(self, coroutine: Handling, pending: Any) -> None:
        self._coroutine = coroutine
        self._pending = pending

    def __await__(self) -> Generator[Any, Any, bytes | None]:
        try:
            while True:
                try:
                    result = yield self._pending
                except BaseException as error:
                    self._pending = self._coroutine.throw(error)
                else:
                    self._pending = self._coroutine.send(result)
        except StopIteration as stop:
            value: bytes | None = stop.value
            return value


class Session:
    """Reads a line and answers it. Satisfies LineReceiver and Conversation.

    `over` is done when a reset has been asked for. `close` must be awaited in any case.
    """

    def __init__(self, line: Line, commands: Commands, services: Services) -> None:
        self._line = line
        self._commands = commands
        self._loop = asyncio.get_running_loop()
        self._stream = HostStream()
        self._outbox = Outbox(line)
        self.announcer = Announcer(self._outbox)
        self.gateway = Gateway(
            network=services.network,
            links=services.links,
            servers=services.servers,
            certificates=services.certificates,
            clock=services.clock,
            line=line,
            settings=services.settings,
            conversation=self,
            announcements=self.announcer,
            memory=services.memory,
            style=services.style,
        )
        self.announcer.gateway = self.gateway
        settings = services.settings
        self._views: dict[Scope | None, SettingsView] = {
            Scope.CURRENT: settings.current,
            Scope.DEFAULT: settings.default,
            Scope.PLAIN: settings.plain,
            None: settings.plain,
        }
        self.over: asyncio.Future[None] = self._loop.create_future()
        self._command: Command | None = None
        self._prompted: Handling | None = None
        self._task: asyncio.Task[None] | None = None
        self._busy = messages.BUSY
        self._started = 0.0
        self._question_until = 0.0
        self._resetting = False
        self._line_work: Callable[[], Awaitable[None]] | None = None
        self._line_task: asyncio.Task[None] | None = None
        self._transfer: PassThrough | None = None
        self._escaped: asyncio.Future[None] | None = None
        self._paused = False
        self._settling: asyncio.TimerHandle | None = None
        self._timer: asyncio.TimerHandle | None = None

    # life

    def start(self) -> None:
        """Say `ready` and listen."""
        self._line.start(self)
        self._line.resume_reading()
        self._say_ready()

    async def close(self) -> None:
        """End whatever runs; no task and no timer is left."""
        self._resetting = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._settle()
        if self._prompted is not None:
            self._prompted.close()
            self._prompted = None
        tasks = {task for task in (self._task, self._line_task) if task is not None}
        if tasks:
            # a task cancelled before it began would not tell its command
            await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._task = self._line_task = None

    # the line's receiver

    def data_received(self, data: bytes) -> None:
        """Bytes came from the microcontroller."""
        if self._resetting:
            return
        self._stream.receive(data, self._loop.time())
        if self._settling is not None:
            self._line.pause_reading()
        self._pump()

    def opened(self) -> None:
        """Somebody opened the pseudo-terminal: tell how things stand."""
        if not self._outbox.muted:
            self._say_ready()
            self.announcer.say_present_state()
            self.announcer.pump()

    def _say_ready(self) -> None:
        self._outbox.write(messages.READY)
        self._question_until = self._loop.time() + self._outbox.seconds_left() + _QUESTION_WINDOW

    def drained(self) -> None:
        """The line has taken everything."""
        self.announcer.pump()
        if self._paused and self._line_task is None:
            self._relieve()

    def lost(self, cause: Exception) -> None:
        """The device is gone."""
        if not self.over.done():
            self.over.set_exception(cause)

    # pulling events

    def _pump(self) -> None:
        while not self._paused and not self._resetting and self._settling is None:
            event = self._stream.next_event(self._loop.time())
            if event is None:
                break
            self._handle(event)
            if self._line.buffered > _MOST_UNSENT:
                self._pause()
        self._watch_silence()

    def _handle(self, event: Event) -> None:
        if isinstance(event, LineEvent):
            self._line_received(event.text)
        elif isinstance(event, Typed):
            self._outbox.write(event.data)
        elif isinstance(event, Payload):
            self._answer_prompt(event.data)
        elif isinstance(event, Pem):
            self._answer_prompt((event.text, event.characters))
        elif isinstance(event, Packet):
            self._pass_on(event.data)
        elif isinstance(event, PayloadTimeout):
            self._refuse_prompt(
                ATError(final="SEND FAIL", cause="the payload did not come within 10 s")
            )
        elif isinstance(event, PemRefused):
            self._refuse_prompt(ATError(cause=event.cause))
        elif isinstance(event, LineTooLong):
            self._line_received(None)
        elif self._escaped is not None and not self._escaped.done():
            self._escaped.set_result(None)

    def _watch_silence(self) -> None:
        """Have a timer run for the stream's deadline; one that is too early does no harm."""
        if self._paused or self._settling is not None or self._resetting:
            return  # nothing could be pulled; whoever reads on watches again
        deadline = self._stream.deadline()
        if deadline is None:
            return
        if self._timer is not None:
            if self._timer.when() <= deadline:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(deadline, self._silence)

    def _silence(self) -> None:
        self._timer = None
        self._pump()

    def _pause(self) -> None:
        """Read nothing more for now; what is here already waits in the stream."""
        self._paused = True
        self._line.pause_reading()

    def _relieve(self) -> None:
        if self._transfer is not None and self._transfer.congested:
            return
        self._paused = False
        self._line.resume_reading()
        # what nobody read was no silence
        self._stream.receive(b"", self._loop.time())
        self._pump()

    # command lines

    def _line_received(self, text: bytes | None) -> None:
        """Carry out a command line; None is one that was too long."""
        now = self._loop.time()
        if self._command is not None:
            if text != _RESET:
                self._outbox.write(self._busy)
                return
            self._abandon()
        elif text == _QUESTION and now <= self._question_until:
            return
        self._started = now
        try:
            command, handling = self._call(text)
        except ATError as error:
            self._fail(error, _name(text))
            return
        self._command = command
        self._step(handling.send, handling, None)

    def _call(self, text: bytes | None) -> tuple[Command, Handling]:
        if text is None:
            raise ATError(cause="a line of over 256 bytes")
        parts = split_line(text)
        if parts is None:
            raise ATError(cause="a line that does not end with CR LF")
        command = self._commands.find(parts[0])
        if command is None:
            raise ATError(cause="no such command")
        try:
            values = command.bind(parts[1], self.gateway.volatile.multiplexing)
        except ATError as error:
            raise error.with_spelling(command.spelling) from None
        call = Call(command.prefix, self._views[command.scope], self.gateway)
        return command, command.handler(call, *values)  # type: ignore[return-value]

    def _abandon(self) -> None:
        """End the running command without a reply, for AT+RST."""
        if self._task is not None:
            self._task.cancel()
        self._command = None
        self._busy = messages.BUSY

    # running commands

    def _step(self, advance: Callable[[Any], Any], handling: Handling, value: Any) -> None:
        """Step a command by hand, as far as it goes without waiting."""
        self._prompted = None
        try:
            pending = advance(value)
        except StopIteration as stop:
            self._finish(stop.value)
        except ATError as error:
            self._fail(error)
        except ServiceError as error:
            self._fail(ATError(cause=str(error)))
        except Exception:
            self._fail_of_a_bug()
        else:
            if isinstance(pending, _Prompt):
                self._prompted = handling
                self._outbox.hold()
                self._outbox.write(pending.text)
                pending.bind(self._loop.time())
            else:
                self._task = self._loop.create_task(self._run(_Rest(handling, pending)))
                if self._transfer is None:
                    self._settling = self._loop.call_later(_SETTLING, self._settled)

    def _settle(self) -> None:
        """The running command is done, or takes its time: read on."""
        if self._settling is not None:
            self._settling.cancel()
            self._settling = None
            if not self._paused:
                self._line.resume_reading()

    def _settled(self) -> None:
        self._settle()
        self._pump()

    async def _run(self, rest: _Rest) -> None:
        """The rest of a command that waits. Errors end here, whatever they are."""
        try:
            result = await rest
        except asyncio.CancelledError:
            raise
        except ATError as error:
            self._task = None
            self._fail(error)
        except ServiceError as error:
            self._task = None
            self._fail(ATError(cause=str(error)))
        except Exception:
            self._task = None
            self._fail_of_a_bug()
        else:
            self._task = None
            self._finish(result)
        self._pump()

    def _answer_prompt(self, value: object) -> None:
        if self._prompted is not None:
            self._step(self._prompted.send, self._prompted, value)

    def _refuse_prompt(self, error: ATError) -> None:
        if self._prompted is not None:
            self._step(self._prompted.throw, self._prompted, error)

    def _finish(self, reply: bytes | None) -> None:
        command = self._command
        assert command is not None
        self._outbox.write(messages.OK if reply is None else reply)
        if logger.isEnabledFor(logging.DEBUG):
            milliseconds = (self._loop.time() - self._started) * 1000
            logger.debug("%s: OK, %.1f ms", command.spelling, milliseconds)
        self._replied()

    def _fail(self, error: ATError, name: str | None = None) -> None:
        self._outbox.write(messages.failure(error.lines, error.final, error.after))
        if name is None:
            name = self._command.spelling if self._command else "?"
        words = " ".join((*filter(None, error.lines), error.final))
        logger.info("%s: %s (%s)", error.spelling or name, words, error.cause or "no cause")
        self._replied()

    def _fail_of_a_bug(self) -> None:
        logger.exception("%s failed by a bug; please report this", self._name_of_command())
        self._outbox.write(messages.ERROR)
        self._replied()

    def _name_of_command(self) -> str:
        return self._command.spelling if self._command else "?"

    def _replied(self) -> None:
        now = self._loop.time()
        if now - self._started >= _SLOW_REPLY:
            self._question_until = now + self._outbox.seconds_left() + _QUESTION_WINDOW
        self._command = None
        self._busy = messages.BUSY
        self._settle()
        self._outbox.release()
        if self._resetting:
            self._reset_now()
            return
        if self._line_work is not None:
            self._pause()
            self._line_task = self._loop.create_task(self._change_line(self._line_work))
            self._line_work = None
        self.announcer.pump()

    async def _change_line(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except LineRefused as refusal:
            logger.error("the UART did not take the new settings after all: %s", refusal)
        self._line_task = None
        self._relieve()

    def _reset_now(self) -> None:
        if not self.over.done():
            self.over.set_result(None)

    # what commands ask of the conversation

    def set_echo(self, echo: bool) -> None:
        """Echo command lines from the next one on, or not."""
        self._stream.echo = echo

    def payload(self, length: int) -> Awaitable[bytes]:
        """Prompt and give the payload. Raises ATError."""
        stream = self._stream
        return _Prompt(messages.SEND_PROMPT, lambda now: stream.expect_payload(length, now))

    def certificate_text(self) -> Awaitable[tuple[bytes, int]]:
        """Prompt and give PEM text and how many characters it had. Raises ATError."""
        return _Prompt(messages.CERTIFICATE_PROMPT, self._stream.expect_pem)

    def payload_received(self, length: int) -> None:
        """Say that the payload is in; lines are answered `busy s...` until the reply."""
        self._outbox.write(messages.received_payload(length))
        self._busy = messages.BUSY_SENDING

    async def pass_through(self, transfer: PassThrough) -> None:
        """Hand every packet to `transfer` until the escape."""
        self._outbox.write(messages.PASS_THROUGH_PROMPT)
        self._stream.expect_packets(self._loop.time())
        self._transfer = transfer
        transfer.begin(self._relieve)
        self._escaped = self._loop.create_future()
        self._watch_silence()
        try:
            await self._escaped
        finally:
            self._transfer = self._escaped = None

    def _pass_on(self, data: bytes) -> None:
        if self._transfer is not None:
            self._transfer.packet(data)
            if self._transfer.congested:
                self._pause()

    def reset(self) -> None:
        """End the session after the reply."""
        self._resetting = True

    def change_line_after_reply(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do `work` when the reply has been written and before anything else is read."""
        self._line_work = work


def _name(text: bytes | None) -> str:
    """What may be logged of a line that is no command: it could be payload or a password."""
    if text is None:
        return "a line"
    match = _NAME.match(text)
    return match.group().decode() if match else f"{len(text) + 1} bytes"
