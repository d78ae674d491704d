"""Waiting with a limit, outside of tasks too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def within(
    seconds: float, work: Coroutine[Any, Any, T], lost: Callable[[T], object] | None = None
) -> T:
    """The result of `work`; TimeoutError, and `work` cancelled, when it takes longer.

    `lost` is given a result that comes too late for anybody to get it, to close it.
    asyncio.timeout would do, but it must run inside a Task, and a command's first step does
    not (see `gateway.session`).
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task}, timeout=seconds)
    except asyncio.CancelledError:
        await _abandon(task, lost)
        raise
    if task.done():
        return task.result()
    await _abandon(task, lost)
    raise TimeoutError


async def _abandon(task: asyncio.Future[T], lost: Callable[[T], object] | None) -> None:
    """Cancel a task, which may have ended in the very moment before."""
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled() and task.exception() is None and lost is not None:
        lost(task.result())


async def readiness(descriptor: int, *, for_writing: bool) -> None:
    """Wait until a descriptor can be read, or written, that nobody else watches for that."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()

    def settle() -> None:
        if not ready.done():
            ready.set_result(None)

    (loop.add_writer if for_writing else loop.add_reader)(descriptor, settle)
    try:
        await ready
    finally:
        (loop.remove_writer if for_writing else loop.remove_reader)(descriptor)
