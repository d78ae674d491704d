"""The other ends of the gateway's links: plain TCP sockets that a test holds in its hands."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Callable, Iterator

from tests.harness import PATIENCE, Desk

SMALL = 4096
"""Bytes of socket buffer for a peer that shall be full soon."""


class Peer:
    """One end of a TCP connection; `socket` is non-blocking."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self.socket = connection

    @property
    def port(self) -> int:
        """Its own port."""
        return int(self.socket.getsockname()[1])

    async def send(self, data: bytes) -> None:
        """Send all of `data`."""
        async with asyncio.timeout(PATIENCE):
            await asyncio.get_running_loop().sock_sendall(self.socket, data)

    async def receive(self, count: int) -> bytes:
        """Exactly `count` bytes, fewer if the other end closes before."""
        loop = asyncio.get_running_loop()
        data = bytearray()
        async with asyncio.timeout(PATIENCE):
            while len(data) < count:
                more = await loop.sock_recv(self.socket, count - len(data))
                if not more:
                    break
                data += more
        return bytes(data)

    async def ended(self) -> bytes:
        """What still comes until the other end closes. Raises ConnectionResetError."""
        return await self.receive(1 << 30)

    def finish(self) -> None:
        """Send nothing more, and go on receiving."""
        self.socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close, which is a reset if something is unread."""
        self.socket.close()

    def reset(self) -> None:
        """Close with a reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def fill(self) -> int:
        """Send until the kernel takes no more; how many bytes it took."""
        total = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                total += self.socket.send(b"x" * SMALL)
        return total


class Listener:
    """A server that a test accepts from by hand, on the loopback interface."""

    def __init__(self, *, small: bool = False) -> None:
        self._small = small
        self.peers: list[Peer] = []
        self.open(0)

    def open(self, port: int) -> None:
        """Listen, at first or again."""
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self._small:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        self.socket.bind(("127.0.0.1", port))
        self.socket.listen(16)
        self.port = int(self.socket.getsockname()[1])

    async def accept(self) -> Peer:
        """The next client."""
        async with asyncio.timeout(PATIENCE):
            connection, _ = await asyncio.get_running_loop().sock_accept(self.socket)
        self.peers.append(Peer(connection))
        return self.peers[-1]

    async def link(self, desk: Desk, slot: int | None = None) -> Peer:
        """The peer of a link that `desk` opens with AT+CIPSTART."""
        id_ = "" if slot is None else f"{slot},"
        reply = await desk.ask(f'AT+CIPSTART={id_}"TCP","127.0.0.1",{self.port}')
        assert reply == f"{id_}CONNECT\r\n\r\nOK\r\n".encode()
        return await self.accept()

    def close(self) -> None:
        """Close it and all that it accepted."""
        self.socket.close()
        for peer in self.peers:
            peer.close()


@contextlib.contextmanager
def listening(*, small: bool = False) -> Iterator[Listener]:
    """A server for the length of a `with`; `small`: with little room for what it receives."""
    listener = Listener(small=small)
    try:
        yield listener
    finally:
        listener.close()


@contextlib.asynccontextmanager
async def client(port: int) -> AsyncIterator[Peer]:
    """A client of a server on the loopback interface, connected."""
    connection = socket.socket()
    connection.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", port))
        yield Peer(connection)
    finally:
        connection.close()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


async def until(condition: Callable[[], bool]) -> None:
    """Let the event loop turn until something is so; fails if it does not become so."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - any condition, whether it has an event or not
            await asyncio.sleep(0)


async def link_ended(desk: Desk, slot: int = 0) -> None:
    """Wait until the gateway knows that the peer of a link has closed it."""
    link = desk.links[slot]
    assert link is not None
    await until(lambda: link.ended)


async def link_holds(desk: Desk, count: int, slot: int = 0) -> None:
    """Wait until the gateway has received so many bytes that nobody took yet."""
    link = desk.links[slot]
    assert link is not None
    await until(lambda: link.waiting >= count)
