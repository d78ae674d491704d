"""What the tests of the serial lines share: a receiver that remembers, and its deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


class Recorder:
    """A LineReceiver that keeps what it was told, in order."""

    def __init__(self) -> None:
        self.events: list[str | bytes] = []
        self.received = bytearray()
        self.causes: list[Exception] = []
        self.on_data: Callable[[bytes], None] = lambda data: None
        self.on_opened: Callable[[], None] = lambda: None
        self._news = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        assert data
        self.received += data
        self.events.append(data)
        self.on_data(data)
        self._news.set()

    def opened(self) -> None:
        self.events.append("opened")
        self.on_opened()
        self._news.set()

    def drained(self) -> None:
        self.events.append("drained")
        self._news.set()

    def lost(self, cause: Exception) -> None:
        self.events.append("lost")
        self.causes.append(cause)
        self._news.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return once `condition` holds after some event."""
        while not condition():
            self._news.clear()
            await self._news.wait()

    async def heard(self, event: str, count: int = 1) -> None:
        """Return once `event` has come `count` times."""
        await self.until(lambda: self.events.count(event) >= count)

    async def has(self, count: int) -> None:
        """Return once `count` bytes have come."""
        await self.until(lambda: len(self.received) >= count)


def run(test: Coroutine[Any, Any, None]) -> None:
    """Run an asynchronous test, ten seconds at most."""

    async def limited() -> None:
        async with asyncio.timeout(10):
            await test

    asyncio.run(limited())


async def readable(descriptor: int) -> None:
    """Return once there is something to read, or to be told, on `descriptor`."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(descriptor)
