"""The gateway as a process of its own, and a client at the other end of its line.

Nothing here sleeps: whoever waits, waits for bytes, for a line of the log or for the end of
the process, and gives up after LIMIT seconds.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

LIMIT = 10.0
"""Seconds without any progress after which a test has failed."""

ROOT = Path(__file__).parent.parent.parent

OK = b"\r\nOK\r\n"
GREETING = b"\r\nready\r\n+ETH_CONNECTED\r\n+ETH_GOT_IP:192.168.101.20\r\n"
"""What is said on opening the line of a gateway that has joined no access point."""
JOINED = b"WIFI CONNECTED\r\nWIFI GOT IP\r\n"

SSID, PASSWORD = "esp-at-sim", "password"


def command_line(*options: str) -> list[str]:
    """The gateway's command with these options."""
    return [sys.executable, "-m", "gateway", "run", *options]


class GatewayProcess:
    """`python -m gateway run`, from its `ready` on, killed at the end of the `with`.

    State, certificates, configuration and the symlink `line` are in `folder`. `uart` names
    another line than that symlink. The simulated network waits `pace` times as long as a
    real one.
    """

    def __init__(
        self, folder: Path, *, uart: str | None = None, log_level: str = "info", pace: float = 0.0
    ) -> None:
        self.line = folder / "line"
        self.state = folder / "state"
        self.certificates = folder / "certs"
        for each in (self.state, self.certificates):
            each.mkdir(exist_ok=True)
        configuration = folder / "gateway.toml"
        configuration.write_text(f"[simulated]\npace = {pace}\n", encoding="utf-8")
        self._command = command_line(
            *("--config", str(configuration), "--uart", uart or f"pty:{self.line}"),
            *("--state-dir", str(self.state), "--cert-dir", str(self.certificates)),
            *("--network", "simulated", "--log-level", log_level),
        )
        self._log: list[str] = []
        self._news = threading.Condition()

    def __enter__(self) -> GatewayProcess:
        self.process = subprocess.Popen(
            self._command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read_log, name="log reader")
        self._reader.start()
        try:
            self.wait_for_log("info gateway: ready")
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill()
        if error is not None:
            error.add_note(f"The gateway's log:\n{self.log}")

    @property
    def log(self) -> str:
        """What has been written to stderr; all of it once the process has ended."""
        with self._news:
            return "".join(self._log)

    def wait_for_log(self, text: str) -> None:
        """Return once a line of the log contains `text`."""
        with self._news:
            found = self._news.wait_for(
                lambda: any(text in line for line in self._log) or self._log_ended(), LIMIT
            )
        assert found, f"no {text!r} in the log after {LIMIT} s:\n{self.log}"
        assert text in self.log, f"ended without {text!r} in the log:\n{self.log}"

    def connect(self) -> Client:
        """A client that has just opened the line."""
        return Client(self.line)

    def ends(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; the exit status, with all of the log read."""
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        """Wait for the end; the exit status, with all of the log read."""
        status = self.process.wait(LIMIT)
        self._reader.join(LIMIT)
        return status

    def kill(self) -> None:
        """`kill -9`, if it still runs, and nothing of it is left."""
        self.process.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stderr is not None
        self.process.stderr.close()

    def resident_bytes(self) -> int:
        """The memory that it has in use."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def descriptors(self) -> int:
        """How many files it has open."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def _log_ended(self) -> bool:
        return bool(self._log) and self._log[-1] == ""

    def _read_log(self) -> None:
        assert self.process.stderr is not None
        while True:
            line = self.process.stderr.readline()
            with self._news:
                self._log.append(line)
                self._news.notify_all()
            if not line:
                return


@dataclass(frozen=True)
class Pushed:
    """A +IPD with its data."""

    link: int
    data: bytes


class Client:
    """A microcontroller: it has the line open and compares what comes byte for byte."""

    def __init__(self, path: Path) -> None:
        self._take(os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK))

    @classmethod
    def of(cls, master: int) -> Client:
        """A client at the master of a pseudo-terminal, whose slave the gateway has open."""
        client = cls.__new__(cls)
        os.set_blocking(master, False)
        client._take(os.dup(master))
        return client

    def _take(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._poll = select.poll()
        self._received = bytearray()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def send(self, data: bytes) -> None:
        """Write all of `data`, and keep what comes meanwhile."""
        rest = memoryview(data)
        while rest:
            if self._wait(select.POLLIN | select.POLLOUT) & select.POLLOUT:
                with contextlib.suppress(BlockingIOError):
                    rest = rest[os.write(self._descriptor, rest) :]

    def read(self, count: int) -> bytes:
        """The next `count` bytes."""
        while len(self._received) < count:
            self._wait(select.POLLIN)
        data = bytes(self._received[:count])
        del self._received[:count]
        return data

    def until(self, marker: bytes) -> bytes:
        """All up to `marker`, and that."""
        searched = 0
        while (place := self._received.find(marker, searched)) < 0:
            searched = max(0, len(self._received) - len(marker) + 1)
            self._wait(select.POLLIN)
        return self.read(place + len(marker))

    def expect(self, data: bytes) -> None:
        """Exactly `data` comes next; what else comes is told at once, not after LIMIT."""
        while len(self._received) < len(data) and data.startswith(self._received):
            self._wait(select.POLLIN)
        came = bytes(self._received[: len(data)])
        assert came == data, f"{came!r} came instead of {data!r}"
        del self._received[: len(data)]

    def ask(self, command: str, reply: bytes = OK) -> None:
        """A command line (echo being off) and its whole reply."""
        self.send(command.encode() + b"\r\n")
        self.expect(reply)

    def greet(self) -> None:
        """Hear the greeting and switch the echo off."""
        self.expect(GREETING)
        self.ask("ATE0", b"ATE0\r\n" + OK)

    def join(self, name: str = "AT+CWJAP") -> None:
        """Join the simulated access point."""
        self.ask(f'{name}="{SSID}","{PASSWORD}"', JOINED + OK)

    def send_payload(self, data: bytes, link: int | None = None) -> None:
        """`AT+CIPSEND` with its payload."""
        link_id = "" if link is None else f"{link},"
        self.ask(f"AT+CIPSEND={link_id}{len(data)}", OK + b"> ")
        self.send(data)
        self.expect(b"\r\nRecv %d bytes\r\n\r\nSEND OK\r\n" % len(data))

    def message(self) -> bytes | Pushed:
        """The next whole message of a link: +IPD with its data, a prompt or a line."""
        start = self.read(2)
        if start == b"> ":
            return start
        if start != b"\r\n":
            return start + self.until(b"\r\n")
        if self._peek() != b"+":
            return start + self.until(b"\r\n")
        header = self.until(b":")
        numbers = re.fullmatch(rb"\+IPD,(?:(\d),)?(\d+):", header)
        assert numbers, header
        return Pushed(int(numbers[1] or 0), self.read(int(numbers[2])))

    def pushed(self) -> Iterator[bytes]:
        """The data of each +IPD up to the `CLOSED` of the only link."""
        while (message := self.message()) != b"CLOSED\r\n":
            assert isinstance(message, Pushed), message
            yield message.data

    def wait_unread(self) -> None:
        """Return once there is something to read, and leave it there."""
        self._poll.register(self._descriptor, select.POLLIN)
        assert self._poll.poll(LIMIT * 1000), f"nothing after {LIMIT} s"

    def _peek(self) -> bytes:
        while not self._received:
            self._wait(select.POLLIN)
        return bytes(self._received[:1])

    def _wait(self, events: int) -> int:
        """Wait for one of these poll events; read what there is to read."""
        self._poll.register(self._descriptor, events)
        ready = self._poll.poll(LIMIT * 1000)
        assert ready, f"nothing after {LIMIT} s, and before that {bytes(self._received[-200:])!r}"
        happened = ready[0][1]
        assert happened & (select.POLLIN | select.POLLOUT), "the line was hung up"
        if happened & select.POLLIN:
            # What waited may just have been thrown away: it was for whoever was here before.
            with contextlib.suppress(BlockingIOError):
                self._received += os.read(self._descriptor, 65536)
        return happened
