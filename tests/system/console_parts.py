"""What the console is tested against: a small module on one pty, a user on another."""

from __future__ import annotations

import os
import queue
import re
import select
import subprocess
import sys
import termios
import threading
import tty
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

LIMIT = 15.0
"""Seconds after which a test gives up waiting."""

ROOT = Path(__file__).parent.parent.parent


class FakeModule:
    """As much of an ESP-01 as the console needs: echo, a few replies, a payload prompt."""

    REPLIES: ClassVar = {
        b"AT": b"\r\nOK\r\n",
        b"AT+GMR": b"AT version:1.7\r\nOK\r\n",
        b"AT+CWLAP": b'+CWLAP:(3,"esp-at-sim",-48)\r\n\r\nOK\r\n',
        b"AT+RST": b"\r\nOK\r\n\r\nready\r\n",
        b"AT+BAD": b"\r\nERROR\r\n",
    }

    def __init__(self) -> None:
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.path = os.ttyname(self._slave)
        self.lines: queue.Queue[bytes] = queue.Queue()
        self.payloads: queue.Queue[bytes] = queue.Queue()
        self.early: list[bytes] = []
        """Bytes that came before the reply to `AT+SLOW` was given."""
        self._buffer = b""
        self._wake = os.eventfd(0)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self) -> FakeModule:
        return self

    def __exit__(self, *_: object) -> None:
        self.unplug()

    def say(self, data: bytes) -> None:
        """Write something unasked."""
        os.write(self._master, data)

    def unplug(self) -> None:
        """End; whoever has the line open loses it."""
        if self._thread.is_alive():
            os.eventfd_write(self._wake, 1)
            self._thread.join()
            for descriptor in (self._master, self._slave, self._wake):
                os.close(descriptor)

    def _more(self) -> bool:
        ready, _, _ = select.select([self._master, self._wake], [], [])
        if self._wake in ready:
            return False
        self._buffer += os.read(self._master, 4096)
        return True

    def _serve(self) -> None:
        while self._more():
            while b"\r\n" in self._buffer:
                line, _, self._buffer = self._buffer.partition(b"\r\n")
                self.say(line + b"\r\n")
                if not self._answer(line):
                    return
                self.lines.put(line)

    def _answer(self, line: bytes) -> bool:
        if line == b"AT+SLOW":
            waiting, _, _ = select.select([self._master], [], [], 0.2)
            self.early += [self._buffer, b"more" if waiting else b""]
        announced = re.fullmatch(rb"AT\+CIPSEND=(\d+)", line)
        if announced:
            self.say(b"\r\nOK\r\n> ")
            reply = b"\r\nRecv %d bytes\r\n\r\nSEND OK\r\n"
            return self._take(lambda: int(announced[1]), reply)
        if line == b"AT+CIPSSLCERT":
            self.say(b"\r\nOK\r\n>")
            return self._take(self._certificate_size, b"\r\nRead %d bytes\r\n\r\nOK\r\n", 2)
        self.say(self.REPLIES.get(line, b"\r\nOK\r\n"))
        return True

    def _certificate_size(self) -> int | None:
        """How long the certificate is, with its last line end, once it is all there."""
        last = b"-----END CERTIFICATE-----\r\n"
        place = self._buffer.find(last)
        return None if place < 0 else place + len(last)

    def _take(self, size_of: Callable[[], int | None], reply: bytes, uncounted: int = 0) -> bool:
        while (size := size_of()) is None or len(self._buffer) < size:
            if not self._more():
                return False
        self.payloads.put(self._buffer[:size])
        self._buffer = self._buffer[size:]
        self.say(reply % (size - uncounted))
        return True


def console_command(uart: str | None, commands: dict[str, str] | None = None) -> list[str]:
    """The console as a command; `commands` stand in for the command table's help."""
    program = "import sys, gateway.console\n"
    if commands is not None:
        program += f"import gateway.console.editing as e\ne.help_by_spelling = lambda: {commands}\n"
    return [sys.executable, "-c", f"{program}sys.exit(gateway.console.run({uart!r}))"]


class User:
    """Somebody at a terminal in which the console runs."""

    def __init__(self, command: list[str], home: Path) -> None:
        self._master, self._slave = os.openpty()
        self._attributes = termios.tcgetattr(self._slave)
        environment = {**os.environ, "XDG_STATE_HOME": str(home), "TERM": "xterm"}
        self.process = subprocess.Popen(
            # A terminal of its own, so that Ctrl-C is a signal there.
            ["setsid", "--ctty", *command],
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            cwd=ROOT,
            env=environment,
        )
        self.seen = ""

    def __enter__(self) -> User:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(LIMIT)
            finally:
                self.process.kill()
                self.process.wait()
        os.close(self._master)
        os.close(self._slave)

    def types(self, text: str) -> None:
        """Press keys."""
        os.write(self._master, text.encode())

    def sees(self, text: str) -> str:
        """Wait for text on the screen, behind what was seen before; gives all up to its end."""
        while text not in self.seen:
            ready, _, _ = select.select([self._master], [], [], LIMIT)
            assert ready, f"no {text!r} on the screen, but {self.seen!r}"
            self.seen += os.read(self._master, 4096).decode(errors="replace").replace("\r\n", "\n")
        before, found, self.seen = self.seen.partition(text)
        return before + found

    def leaves(self, status: int) -> None:
        """Wait for the end of the program; the terminal has to be as it was before."""
        assert self.process.wait(LIMIT) == status
        assert termios.tcgetattr(self._slave) == self._attributes
