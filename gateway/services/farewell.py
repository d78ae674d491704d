"""Closing a connection in order, so that the peer gets all that was sent before.

Closing with unread data would reset the connection and could destroy data still on its way
to the peer: so first only our half, and what still comes is thrown away for a short time.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket

from gateway.services import tls
from gateway.services.waiting import readiness, within

_SECONDS = 2.0
_MOST_AT_ONCE = 16


class Farewells:
    """The connections that are closed on our side and wait for their peers."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def say(self, connection: socket.socket) -> None:
        """Close a connection, at once or as soon as its peer has."""
        if tls.is_secured(connection):
            tls.say_goodbye(connection)
        try:
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            connection.close()
            return
        if len(self._tasks) >= _MOST_AT_ONCE:
            connection.close()
            return
        task = asyncio.ensure_future(_linger(connection))
        self._tasks.add(task)
        task.add_done_callback(lambda task: self._said(task, connection))

    def _said(self, task: asyncio.Task[None], connection: socket.socket) -> None:
        # here and not in the task, which may be cancelled before its first step
        self._tasks.discard(task)
        connection.close()

    async def end(self) -> None:
        """Wait for nobody any more; no socket is left on return."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


async def _linger(connection: socket.socket) -> None:
    """Read and drop until the peer closes, for a short time."""
    with contextlib.suppress(TimeoutError, OSError):
        await within(_SECONDS, _drop_what_comes(connection))


async def _drop_what_comes(connection: socket.socket) -> None:
    while True:
        await readiness(connection.fileno(), for_writing=False)
        try:
            # below TLS: what comes is thrown away, so it need not be decrypted
            if not socket.socket.recv(connection, 4096):
                return
        except BlockingIOError:
            continue
