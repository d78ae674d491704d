"""The far ends of links: what a server, or a client of ours, may be like."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import Awaitable, Callable

from tests.endurance.soak.streams import Wrong
from tests.endurance.soak.talk import Talk
from tests.services.key_updates import NOT_REQUESTED, REQUESTED, update_keys

_AT_ONCE = 1 << 15
_BURST_SECONDS = 0.05
_DRIP_SECONDS = 0.7
_SIP_SECONDS = 0.01
_RENEWS = 0.1
_CLOSED_WITHIN = 5.0
NOTHING_WRONG = (OSError, EOFError, asyncio.IncompleteReadError)
"""How connections end that are broken off."""


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
        """Send, and wait while the gateway takes nothing. With TLS now and then by new keys."""
        tls = self.writer.get_extra_info("ssl_object")
        if tls is not None and tls.version() == "TLSv1.3" and self.random.random() < _RENEWS:
            update_keys(tls, self.random.choice((NOT_REQUESTED, REQUESTED)))
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
        with contextlib.suppress(asyncio.CancelledError, *NOTHING_WRONG):
            await sending
    await far.finish()


async def _half_close(far: Far) -> None:
    await far.write_down(far.talk.plan.down)
    await far.finish()


async def _greeter(far: Far) -> None:
    """Speak first, then listen to the end."""
    await far.write_down(far.talk.plan.down)
    await far.read_to_the_end()


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
        with contextlib.suppress(asyncio.CancelledError, *NOTHING_WRONG):
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
    "greeter": _greeter,
    "drip": _drip,
    "stall": _stall,
    "reset": _reset,
    "reset at once": _reset_at_once,
    "close at once": _close_at_once,
    "corrupt TLS": _corrupt,
}
