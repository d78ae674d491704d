"""An event loop whose time jumps to the next timer, so that no test waits for real.

When nothing is ready and the loop would sleep, its clock is put forward instead. When there
is no timer either, nothing can ever happen again: that is an error, not a hang.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class NothingLeftToHappen(RuntimeError):
    """Everybody waits, and no timer is set."""


class _JumpingSelector(selectors.DefaultSelector):
    """Looks at the descriptors without waiting, and counts the seconds it should have."""

    passed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise NothingLeftToHappen("every task waits, and no timer is set")
            if timeout > 0:
                # less than a nanosecond might be lost in rounding, and time would stand still
                self.passed += max(timeout, 1e-9)
        return ready


class FakeTimeLoop(asyncio.SelectorEventLoop):
    """A loop that starts at 0 s and never sleeps."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Seconds since the loop was made, as if they had passed."""
        return self._jumping.passed

    def run_in_executor(
        self, executor: Any, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """Run `func` here and now: a thread would take no time of this loop's anyway."""
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` to its end on a loop of fake time."""
    with asyncio.Runner(loop_factory=FakeTimeLoop) as runner:
        return runner.run(work)
