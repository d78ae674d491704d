"""The measuring client: a microcontroller's part, on a blocking raw descriptor.

The same few lines drive every system, so that what the client costs is the same for all. A
signal's alarm ends a read that waits for ever, since a time limit on each read would cost a
system call.
"""

from __future__ import annotations

import hashlib
import os
import select
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from benchmarks.peer import BLOCK, PATTERN, Taken

READ_SIZE = 64 * 1024
SEND_SIZE = 2048
"""The most that one `AT+CIPSEND` or `AT+CIPRECVDATA` carries (contract, section 6)."""

_PAYLOADS = tuple(PATTERN[at : at + SEND_SIZE] for at in range(0, BLOCK, SEND_SIZE))
_OK = b"\r\nOK\r\n"
_ERROR = b"\r\nERROR\r\n"
_PROMPT = b"\r\nOK\r\n> "
_SENT = b"\r\nSEND OK\r\n"
_PUSHED = b"\r\n+IPD,"
_PULLED = b"\r\n+CIPRECVDATA,"


class UnexpectedReply(Exception):
    """The module said something else than the protocol has at this place."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raises TimeoutError inside the block once `seconds` have passed. Main thread only."""

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError(f"nothing more came within {seconds:g} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class Client:
    """Speaks AT over the descriptor `line`, with echo off. Owns the descriptor."""

    def __init__(self, line: int) -> None:
        self.line = line

    def close(self) -> None:
        """Close the line."""
        os.close(self.line)

    def write(self, data: bytes) -> None:
        """Write all of `data`."""
        while data:
            data = data[os.write(self.line, data) :]

    def read_until(self, end: bytes) -> bytes:
        """Read up to and with `end`, which must be the last that comes.

        Raises UnexpectedReply where an error is said in its place, EOFError at the end.
        """
        text = os.read(self.line, READ_SIZE)
        while not text.endswith(end):
            if text.endswith((_ERROR, b"\r\nSEND FAIL\r\n")):
                raise UnexpectedReply(repr(text[-60:]))
            more = os.read(self.line, READ_SIZE)
            if not more:
                raise EOFError("the line ended")
            text += more
        return text

    def read_up_to(self, text: bytes) -> None:
        """Read until `text` has come, and whatever came with it. EOFError at the end."""
        found = b""
        while text not in found:
            more = os.read(self.line, READ_SIZE)
            if not more:
                raise EOFError("the line ended")
            found += more

    def drop_input(self, seconds: float) -> None:
        """Throw away what comes, notifications say, until `seconds` of silence."""
        while select.select([self.line], [], [], seconds)[0]:
            if not os.read(self.line, READ_SIZE):
                raise EOFError("the line ended")

    def command(self, text: str) -> bytes:
        """Send a line, give its reply up to and with `OK`."""
        self.write(text.encode("ascii") + b"\r\n")
        return self.read_until(_OK)

    def connect(
        self, port: int, *, kind: str = "TCP", link: int | None = None, seconds: float = 15.0
    ) -> None:
        """Open a link to 127.0.0.1, as soon as the module has an address."""
        last = time.monotonic() + seconds
        number = "" if link is None else f"{link},"
        while True:
            try:
                self.command(f'AT+CIPSTART={number}"{kind}","127.0.0.1",{port}')
                return
            except UnexpectedReply:
                if time.monotonic() > last:
                    raise
                time.sleep(0.1)

    def reply_times(self, count: int, command: str = "AT") -> list[float]:
        """How long `command` takes to its `OK`, in milliseconds, `count` times over."""
        line = command.encode("ascii") + b"\r\n"
        clock = time.perf_counter_ns
        times: list[float] = []
        for _ in range(count):
            start = clock()
            self.write(line)
            self.read_until(_OK)
            times.append((clock() - start) / 1e6)
        return times

    def send_times(self, count: int) -> list[float]:
        """How long a whole `AT+CIPSEND=2048` takes, in milliseconds, `count` times over."""
        clock = time.perf_counter_ns
        times: list[float] = []
        for number in range(count):
            start = clock()
            self.send(b"", number)
            times.append((clock() - start) / 1e6)
        return times

    def pull_times(self, count: int) -> list[float]:
        """How long a whole `AT+CIPRECVDATA=2048` takes, in milliseconds, `count` times over.

        Of those that gave all of 2048 bytes; as many must be on their way.
        """
        clock = time.perf_counter_ns
        times: list[float] = []
        left = count * SEND_SIZE
        while left:
            start = clock()
            self.write(b"AT+CIPRECVDATA=%d\r\n" % min(SEND_SIZE, left))
            size = len(self._pulled())
            if size == SEND_SIZE:
                times.append((clock() - start) / 1e6)
            left -= size
        return times

    def upload(self, count: int) -> None:
        """Send `count` bytes of the pattern by `AT+CIPSEND` of 2048."""
        for number in range(count // SEND_SIZE):
            self.send(b"", number)

    def send(self, link: bytes, number: int) -> None:
        """Send the `number`th piece of the pattern; `link` is b"" or the id with its comma."""
        self.write(b"AT+CIPSEND=%b%d\r\n" % (link, SEND_SIZE))
        self.read_until(_PROMPT)
        self.write(_PAYLOADS[number % len(_PAYLOADS)])
        self.read_until(_SENT)

    def take_pushed(self, count: int, *, digest: bool = False) -> Taken:
        """Read `+IPD` messages until `count` payload bytes have come.

        UnexpectedReply: something else came. Bytes are summed only if `digest`.
        """
        sum_ = hashlib.sha256() if digest else None
        left, due, rest = count, 0, b""
        while left:
            data = rest + os.read(self.line, READ_SIZE)
            at, rest, size = 0, b"", len(data)
            while at < size:
                if due:
                    end = min(at + due, size)
                    if sum_ is not None:
                        sum_.update(data[at:end])
                    due -= end - at
                    left -= end - at
                    at = end
                elif (colon := data.find(b":", at, at + 48)) < 0:
                    rest = data[at:]
                    break
                elif data.startswith(_PUSHED, at):
                    due = int(data[at + len(_PUSHED) : colon])
                    at = colon + 1
                else:
                    raise UnexpectedReply(repr(data[at : at + 48]))
            if len(rest) > 48:
                raise UnexpectedReply(repr(rest[:48]))
        return Taken(count - left, sum_.hexdigest() if sum_ is not None else "")

    def take_pulled(self, count: int, *, digest: bool = False) -> Taken:
        """Read `count` bytes by `AT+CIPRECVDATA` of 2048, in passive mode."""
        sum_ = hashlib.sha256() if digest else None
        taken = 0
        while taken < count:
            self.write(b"AT+CIPRECVDATA=%d\r\n" % min(SEND_SIZE, count - taken))
            data = self._pulled()
            if sum_ is not None:
                sum_.update(data)
            taken += len(data)
        return Taken(taken, sum_.hexdigest() if sum_ is not None else "")

    def _pulled(self) -> bytes:
        """One reply's data; nothing where none waited, once more has been announced."""
        text = os.read(self.line, READ_SIZE)
        while (start := text.find(_PULLED)) < 0:
            error = text.find(_ERROR)
            if error >= 0 and text.find(_PUSHED, error) >= 0:
                return b""
            text += os.read(self.line, READ_SIZE)
        while (colon := text.find(b":", start)) < 0:
            text += os.read(self.line, READ_SIZE)
        size = int(text[start + len(_PULLED) : colon])
        end = colon + 1 + size
        while len(text) < end + len(_OK):
            text += os.read(self.line, READ_SIZE)
        if not text.startswith(_OK, end):
            raise UnexpectedReply(repr(text[end : end + 48]))
        return text[colon + 1 : end]

    def write_raw(self, count: int) -> None:
        """Write `count` bytes of the pattern as they are."""
        for _ in range(count // BLOCK):
            self.write(PATTERN)

    def read_raw(self, count: int, *, digest: bool = False) -> Taken:
        """Read `count` bytes as they are."""
        sum_ = hashlib.sha256() if digest else None
        left = count
        while left > 0:
            data = os.read(self.line, min(READ_SIZE, left))
            if not data:
                raise EOFError("the line ended")
            if sum_ is not None:
                sum_.update(data)
            left -= len(data)
        return Taken(count, sum_.hexdigest() if sum_ is not None else "")
