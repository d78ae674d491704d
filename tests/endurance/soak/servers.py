"""Connections for the far ends: taken, wrapped in TLS, spoilt, and closed."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable

from tests.endurance.soak.far_ends import BEHAVIOURS, NOTHING_WRONG, Far
from tests.endurance.soak.streams import Wrong
from tests.endurance.soak.talk import Talk

_LIMIT = 1 << 16
_AT_ONCE = 1 << 15
_CLOSED_WITHIN = 5.0
_FLUSHED_WITHIN = 600.0


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
            talk.was_reset = talk.broken = True
        except (*NOTHING_WRONG, TimeoutError):
            # the network, or the gateway's giving up; the totals tell whether it mattered
            talk.broken = True
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
        with contextlib.suppress(*NOTHING_WRONG, TimeoutError):
            await asyncio.wait_for(writer.wait_closed(), _CLOSED_WITHIN)
        _abort(transport)


def _abort(transport: asyncio.WriteTransport) -> None:
    # of a TLS connection that is over already, Python 3.11 knows no transport any more
    with contextlib.suppress(AttributeError):
        transport.abort()
