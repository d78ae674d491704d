"""Awaiting what a bus answers: each within its time, none beyond the connection's end. Pure."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from gateway.services.network.bus_values import Asked, no_answer, not_askable, refusal
from gateway.services.network.manager import ManagerError

BUS_LOST: Final = "the connection to D-Bus is lost; it is made again as soon as the bus is there"

T = TypeVar("T")


class Calls:
    """What is being asked over one connection."""

    def __init__(
        self, seconds: float, error_of: Callable[[Exception], tuple[str, str] | None]
    ) -> None:
        """`seconds` is the limit of each. `error_of` gives D-Bus's name and text of an error,
        None for one that is not an answer.
        """
        self.lost = False
        self._seconds = seconds
        self._error_of = error_of
        self._limits: set[asyncio.Timeout] = set()

    async def ask(self, asked: Asked, call: Callable[[], Awaitable[T]]) -> T:
        """What `call` gives, which builds and sends one message. Raises ManagerError only.

        Between the arrival of the answer and the return nothing else runs: signals that
        came before it have been applied, those that came after it have not.
        """
        if self.lost:
            raise ManagerError(BUS_LOST)
        try:
            async with asyncio.timeout(self._seconds) as limit:
                self._limits.add(limit)
                try:
                    return await call()
                finally:
                    self._limits.discard(limit)
        except Exception as error:  # an answer org.python.Error.* becomes any of Python's own
            raise self._sentence(asked, error) from error

    def lose(self) -> None:
        """The connection is gone: what is being awaited fails now."""
        self.lost = True
        for limit in self._limits:
            if not limit.expired():
                limit.reschedule(0)

    def _sentence(self, asked: Asked, error: Exception) -> ManagerError:
        if self.lost:
            return ManagerError(BUS_LOST)
        answer = self._error_of(error)
        if answer is not None:
            return refusal(asked, *answer)
        if isinstance(error, TimeoutError):
            return no_answer(asked, self._seconds)
        return not_askable(asked, error)
