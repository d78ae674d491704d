"""Notices that a socket's other end is gone, whoever reads the socket."""

from __future__ import annotations

import asyncio
import os
import select
from collections.abc import Callable


class HangUp:
    """Calls `told` once, on the loop, when the peer of the socket `descriptor` hangs up.

    It watches a duplicate for that alone, so what is read from the socket costs nothing here,
    and closing the socket does not end the watch. `close` lets go of all of it.
    """

    def __init__(self, descriptor: int, told: Callable[[], None]) -> None:
        self._told = told
        self._loop = asyncio.get_running_loop()
        self._duplicate = os.dup(descriptor)
        self._epoll = select.epoll()
        self._epoll.register(self._duplicate, select.EPOLLRDHUP)
        self._loop.add_reader(self._epoll.fileno(), self._hung_up)

    def close(self) -> None:
        """Watch no more. May be called again."""
        if not self._epoll.closed:
            self._loop.remove_reader(self._epoll.fileno())
            self._epoll.close()
            os.close(self._duplicate)

    def _hung_up(self) -> None:
        self.close()
        self._told()
