"""What the binding for D-Bus takes for the event loop: it keeps the binding's mistakes in.

sdbus 0.14 keeps hold of the loop that runs when it is first used. When its connection is freed
it tells that loop to stop reading the connection's descriptor, by number, although this was
closed long ago; whatever got the number meanwhile, a link or the serial line, would then be deaf.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Protocol, cast

logger = logging.getLogger("gateway.network")


class Driven(Protocol):
    """The binding's connection, as far as it is driven by the loop."""

    def process(self) -> None:
        """Read and write what there is; raises what made it fail."""

    def get_fd(self) -> int:
        """Its socket."""


class BusLoop:
    """The running loop, for one connection: watches descriptors for it until `close`.

    All else is the loop's own doing. `lost` is called once, when the connection has ended.
    """

    def __init__(self, bus: Driven, lost: Callable[[], None]) -> None:
        """Have `bus` use this, which it must not have been before."""
        self._loop = asyncio.get_running_loop()
        self._lost = lost
        self._open = True
        self._socket = bus.get_fd()
        self._readers: set[int] = set()
        self._writers: set[int] = set()
        asyncio._set_running_loop(cast(asyncio.AbstractEventLoop, self))
        try:
            bus.process()
        finally:
            asyncio._set_running_loop(self._loop)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    def add_reader(self, descriptor: int, callback: Callable[[], object]) -> None:
        """As the loop's own."""
        if self._open:
            self._readers.add(descriptor)
            self._loop.add_reader(descriptor, self._drive, callback)

    def add_writer(self, descriptor: int, callback: Callable[[], object]) -> None:
        """As the loop's own."""
        if self._open:
            self._writers.add(descriptor)
            self._loop.add_writer(descriptor, self._drive, callback)

    def remove_reader(self, descriptor: int) -> bool:
        """As the loop's own, for what is being watched here, and for nothing else."""
        if descriptor not in self._readers:
            return False
        self._readers.discard(descriptor)
        return self._loop.remove_reader(descriptor)

    def remove_writer(self, descriptor: int) -> bool:
        """As the loop's own, for what is being watched here, and for nothing else."""
        if descriptor not in self._writers:
            return False
        self._writers.discard(descriptor)
        return self._loop.remove_writer(descriptor)

    def close(self) -> None:
        """Watch nothing any more, ahead of the connection's closing. May be called again.

        Who was to be told is let go of: the connection holds on to this, and Python's collector
        does not see that.
        """
        self._open = False
        self._lost = _nothing
        for descriptor in tuple(self._readers):
            self.remove_reader(descriptor)
        for descriptor in tuple(self._writers):
            self.remove_writer(descriptor)

    def _drive(self, callback: Callable[[], object]) -> None:
        was_read = self._socket in self._readers
        try:
            callback()
        except Exception as error:  # the binding's own; it would raise it again, without end
            logger.debug("D-Bus: %s", error)
            self._end()
        else:
            if was_read and self._socket not in self._readers:
                self._end()  # the binding stops reading when it has seen the end

    def _end(self) -> None:
        lost = self._lost
        self.close()
        lost()


def _nothing() -> None:
    pass
