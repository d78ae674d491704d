"""One conversation with the microcontroller, from `ready` to the next reset.

Bytes go into the intake's stream, events come out of it, a line is dispatched to its command,
the runner carries it out, and its result is written. One command runs at a time; whatever its
first step does is done before the next event is pulled.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import field

from gateway import command_log
from gateway.announcer import Announcer
from gateway.at import messages
from gateway.at.errors import ATError
from gateway.at.events import (
    Event,
    LineTooLong,
    Packet,
    Payload,
    PayloadTimeout,
    Pem,
    PemRefused,
    Typed,
)
from gateway.at.events import Line as LineEvent
from gateway.at.masking import line_name
from gateway.at.messages import Style
from gateway.at.table import Command, Commands, Scope
from gateway.commands.call import Call, Gateway, PassThrough
from gateway.intake import Intake
from gateway.outbox import Outbox
from gateway.recorder import Recorder
from gateway.records import Record
from gateway.runner import Handling, Prompt, Runner
from gateway.services.api import Clock, Network
from gateway.services.api_line import Line, LineLost, LineRefused
from gateway.services.api_links import Certificates, Links, Servers
from gateway.services.api_settings import SettingsBook, SettingsView
from gateway.services.api_trace import Trace, Unwatched

logger = logging.getLogger("gateway.session")

_RESET = b"AT+RST\r"
_QUESTION = b"?\r"
_SLOW_REPLY = 0.9
_QUESTION_WINDOW = 0.1


class Services(Record):
    """What a session works with; made by the daemon."""

    network: Network
    links: Links
    servers: Servers
    certificates: Certificates
    clock: Clock
    settings: SettingsBook
    memory: Callable[[], tuple[int, int]]
    style: Style = Style.README
    trace: Trace = field(default_factory=Unwatched)


class Session:
    """Reads a line and answers it. Satisfies LineReceiver, Conversation and Results.

    `over` is done when a reset has been asked for. `close` must be awaited in any case.
    """

    def __init__(self, line: Line, commands: Commands, services: Services) -> None:
        self._line = line
        self._commands = commands
        self._loop = asyncio.get_running_loop()
        self._intake = Intake(line, self._handle)
        self._runner = Runner(self)
        self._trace = services.trace
        self._recorder = Recorder(services.trace, commands, self._multiplexing)
        self._outbox = Outbox(line, self._recorder)
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
        self._busy = messages.BUSY
        self._started = 0.0
        self._question_until = 0.0
        self._resetting = False
        self._line_work: Callable[[], Awaitable[None]] | None = None
        self._line_task: asyncio.Task[None] | None = None
        self._transfer: PassThrough | None = None
        self._escaped: asyncio.Future[None] | None = None

    # life

    def start(self) -> None:
        """Say `ready` and listen."""
        self._line.start(self)
        self._line.resume_reading()
        self._say_ready()

    def cut_off(self) -> None:
        """The module was reset by a pin: end at once, in the middle of whatever is said."""
        self._intake.stop()
        self._outbox.cut_off()
        self._line.drop_output()
        # What comes before the next session is read and dropped, not kept for it.
        self._line.resume_reading()
        if not self.over.done():
            self.over.set_result(None)

    async def close(self) -> None:
        """End whatever runs; no task and no timer is left."""
        self._intake.stop()
        self._recorder.forget()
        await self._runner.close()
        self.announcer.end()
        if self._line_task is not None:
            self._line_task.cancel()
            await asyncio.wait({self._line_task})
            self._line_task = None

    def _say_ready(self) -> None:
        self._outbox.write(messages.READY)
        self._question_until = self._loop.time() + self._outbox.seconds_left() + _QUESTION_WINDOW

    # the line's receiver

    def data_received(self, data: bytes) -> None:
        """Bytes came from the microcontroller."""
        if self._trace.listening:
            self._recorder.received(data)
        self._intake.receive(data)

    def opened(self) -> None:
        """Somebody opened the pseudo-terminal: tell how things stand.

        Whoever left it in the middle of payload is not the one to finish it now.
        """
        if self._runner.prompting:
            self._runner.drop_prompt()
            self._intake.stream.start_over()
            self._outbox.release()
        if not self._outbox.muted:
            # What was about to be told is part of how things stand, and is not said twice.
            self._outbox.muted = True
            self.gateway.network.announce()
            self._outbox.muted = False
            self._say_ready()
            self.announcer.say_present_state()
            self.announcer.pump()

    def drained(self) -> None:
        """The line has taken everything."""
        self.announcer.pump()
        if self._intake.paused and self._line_task is None:
            self._relieve()

    def lost(self, cause: Exception) -> None:
        """The device is gone."""
        if not self.over.done():
            self.over.set_exception(LineLost(cause))

    def _relieve(self) -> None:
        if self._transfer is None or not self._transfer.congested:
            self._intake.resume()

    # events

    def _handle(self, event: Event, now: float) -> None:
        if self._trace.listening:
            self._recorder.heard(event, self._intake.stream.waiting)
        if isinstance(event, LineEvent):
            self._line_received(event.text, now)
        elif isinstance(event, Payload):
            self._runner.answer(event.data)
        elif isinstance(event, Typed):
            self._outbox.echo(event.data)
        elif isinstance(event, Pem):
            self._runner.answer((event.text, event.characters))
        elif isinstance(event, Packet):
            self._pass_on(event.data)
        elif isinstance(event, PayloadTimeout):
            cause = "the payload did not come within 10 s"
            self._runner.refuse(ATError(final="SEND FAIL", cause=cause))
        elif isinstance(event, PemRefused):
            self._runner.refuse(ATError(cause=event.cause))
        elif isinstance(event, LineTooLong):
            self._line_received(None, now)
        elif self._escaped is not None and not self._escaped.done():
            self._escaped.set_result(None)

    def _line_received(self, text: bytes | None, now: float) -> None:
        """Carry out a command line; None is one that was too long."""
        if self._runner.command is not None:
            if text != _RESET:
                self._outbox.write(self._busy)
                command_log.busy(text)
                return
            self._runner.abandon()
            self._busy = messages.BUSY
        elif text == _QUESTION and now <= self._question_until:
            return
        self._started = now
        self.announcer.introduce()
        try:
            command, handling = self._call(text)
        except ATError as error:
            self.failed(error, line_name(text))
            return
        self._runner.run(command, handling)

    def _call(self, text: bytes | None) -> tuple[Command, Handling]:
        if text is None:
            raise ATError(cause="a line of over 256 bytes")
        command, values = self._commands.read(text, self.gateway.volatile.multiplexing)
        call = Call(command.prefix, self._views[command.scope], self.gateway)
        return command, command.handler(call, *values)  # type: ignore[return-value]

    # the runner's results

    def finished(self, reply: bytes | None) -> None:
        """The running command is done."""
        if reply is None:
            reply = messages.OK
        now = self._loop.time()
        seconds = now - self._started
        if self._trace.listening:
            self._recorder.ends(messages.final_word(reply), seconds)
        self._outbox.write(reply)
        if command_log.wants(seconds):
            command_log.succeeded(self._spelling(), messages.final_word(reply), seconds)
        self._replied(now)

    def failed(self, error: ATError, name: str | None = None) -> None:
        """The running command, or a line that is none, has an error reply."""
        name = error.spelling or name or self._spelling()
        now = self._loop.time()
        seconds = now - self._started
        if self._trace.listening:
            self._recorder.ends(error.final, seconds, error.cause)
        self._outbox.write(messages.failure(error.lines, error.final, error.after))
        command_log.refused(name, error, seconds)
        self._replied(now)

    def failed_of_a_bug(self) -> None:
        """The running command raised what no command should."""
        now = self._loop.time()
        seconds = now - self._started
        command_log.failed_of_a_bug(self._spelling(), seconds)
        if self._trace.listening:
            self._recorder.ends("ERROR", seconds, "a bug; please report it with the log")
        self._outbox.write(messages.ERROR)
        self._replied(now)

    def prompted(self, prompt: Prompt) -> None:
        """The running command wants payload or a certificate."""
        self._outbox.hold()
        self._outbox.write(prompt.text)
        prompt.bind(self._loop.time())

    def waits(self) -> None:
        """The running command waits."""
        if self._transfer is None:
            self._intake.wait_for_settling()

    def went_on(self) -> None:
        """A command that waited is done."""
        self._intake.pump()

    def _multiplexing(self) -> bool:
        return self.gateway.volatile.multiplexing

    def _spelling(self) -> str:
        return self._runner.command.spelling if self._runner.command else "?"

    def _replied(self, now: float) -> None:
        if now - self._started >= _SLOW_REPLY:
            self._question_until = now + self._outbox.seconds_left() + _QUESTION_WINDOW
        self._runner.command = None
        self._busy = messages.BUSY
        self._intake.settle()
        if self._outbox.held:
            self._outbox.release()
        if self._resetting:
            self._intake.stop()
            if not self.over.done():
                self.over.set_result(None)
            return
        if self._line_work is not None:
            self._intake.pause()
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

    # what commands ask of the conversation

    def set_echo(self, echo: bool) -> None:
        """Echo command lines from the next one on, or not."""
        self._intake.stream.echo = echo

    def payload(self, length: int) -> Awaitable[bytes]:
        """Prompt and give the payload. Raises ATError."""
        stream = self._intake.stream
        return Prompt(messages.SEND_PROMPT, lambda now: stream.expect_payload(length, now))

    def certificate_text(self) -> Awaitable[tuple[bytes, int]]:
        """Prompt and give PEM text and how many characters it had. Raises ATError."""
        return Prompt(messages.CERTIFICATE_PROMPT, self._intake.stream.expect_pem)

    def payload_received(self, length: int) -> None:
        """Say that the payload is in; lines are answered `busy s...` until the reply."""
        self._outbox.write(messages.received_payload(length))
        self._busy = messages.BUSY_SENDING

    async def pass_through(self, transfer: PassThrough) -> None:
        """Hand every packet to `transfer` until the escape."""
        self._outbox.write(messages.PASS_THROUGH_PROMPT)
        self._intake.stream.expect_packets(self._loop.time())
        self._transfer = transfer
        transfer.begin(self._relieve)
        self._escaped = self._loop.create_future()
        self._intake.watch_silence()
        try:
            await self._escaped
        finally:
            self._transfer = self._escaped = None

    def _pass_on(self, data: bytes) -> None:
        if self._transfer is not None:
            self._transfer.packet(data)
            if self._transfer.congested:
                self._intake.pause()

    def reset(self) -> None:
        """End the session after the reply."""
        self._resetting = True

    def change_line_after_reply(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do `work` when the reply has been written and before anything else is read."""
        self._line_work = work
