"""The far ends of links: what a server, or a client of ours, may be like."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable

from tests.endurance.soak.streams import Wrong
from tests.endurance.soak.talk import Talk

_LIMIT = 1 << 16
_AT_ONCE = 1 << 15
_BURST_SECONDS = 0.05
_DRIP_SECONDS = 0.7
_SIP_SECONDS = 0.01
_CLOSED_WITHIN = 5.0
_FLUSHED_WITHIN = 120.0
_NOTHING_WRONG = (OSError, EOFError, asyncio.IncompleteReadError)


class Far:
    """One end of a connection, with what is checked and counted of it."""

    def __init__(
        self, talk: Talk, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.talk = talk
        self.reader = reader
        self.writer = writer
        self.random = talk.random

    async def read(self, most: int = _AT_ONCE) -> bytes:
        """Some of what comes, compared; empty at the end. Raises Wrong."""
        data = await self.reader.read(most)
        self.talk.up.feed(data)
        self.talk.arrived.set()
        return data

    async def read_to_the_end(self) -> None:
        """All that comes until the gateway closes."""
        while await self.read():
            pass

    async def write(self, data: bytes) -> None:
        """Send, and wait while the gateway takes nothing."""
        self.talk.sent_down += len(data)
        self.writer.write(data)
        await self.writer.drain()

    async def write_down(self, count: int, most: int = _AT_ONCE) -> None:
        """So many of the bytes that are to be sent, in pieces."""
        talk = self.talk
        end = talk.sent_down + count
        while talk.sent_down < end:
            size = min(end - talk.sent_down, self.random.randint(1, most))
            await self.write(talk.down_stream.part(talk.sent_down, size))

    async def all_up(self) -> None:
        """Return once all that the microcontroller has to send is here."""
        while self.talk.up.count < self.talk.plan.up:
            if not await self.read():
                return

    async def finish(self) -> None:
        """Send nothing more, in order, and take what still comes."""
        if self.writer.can_write_eof():
            self.writer.write_eof()
            await self.read_to_the_end()
        else:
            self.writer.close()
            # Who closes TLS hears nothing more; what was written still goes.
            await self.writer.wait_closed()

    def reset(self) -> None:
        """Close with a reset."""
        self.talk.excuse()
        set_linger(self.writer.get_extra_info("socket"))
        self.writer.transport.abort()


def set_linger(connection: socket.socket) -> None:
    """Let its close be a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


# what they do


async def _echo(far: Far) -> None:
    while data := await far.read():
        await far.write(data)


async def _source(far: Far) -> None:
    """Bursts with pauses."""
    left = far.talk.plan.down
    while left:
        burst = min(left, far.random.randint(1, 1 << 16))
        await far.write_down(burst)
        left -= burst
        await asyncio.sleep(far.random.random() * _BURST_SECONDS)
    await far.finish()


async def _flood(far: Far) -> None:
    await far.write_down(far.talk.plan.down)
    await far.finish()


async def _sink(far: Far) -> None:
    await far.read_to_the_end()


async def _sip(far: Far) -> None:
    """Read, but slowly."""
    while True:
        if not await far.read(far.random.randint(1, 1500)):
            return
        await asyncio.sleep(far.random.random() * _SIP_SECONDS)


async def _both_ways(far: Far) -> None:
    """Send and receive at once, and end in order when both are done."""
    sending = asyncio.ensure_future(far.write_down(far.talk.plan.down, 4096))
    try:
        await far.all_up()
        await sending
    finally:
        sending.cancel()
        with contextlib.suppress(asyncio.CancelledError, *_NOTHING_WRONG):
            await sending
    await far.finish()


async def _half_close(far: Far) -> None:
    await far.write_down(far.talk.plan.down)
    await far.finish()


async def _drip(far: Far) -> None:
    for _ in range(far.talk.plan.down):
        await far.write_down(1)
        await asyncio.sleep(_DRIP_SECONDS)
    await far.finish()


async def _stall(far: Far) -> None:
    """Never read; the connection ends by the gateway's giving up."""
    far.talk.excuse()
    far.writer.transport.pause_reading()  # type: ignore[attr-defined]
    await asyncio.get_running_loop().create_future()


async def _reset(far: Far) -> None:
    """In the middle of whatever goes on."""
    sending = asyncio.ensure_future(far.write_down(far.talk.plan.down))
    try:
        while far.talk.up.count < far.talk.plan.up // 2:
            if not await far.read():
                return
        await asyncio.sleep(far.random.random() * _BURST_SECONDS)
    finally:
        sending.cancel()
        with contextlib.suppress(asyncio.CancelledError, *_NOTHING_WRONG):
            await sending
        far.reset()


async def _reset_at_once(far: Far) -> None:
    far.reset()


async def _close_at_once(far: Far) -> None:
    far.talk.up_excused = True  # what comes now is answered by a reset
    far.writer.close()


async def _corrupt(far: Far) -> None:
    """TLS, and then a record that nobody has the key of."""
    await far.write_down(far.talk.plan.down)
    far.talk.excuse()
    false = far.random.randbytes(far.random.randint(20, 400))
    with contextlib.suppress(BlockingIOError):
        record = b"\x17\x03\x03" + len(false).to_bytes(2) + false
        os.write(far.writer.get_extra_info("socket").fileno(), record)
    with contextlib.suppress(Wrong, TimeoutError):
        # where it got into the middle of another record, only the end is wrong
        await asyncio.wait_for(far.read_to_the_end(), _CLOSED_WITHIN)


BEHAVIOURS: dict[str, Callable[[Far], Awaitable[None]]] = {
    "echo": _echo,
    "source": _source,
    "flood": _flood,
    "sink": _sink,
    "sip": _sip,
    "both ways": _both_ways,
    "half-close": _half_close,
    "drip": _drip,
    "stall": _stall,
    "reset": _reset,
    "reset at once": _reset_at_once,
    "close at once": _close_at_once,
    "corrupt TLS": _corrupt,
}


# those that no link comes about with


async def _mute(connection: socket.socket, talk: Talk) -> None:
    """Read the beginning of a handshake, and say nothing."""
    await _swallow(connection)


async def _garbage(connection: socket.socket, talk: Talk) -> None:
    """Answer it with anything."""
    loop = asyncio.get_running_loop()
    await loop.sock_recv(connection, _AT_ONCE)
    await loop.sock_sendall(connection, talk.random.randbytes(talk.random.randint(1, 5000)))
    if talk.random.random() < 0.5:
        await _swallow(connection)


async def _torn(connection: socket.socket, talk: Talk) -> None:
    """Answer it rightly, stop in the middle, and fall silent or go."""
    loop = asyncio.get_running_loop()
    assert talk.context is not None
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = talk.context.wrap_bio(incoming, outgoing, server_side=True)
    incoming.write(await loop.sock_recv(connection, _AT_ONCE))
    with contextlib.suppress(ssl.SSLError):
        tls.do_handshake()
    answer = outgoing.read()
    await loop.sock_sendall(connection, answer[: talk.random.randrange(max(1, len(answer)))])
    if talk.random.random() < 0.5:
        await _swallow(connection)


async def _swallow(connection: socket.socket) -> None:
    while await asyncio.get_running_loop().sock_recv(connection, _AT_ONCE):
        pass


NO_TLS: dict[str, Callable[[socket.socket, Talk], Awaitable[None]]] = {
    "mute TLS": _mute,
    "garbage TLS": _garbage,
    "torn TLS": _torn,
}


async def serve_once(
    listener: socket.socket, talk: Talk, wrong: Callable[[str], None], *, keep: bool = False
) -> None:
    """Take one connection, be what the talk's plan says, and close it.

    The listener is closed as soon as there is one, unless somebody else will `keep` it.
    """
    loop = asyncio.get_running_loop()
    connection, _ = await loop.sock_accept(listener)
    if not keep:
        listener.close()
    connection.setblocking(False)
    await be(connection, talk, wrong, server_side=True)


async def be(
    connection: socket.socket, talk: Talk, wrong: Callable[[str], None], *, server_side: bool
) -> None:
    """Be a far end on a connection, to its end."""
    with connection:
        try:
            if talk.plan.kind in NO_TLS:
                await NO_TLS[talk.plan.kind](connection, talk)
            else:
                await _behave(connection, talk, server_side=server_side)
        except Wrong as error:
            wrong(str(error))
        except ConnectionResetError:
            talk.was_reset = True
        except (*_NOTHING_WRONG, TimeoutError):
            # the network, or the gateway's giving up; the totals tell whether it mattered
            pass
        finally:
            talk.arrived.set()


async def _behave(connection: socket.socket, talk: Talk, *, server_side: bool) -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=_LIMIT)
    protocol = asyncio.StreamReaderProtocol(reader)
    if server_side:
        transport, _ = await loop.connect_accepted_socket(
            lambda: protocol,
            connection,
            ssl=talk.context if talk.plan.tls else None,
            ssl_shutdown_timeout=_FLUSHED_WITHIN if talk.plan.tls else None,
        )
    else:
        transport, _ = await loop.create_connection(lambda: protocol, sock=connection)
    writer = asyncio.StreamWriter(transport, protocol, reader, loop)
    talk.far_is_there = True
    talk.arrived.set()
    try:
        if not server_side:
            writer.write(talk.hello)
        await BEHAVIOURS[talk.plan.kind](Far(talk, reader, writer))
    except asyncio.CancelledError:
        _abort(transport)
        raise
    finally:
        writer.close()
        with contextlib.suppress(*_NOTHING_WRONG, TimeoutError):
            await asyncio.wait_for(writer.wait_closed(), _CLOSED_WITHIN)
        _abort(transport)


def _abort(transport: asyncio.WriteTransport) -> None:
    # of a TLS connection that is over already, Python 3.11 knows no transport any more
    with contextlib.suppress(AttributeError):
        transport.abort()
