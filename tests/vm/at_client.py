"""The microcontroller: at the host's end of the guest's serial line."""

from __future__ import annotations

import re
import select
import socket
import time
from dataclasses import dataclass
from types import TracebackType

FINALS = (b"OK", b"ERROR", b"FAIL", b"SEND OK", b"SEND FAIL")


class NothingCame(AssertionError):
    """What was waited for did not come; the message tells what came instead."""


@dataclass(frozen=True)
class Reply:
    """The lines of a reply without the blank ones, its last word, and how long it took.

    Notifications that came before the last word are among the lines.
    """

    lines: tuple[bytes, ...]
    final: bytes
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether it ended with OK."""
        return self.final == b"OK"

    def line(self, start: bytes) -> bytes:
        """What follows `start` in the only line that begins so."""
        found = [line[len(start) :] for line in self.lines if line.startswith(start)]
        assert len(found) == 1, f"{start!r} is not in one line of {self.lines}"
        return found[0]


class AtClient:
    """Sends command lines and reads what comes; waits for it and never sleeps."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._received = bytearray()
        self.all = bytearray()
        """Every byte that ever came."""

    def __enter__(self) -> AtClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._line.close()

    def send(self, data: bytes) -> None:
        """Write all of `data`."""
        self._line.sendall(data)

    def ask(self, command: str | bytes, seconds: float = 10) -> Reply:
        """A command line, the echo being off, and all of its reply."""
        words = command.encode() if isinstance(command, str) else command
        begun = time.monotonic()
        self.send(words + b"\r\n")
        lines: list[bytes] = []
        while True:
            line = self.line(seconds - (time.monotonic() - begun))
            if line in FINALS:
                return Reply(tuple(lines), line, time.monotonic() - begun)
            lines.append(line)

    def line(self, seconds: float = 10) -> bytes:
        """The next line that is not blank, without its end."""
        deadline = time.monotonic() + seconds
        while True:
            line = self.until(b"\r\n", deadline - time.monotonic())[:-2]
            if line:
                return line

    def until(self, marker: bytes, seconds: float = 10) -> bytes:
        """All up to `marker`, and that."""
        deadline = time.monotonic() + seconds
        while (place := self._received.find(marker)) < 0:
            self._wait(deadline, marker)
        return self._take(place + len(marker))

    def hear(self, *notifications: bytes, seconds: float = 30) -> float:
        """Exactly these lines come next; the seconds until the last of them."""
        begun = time.monotonic()
        for wanted in notifications:
            came = self.line(seconds - (time.monotonic() - begun))
            assert re.fullmatch(wanted, came), f"{came!r} came instead of {wanted!r}"
        return time.monotonic() - begun

    def silent(self, seconds: float) -> None:
        """Nothing comes for that long."""
        assert not self._received, f"not read: {bytes(self._received)!r}"
        if select.select([self._line], [], [], seconds)[0]:
            raise AssertionError(f"{self._line.recv(4096)!r} came")

    def read(self, count: int, seconds: float = 10) -> bytes:
        """The next `count` bytes."""
        deadline = time.monotonic() + seconds
        while len(self._received) < count:
            self._wait(deadline, f"{count} bytes")
        return self._take(count)

    def drop(self) -> bytes:
        """Forget what has come and was not read; gives it."""
        while select.select([self._line], [], [], 0)[0]:
            self._wait(time.monotonic() + 1, "what is there")
        return self._take(len(self._received))

    def _take(self, count: int) -> bytes:
        data = bytes(self._received[:count])
        del self._received[:count]
        return data

    def _wait(self, deadline: float, wanted: object) -> None:
        left = max(0.0, deadline - time.monotonic())
        if not select.select([self._line], [], [], left)[0]:
            raise NothingCame(f"no {wanted!r} in time, but {bytes(self._received[-1000:])!r}")
        data = self._line.recv(65536)
        if not data:
            raise NothingCame("the machine has ended")
        self._received += data
        self.all += data
