"""Host names to addresses, off the event loop and without keeping the process from ending.

A lookup runs in a daemon thread of its own, since a name server that never answers holds
getaddrinfo for half a minute: the default executor would wait for it at exit.
"""

from __future__ import annotations

import asyncio
import socket
import threading

from gateway.services.api_links import LookupFailed

MOST_AT_ONCE = 8
"""Lookups under way, abandoned ones included; a further one fails at once."""

SocketAddress = tuple[str, int] | tuple[str, int, int, int]

_running = threading.BoundedSemaphore(MOST_AT_ONCE)


async def resolve(host: str, port: int, family: socket.AddressFamily) -> list[SocketAddress]:
    """The socket addresses of `host`, best first, at least one. Raises LookupFailed."""
    try:
        socket.inet_pton(family, host)
        return [(host, port)]
    except OSError:
        pass
    if not _running.acquire(blocking=False):
        raise LookupFailed(f"{host}: {MOST_AT_ONCE} lookups hang already; is the DNS reachable?")
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[SocketAddress] | OSError] = loop.create_future()
    thread = threading.Thread(
        target=_look_up, args=(loop, answer, host, port, family), name="lookup", daemon=True
    )
    try:
        thread.start()
    except RuntimeError as error:
        _running.release()
        raise LookupFailed(f"{host}: {error}") from None
    found = await answer
    if isinstance(found, list):
        return found
    raise LookupFailed(f"{host}: {found.strerror or found}")


def _look_up(
    loop: asyncio.AbstractEventLoop,
    answer: asyncio.Future[list[SocketAddress] | OSError],
    host: str,
    port: int,
    family: socket.AddressFamily,
) -> None:
    result: list[SocketAddress] | OSError
    try:
        found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
        result = [entry[4] for entry in found]  # type: ignore[misc]
    except UnicodeError:
        result = OSError(0, "not a name that DNS can hold")
    except OSError as error:
        result = error
    finally:
        _running.release()
    try:
        loop.call_soon_threadsafe(_hand_over, answer, result)
    except RuntimeError:
        return  # the loop has ended, nobody waits any more


def _hand_over(
    answer: asyncio.Future[list[SocketAddress] | OSError],
    result: list[SocketAddress] | OSError,
) -> None:
    if not answer.done():
        answer.set_result(result)
