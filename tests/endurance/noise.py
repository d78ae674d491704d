"""Noise for a serial line, and the line's end of one who listens to nothing that is said.

Nothing of it leaves this machine: a host is named only in lines that stay as they are.
"""

from __future__ import annotations

import contextlib
import os
import random
import re
import select
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from tests.fuzz.seeds import CONVERSATIONS, seeds
from tests.fuzz.targets import corpus_of
from tests.services.authority import self_signed
from tests.system.line_client import LIMIT, OK

END = b"-----END CERTIFICATE-----\r\n"
APART = re.compile(rb"CIPSTART|CIPDOMAIN|CIPSSLMFLN|CIPMODE|CIPSSLCERT$|RST|RESTORE")
"""Lines that are not in the noise as they come: a host might be anywhere, and behind the
others most of the noise would be swallowed. They have places of their own."""
JOIN = b'AT+CWMODE_CUR=3\r\nAT+CWJAP_CUR="esp-at-sim","password"\r\n'
ATTEMPTS = 20
FINAL_WORD = re.compile(rb"\r\n(?:OK|ERROR|FAIL|SEND OK|SEND FAIL)\r\n")
KNOWN = b"AT+SYSCPUFREQ=160\r\nAT+SYSCPUFREQ?\r\n"
"""Commands with an answer that nothing else has, and what makes it different again."""
KNOWN_ANSWER = b"+SYSCPUFREQ=160\r\n" + OK
FORGOTTEN = b"AT+SYSCPUFREQ=80\r\n"


class Noise:
    """What is sent: endless, and the same for the same seed."""

    def __init__(self, seed: int, port: int, folder: Path) -> None:
        self._random = random.Random(seed)
        self._opening = b'"TCP","127.0.0.1",%d\r\n' % port
        folder.mkdir()
        lines = [line for data in seeds("syntax", folder) for line in data.split(b"\n")]
        kept = [file.read_bytes() for file in corpus_of("session")]
        lines += [line for data in [*kept, *CONVERSATIONS] for line in data.split(b"\n")]
        self._lines = [line.rstrip(b"\r") for line in lines if not APART.search(line)]
        self._certificate = self_signed("Root").pem
        self._kinds = (
            self._uniform,
            self._printable,
            self._commands,
            self._commands,
            self._mutated,
            self._mutated,
            self._payloads,
            self._certificates,
            self._links,
            self._escapes,
        )

    def piece(self, length: int) -> bytes:
        """So many bytes of noise."""
        made = bytearray()
        while len(made) < length:
            made += self._random.choice(self._kinds)()
        return bytes(made[:length])

    def _uniform(self) -> bytes:
        return self._random.randbytes(self._random.randrange(3000))

    def _printable(self) -> bytes:
        count = self._random.randrange(600)
        return bytes(self._random.choices(range(0x20, 0x7F), k=count)) + b"\r\n"

    def _commands(self) -> bytes:
        return b"".join(line + b"\r\n" for line in self._random.sample(self._lines, 20))

    def _mutated(self) -> bytes:
        return b"".join(self._spoilt(line) for line in self._random.sample(self._lines, 20))

    def _spoilt(self, line: bytes) -> bytes:
        changed = bytearray(line + b"\r\n")
        for _ in range(self._random.randint(1, 3)):
            place = self._random.randrange(len(changed) + 1)
            changed[place : place + self._random.randrange(2)] = self._random.randbytes(
                self._random.randrange(3)
            )
        return b"" if APART.search(changed) else bytes(changed)

    def _payloads(self) -> bytes:
        length = self._random.randint(1, 2048)
        sent = self._random.choice((0, length // 2, length, length + 9))
        link = b"%d," % self._random.randrange(5) if self._random.random() < 0.5 else b""
        return b"AT+CIPSEND=%s%d\r\n" % (link, length) + self._random.randbytes(sent)

    def _certificates(self) -> bytes:
        pem = self._certificate
        text = pem[: self._random.randrange(len(pem))] if self._random.random() < 0.5 else pem
        return b"AT+CIPSSLCERT\r\n" + text + b"\r\n" + self._random.choice((b"", END, END, END))

    def _links(self) -> bytes:
        """A link is opened, perhaps, and something is sent and comes back."""
        slot = self._random.randrange(5)
        if self._random.random() < 0.5:
            opened = b"AT+CIPMUX=1\r\nAT+CIPSTART=%d," % slot + self._opening
            sent = b"AT+CIPSEND=%d,9\r\n" % slot
        else:
            opened = b"AT+CIPCLOSE=5\r\nAT+CIPMUX=0\r\nAT+CIPSTART=" + self._opening
            sent = b"AT+CIPSEND=9\r\n"
        return JOIN + opened + sent + b"something" + b"AT+CIPRECVMODE=%d\r\n" % (slot % 2)

    def passed_through(self, length: int) -> bytes:
        """The same behind commands that begin pass-through."""
        opened = b"AT+CIPCLOSE=5\r\nAT+CIPMUX=0\r\nAT+CIPSTART=" + self._opening
        return JOIN + opened + b"AT+CIPMODE=1\r\nAT+CIPSEND\r\n" + self.piece(length)

    def _escapes(self) -> bytes:
        if self._random.random() < 0.02:
            return self._random.choice((b"AT+RST\r\n", b"AT+RESTORE\r\n"))
        return self._random.choice((b"+++", b"+++\r\n", b"\r\n", b"?\r\n", b"\n", b"\0", END))


class Typist:
    """Types on the line at `path`, and drops what is said unless it waits for something."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        self._poll = select.poll()
        self._heard = bytearray()
        self.final_words = 0
        """How many replies have ended so far."""

    def close(self) -> None:
        """Leave the line."""
        os.close(self._descriptor)

    def type(self, data: bytes) -> None:
        """All of `data`."""
        rest = memoryview(data)
        while rest:
            happened = self._wait(select.POLLIN | select.POLLOUT, LIMIT)
            assert happened, f"nothing was read for {LIMIT} s"
            if happened & select.POLLOUT:
                with contextlib.suppress(BlockingIOError):
                    rest = rest[os.write(self._descriptor, rest) :]
            self._forget()

    def silence(self, seconds: float) -> None:
        """Return when nothing has been said for so long."""
        while self._wait(select.POLLIN, seconds):
            self._forget()

    def hears(self, marker: bytes, seconds: float) -> float | None:
        """After how many seconds `marker` was said; None if it was not in time."""
        begun = time.monotonic()
        while (passed := time.monotonic() - begun) < seconds:
            if marker in self._heard:
                self._forget()
                return passed
            self._wait(select.POLLIN, seconds - passed)
        return None

    def answers(self) -> bool:
        """Whether commands are answered, once a payload or a certificate is at its end."""
        for _ in range(2):  # what is typed in the moment of a reset is lost
            self.type(END + b"\r\n" * 1100 + KNOWN)
            if self.hears(KNOWN_ANSWER, 1.0) is not None:
                self.type(FORGOTTEN)
                return True
        return False

    def come_back(self) -> None:
        """To command lines, whatever was begun: an escape ends pass-through, and forbids it."""
        for _ in range(ATTEMPTS):
            self.silence(1.1)
            self.type(b"+++")
            self.silence(1.1)
            if self.answers():
                self.type(b"ATE0\r\nAT+CIPMODE=0\r\n")
                self.silence(0.2)
                return
        raise AssertionError("no command is answered any more")

    def _forget(self) -> None:
        self.final_words += len(FINAL_WORD.findall(self._heard))
        self._heard.clear()

    def _wait(self, events: int, seconds: float) -> int:
        """Wait for one of these poll events, 0 if there is none; keep what is said."""
        self._poll.register(self._descriptor, events)
        ready = self._poll.poll(seconds * 1000)
        if not ready:
            return 0
        happened = ready[0][1]
        assert not happened & select.POLLHUP, "the line was hung up"
        if happened & select.POLLIN:
            with contextlib.suppress(BlockingIOError):
                self._heard += os.read(self._descriptor, 65536)
        return happened


@contextlib.contextmanager
def answering_server() -> Iterator[int]:
    """The port of a server that reads everything, and answers some of it."""
    told_to_end, ender = socket.socketpair()
    with told_to_end, ender, socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_serve, args=(listener, told_to_end), name="server")
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            ender.send(b"x")
            thread.join()


def _serve(listener: socket.socket, told_to_end: socket.socket) -> None:
    callers: list[socket.socket] = []
    try:
        while True:
            ready, _, _ = select.select([listener, told_to_end, *callers], [], [])
            if told_to_end in ready:
                return
            if listener in ready:
                callers.append(listener.accept()[0])
            for caller in set(ready) & set(callers):
                try:
                    data = caller.recv(65536)
                    caller.send(data[:100])
                except OSError:
                    data = b""
                if not data:
                    callers.remove(caller)
                    caller.close()
    finally:
        for caller in callers:
            caller.close()
