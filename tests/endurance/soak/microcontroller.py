"""A microcontroller on the gateway's line: it keeps track of what it is told, as a library does."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from tests.endurance.soak import dialogue
from tests.endurance.soak.conversation import Listener, Reply, Transcript, Wedged
from tests.endurance.soak.streams import Wrong

ANSWERS_WITHIN = 30.0
"""Seconds after which a gateway that owes an answer is wedged: CWJAP has 18, the rest fewer."""

Line = Callable[[], str | None]
"""Makes a command line at the moment when it can be typed; None where it is too late for it."""

READY = b"ready"
_FINALS = frozenset((b"OK", b"ERROR", b"FAIL", b"SEND OK", b"SEND FAIL"))
_BUSY = frozenset((b"busy p...", b"busy s..."))
_LINK = re.compile(rb"(?:([0-4]),)?(CONNECT|CLOSED)")
_NETWORK = re.compile(rb"WIFI .*|\+ETH_.*")
_READ_AT_ONCE = 65536


class Microcontroller:
    """Asks one thing at a time, and hears everything. `wrong` is told what must not be."""

    def __init__(self, path: Path, listener: Listener, wrong: Callable[[str], None]) -> None:
        self._transcript = Transcript()
        self._descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        self._listener = listener
        self._wrong = wrong
        self._loop = asyncio.get_running_loop()
        self._dialogue = dialogue.Dialogue()
        self._lock = asyncio.Lock()
        self._reply: Reply | None = None
        self._owed = 0
        self._answered: asyncio.Future[None] | None = None
        self._prompted: asyncio.Future[bool] | None = None
        self._silent = False
        self._taken: Callable[[bytes], None] | None = None
        self._ready = asyncio.Event()
        self._out = bytearray()
        self._loop.add_reader(self._descriptor, self._readable)

    @property
    def transcript(self) -> list[str]:
        """The last that was said, without payload."""
        return self._transcript.lines()

    def close(self) -> None:
        """Leave the line."""
        self._loop.remove_reader(self._descriptor)
        self._loop.remove_writer(self._descriptor)
        os.close(self._descriptor)

    # asking

    async def ask(self, line: str, answers: int = 1) -> Reply:
        """Type a command line (more than one with `answers`) and hear the whole reply."""
        async with self._lock:
            return await self._ask(line, answers)

    async def ask_then(
        self, line: Line, taken: Callable[[bytes], None] | None = None
    ) -> Reply | None:
        """As `ask`, with the line made when its turn has come; None is not asked.

        `taken` gets the data of an AT+CIPRECVDATA, in its place among all that comes.
        """
        async with self._lock:
            text = line()
            if text is None:
                return None
            self._taken = taken
            return await self._ask(text, 1)

    async def send(self, head: Line, pieces: Callable[[], list[bytes]]) -> Reply | None:
        """Type a command that wants bytes, and give them once it asks; None is not asked.

        Between the prompt and the last word nothing else may be said.
        """
        async with self._lock:
            text = head()
            if text is None:
                return None
            await self._prompt(text, b"> " if "CIPSEND" in text else b">")
            assert self._prompted is not None
            if self._prompted.result():
                for piece in pieces():
                    self._transcript.note("->", f"{len(piece)} bytes")
                    self._write(piece)
                    await asyncio.sleep(0)
            return await self._end_of_reply(text)

    @contextlib.asynccontextmanager
    async def passing_through(self) -> AsyncIterator[Callable[[bytes], None]]:
        """Pass-through for the `with`; gives what writes bytes. +++ is for whoever is in it."""
        async with self._lock:
            self._dialogue.passing = True
            try:
                await self._prompt("AT+CIPSEND", b">")
                assert self._prompted is not None
                if not self._prompted.result():
                    raise Wrong(f"AT+CIPSEND: {await self._end_of_reply('AT+CIPSEND')}")
                self._forget()
                yield self._write
            finally:
                self._dialogue.passing = False
                self._dialogue.through = False
            self._read_on()

    async def reset(self) -> None:
        """AT+RST, until it is ready again; the echo is off then."""
        async with self._lock:
            self._ready.clear()
            reply = await self._ask("AT+RST", 1)
            if not reply.ok:
                self._wrong(f"AT+RST: {reply}")
            await self.heard_ready()
            await self._ask("ATE0", 1)

    async def heard_ready(self) -> None:
        """Wait for `ready`."""
        try:
            async with asyncio.timeout(ANSWERS_WITHIN):
                await self._ready.wait()
        except TimeoutError:
            raise Wedged("no `ready`") from None

    async def look_away(self, seconds: float) -> None:
        """Read nothing for so long."""
        self._loop.remove_reader(self._descriptor)
        await asyncio.sleep(seconds)
        self._loop.add_reader(self._descriptor, self._readable)

    async def _ask(self, line: str, answers: int) -> Reply:
        self._begin(answers)
        for each in line.split("\n"):
            self._transcript.note("->", each)
        self._write(line.replace("\n", "\r\n").encode() + b"\r\n")
        return await self._end_of_reply(line)

    async def _prompt(self, head: str, prompt: bytes) -> None:
        self._begin(1)
        self._prompted = self._loop.create_future()
        self._dialogue.prompt = prompt
        self._transcript.note("->", head)
        self._write(head.encode() + b"\r\n")
        await self._within(self._prompted, head)

    def _begin(self, answers: int) -> None:
        self._reply = Reply(seconds=time.monotonic())
        self._owed = answers
        self._answered = self._loop.create_future()

    async def _end_of_reply(self, line: str) -> Reply:
        assert self._answered is not None
        assert self._reply is not None
        await self._within(self._answered, line)
        reply = self._reply
        reply.seconds = time.monotonic() - reply.seconds
        self._forget()
        return reply

    async def _within(self, future: asyncio.Future[Any], line: str) -> None:
        done, _ = await asyncio.wait((future,), timeout=ANSWERS_WITHIN)
        if not done:
            raise Wedged(f"no answer to {line.splitlines()[0]} within {ANSWERS_WITHIN:g} s")

    def _forget(self) -> None:
        self._reply = self._answered = self._prompted = self._taken = None
        self._dialogue.prompt = None
        self._silent = False
        self._owed = 0

    # hearing

    def _readable(self) -> None:
        try:
            data = os.read(self._descriptor, _READ_AT_ONCE)
        except BlockingIOError:
            return
        except OSError as error:
            self._loop.remove_reader(self._descriptor)
            self._wrong(f"the line is gone: {error}")
            return
        self._dialogue.feed(data)
        self._read_on()

    def _read_on(self) -> None:
        try:
            while (message := self._dialogue.next()) is not None:
                self._hear(message)
        except Wrong as wrong:
            self._loop.remove_reader(self._descriptor)
            self._wrong(str(wrong))

    def _hear(self, message: dialogue.Message) -> None:
        if isinstance(message, dialogue.Text):
            self._transcript.note("<-", message.text.decode("latin-1"))
            self._text(message.text)
        elif isinstance(message, dialogue.Data):
            self._transcript.note("<-", f"+IPD,{message.slot}: {len(message.data)} bytes")
            self._must_not_be_silent("+IPD")
            self._listener.link_data(message.slot, message.data)
        elif isinstance(message, dialogue.Waiting):
            self._transcript.note("<-", f"+IPD,{message.slot},{message.total}")
            self._must_not_be_silent("+IPD")
            self._listener.link_waiting(message.slot, message.total)
        elif isinstance(message, dialogue.Taken):
            self._transcript.note("<-", f"+CIPRECVDATA: {len(message.data)} bytes")
            if self._reply is None or self._taken is None:
                raise Wrong("+CIPRECVDATA that nobody asked for")
            self._taken(message.data)
        elif isinstance(message, dialogue.Raw):
            self._transcript.note("<-", f"{len(message.data)} bytes passed through")
            self._listener.passed_through(message.data)
        else:
            self._transcript.note("<-", "prompt")
            if self._reply is not None and self._reply.finals:
                # the OK before the prompt is not the last word
                self._reply.finals.clear()
            self._settle_prompt(True)

    def _text(self, text: bytes) -> None:
        link = _LINK.fullmatch(text)
        if link:
            self._must_not_be_silent(text.decode())
            slot = int(link[1] or 0)
            if link[2] == b"CONNECT":
                self._listener.link_connected(slot)
            else:
                self._listener.link_closed(slot)
        elif _NETWORK.fullmatch(text):
            self._must_not_be_silent(text.decode())
            self._listener.network(text.decode())
        elif text == READY:
            self._ready.set()
            self._listener.was_reset()
        elif self._reply is None:
            raise Wrong(f"nobody asked for {text!r}")
        elif text in _FINALS or text in _BUSY:
            self._final(text)
        else:
            self._reply.lines.append(text.decode("latin-1"))

    def _final(self, text: bytes) -> None:
        assert self._reply is not None
        if self._prompted is not None and not self._prompted.done():
            if text == b"OK":
                return  # a prompt follows
            self._settle_prompt(False)
        self._reply.finals.append(text.decode())
        self._owed -= 1
        if self._owed == 0 and self._answered is not None and not self._answered.done():
            self._answered.set_result(None)
        self._silent = False

    def _settle_prompt(self, came: bool) -> None:
        if self._prompted is not None and not self._prompted.done():
            self._prompted.set_result(came)
        if came:
            self._silent = not self._dialogue.through

    def _must_not_be_silent(self, what: str) -> None:
        if self._silent:
            raise Wrong(f"{what} between a prompt and its final reply")

    # writing

    def _write(self, data: bytes) -> None:
        self._out += data
        self._writable()

    def _writable(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._out:
                del self._out[: os.write(self._descriptor, self._out)]
        if self._out:
            self._loop.add_writer(self._descriptor, self._writable)
        else:
            self._loop.remove_writer(self._descriptor)
