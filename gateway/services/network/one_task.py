"""One task at a time: starting another ends the one before."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Generic, TypeVar

T = TypeVar("T")


class OneTask(Generic[T]):
    """Holds at most one running task, and knows those that it has yet to see the end of."""

    def __init__(self) -> None:
        self._task: asyncio.Task[T] | None = None
        self._unfinished: set[asyncio.Task[T]] = set()

    @property
    def running(self) -> bool:
        """Whether a task is under way that was not stopped."""
        return self._task is not None and not self._task.done()

    def holds(self, task: asyncio.Task[T]) -> bool:
        """Whether `task` is the one started last, and was not stopped."""
        return self._task is task

    def start(self, work: Coroutine[None, None, T]) -> asyncio.Task[T]:
        """Stop the present task and give `work` a new one; its first step is a turn away."""
        self.stop()
        self._task = asyncio.get_running_loop().create_task(work)
        self._unfinished.add(self._task)
        self._task.add_done_callback(self._unfinished.discard)
        return self._task

    def stop(self) -> None:
        """Cancel the present task, without waiting for its end."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def close(self) -> None:
        """Cancel the present task, and wait until every task has ended."""
        self.stop()
        await asyncio.gather(*self._unfinished, return_exceptions=True)
