"""What tests of the session have in common: commands that wait or fail, fake time, a peer."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeVar

from gateway.at.params import Integer, Link
from gateway.at.table import Commands
from gateway.commands.call import Call
from gateway.services.api import ServiceError
from gateway.services.network.simulated import World
from tests import fake_time
from tests.harness import Desk, at_desk

T = TypeVar("T")
NO_CABLE = World(pace=0, ethernet=False)


def at_fake_desk(work: Callable[[Desk], Coroutine[Any, Any, T]], world: World = NO_CABLE) -> T:
    """As `tests.harness.at_desk`, on a loop that never sleeps."""
    return at_desk(work, world, runner=fake_time.run)


class Extra:
    """A table of commands that no module has: they wait and fail when they are told to."""

    def __init__(self) -> None:
        self.commands = Commands()
        self.go = asyncio.Event()
        self.cancelled = 0
        on = self.commands.on
        on("AT+WAIT")(self._wait)
        on("AT+SLEEP=", Integer("milliseconds", 0, 100000))(self._sleep)
        on("AT+BUG")(self._bug)
        on("AT+BUG=", Integer("turns", 1, 9))(self._late_bug)
        on("AT+BUGSEND=", Link(), Integer("length", 1, 2048))(self._bug_behind_a_prompt)
        on("AT+SERVICE=", Integer("turns", 0, 9))(self._service_fails)

    async def _wait(self, call: Call) -> None:
        """Wait for `go`."""
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise

    async def _sleep(self, call: Call, milliseconds: int) -> None:
        """Take so long."""
        await asyncio.sleep(milliseconds / 1000)

    async def _bug(self, call: Call) -> None:
        """Fail at once."""
        raise LookupError("a bug")

    async def _late_bug(self, call: Call, turns: int) -> None:
        """Fail after some turns of the loop."""
        for _ in range(turns):
            await asyncio.sleep(0)
        raise LookupError("a late bug")

    async def _bug_behind_a_prompt(self, call: Call, slot: int, length: int) -> None:
        """Fail when the payload is here."""
        await call.gateway.conversation.payload(length)
        raise LookupError("a bug with payload")

    async def _service_fails(self, call: Call, turns: int) -> None:
        """Fail as the host does."""
        for _ in range(turns):
            await asyncio.sleep(0)
        raise ServiceError("the host is out of order")


class Peer:
    """A TCP server on this machine for one connection; it reads when it is told to."""

    def __init__(self, listener: socket.socket) -> None:
        self.port = int(listener.getsockname()[1])
        self.connection: socket.socket | None = None
        self._listener = listener
        self._loop = asyncio.get_running_loop()

    async def accept(self) -> None:
        self.connection, _ = await self._loop.sock_accept(self._listener)
        self.connection.setblocking(False)

    async def send(self, data: bytes) -> None:
        assert self.connection is not None
        await self._loop.sock_sendall(self.connection, data)

    async def read(self, length: int) -> bytes:
        """Exactly so many bytes."""
        assert self.connection is not None
        data = bytearray()
        while len(data) < length:
            piece = await self._loop.sock_recv(self.connection, length - len(data))
            assert piece, "the gateway closed"
            data += piece
        return bytes(data)

    def read_on(self) -> asyncio.Task[None]:
        """Read and drop from here on, until cancelled."""

        async def drop() -> None:
            assert self.connection is not None
            while await self._loop.sock_recv(self.connection, 1 << 20):
                pass

        return self._loop.create_task(drop())

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None


@contextlib.asynccontextmanager
async def peer() -> AsyncIterator[Peer]:
    """A peer that listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        made = Peer(listener)
        try:
            yield made
        finally:
            made.close()


@contextlib.asynccontextmanager
async def linked(desk: Desk) -> AsyncIterator[Peer]:
    """Joined, echo off, and a link without multiplexing to a peer that reads nothing."""
    await desk.join()
    async with peer() as made:
        desk.type(f'AT+CIPSTART="TCP","127.0.0.1",{made.port}\r\n')
        await made.accept()
        await desk.expect(b"CONNECT\r\n\r\nOK\r\n")
        yield made


def reading(desk: Desk) -> bool:
    """Whether the gateway reads its line at present."""
    return not desk.line.paused


async def stuff(desk: Desk) -> None:
    """Fill the buffers between the gateway and a peer that reads nothing."""
    link = desk.links[0]
    assert link is not None
    idle = 0
    while idle < 20:
        idle = 0 if link.send_at_once(bytes(65536)) else idle + 1
        await asyncio.sleep(0)


def written(text: str) -> bytes:
    """Bytes of a text in which `⏎` is CR LF."""
    return text.replace("⏎", "\r\n").encode("latin-1")
