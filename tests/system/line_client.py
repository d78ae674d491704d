"""A microcontroller at the other end of the gateway's line.

Nothing here sleeps: whoever waits, waits for bytes, and gives up after LIMIT seconds.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

LIMIT = 10.0
"""Seconds without any progress after which a test has failed."""

OK = b"\r\nOK\r\n"
GREETING = b"\r\nready\r\n+ETH_CONNECTED\r\n+ETH_GOT_IP:192.168.101.20\r\n"
"""What is said on opening the line of a gateway that has joined no access point."""
JOINED = b"WIFI CONNECTED\r\nWIFI GOT IP\r\n"

SSID, PASSWORD = "esp-at-sim", "password"


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

    def __enter__(self) -> Self:
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

    def fileno(self) -> int:
        """Its descriptor, to wait for what comes."""
        return self._descriptor

    def drop_what_came(self) -> None:
        """Read what there is to read, and forget it."""
        self._wait(select.POLLIN)
        self._received.clear()

    def put_back(self, data: bytes) -> None:
        """These bytes are read next."""
        self._received[:0] = data

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
        assert not happened & select.POLLHUP, "the line was hung up"
        if happened & select.POLLIN:
            # What waited may just have been thrown away: it was for whoever was here before.
            with contextlib.suppress(BlockingIOError):
                self._received += os.read(self._descriptor, 65536)
        return happened
