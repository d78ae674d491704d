"""Clients that come and go faster than the line can tell: no reply waits behind their news."""

from __future__ import annotations

import asyncio
import socket

from tests.harness import Desk, FakeLine, at_desk
from tests.peers import free_port, until
from tests.session_parts import at_fake_desk

CONNECT, CLOSED = b",CONNECT\r\n", b",CLOSED\r\n"
TOLD = len(b"0" + CONNECT + b"0" + CLOSED)


class Wire:
    """Takes the place of a line's ends: 115200 baud, and a driver that takes everything."""

    BYTE_SECONDS = 10 / 115200

    def __init__(self, line: FakeLine) -> None:
        self._write = line.write
        self._free_at = 0.0
        self.longest = 0.0
        """The longest that a byte waited for those before it."""
        line.write = self.write  # type: ignore[method-assign]
        line.seconds = self.seconds  # type: ignore[method-assign]

    def seconds(self, count: int) -> float:
        return count * self.BYTE_SECONDS

    def write(self, data: bytes) -> None:
        now = asyncio.get_running_loop().time()
        self.longest = max(self.longest, self._free_at - now)
        self._free_at = max(now, self._free_at) + self.seconds(len(data))
        self._write(data)


async def serving(desk: Desk) -> int:
    """A server's port; the echo is off."""
    port = free_port()
    await desk.quiet()
    await desk.ask("AT+CIPMUX=1")
    await desk.ask(f"AT+CIPSERVER=1,{port}")
    desk.unread()
    return port


def come_and_go(port: int) -> None:
    """A client connects, if there is room in the backlog, and closes."""
    with socket.socket() as client:
        client.setblocking(False)
        client.connect_ex(("127.0.0.1", port))


def test_no_reply_waits_for_long_on_the_wire_and_every_client_is_told_of() -> None:
    async def work(desk: Desk) -> None:
        port = await serving(desk)
        wire = Wire(desk.line)
        for _ in range(50):
            desk.type("AT\r\n")
            for _ in range(20):
                come_and_go(port)
                await asyncio.sleep(0.001)
        assert wire.longest < 0.1
        await asyncio.sleep(1)
        told = desk.unread()
        assert told.count(b"OK") == 50
        assert told.count(CONNECT) > 300
        assert told.count(CONNECT) == told.count(CLOSED)

    at_fake_desk(work)


def test_a_line_that_takes_nothing_is_told_no_more_than_it_has_room_for() -> None:
    async def work(desk: Desk) -> None:
        port = await serving(desk)
        desk.line.slow = True
        desk.line.write(bytes(16384 - 30))
        for _ in range(5):
            come_and_go(port)
            await desk.turns(30)
        assert desk.line.buffered < 16384 + TOLD
        desk.line.drain()
        await until(lambda: desk.line.output.count(CLOSED) == 5)
        assert desk.line.output.count(CONNECT) == 5

    at_desk(work)
