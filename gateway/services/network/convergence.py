"""Brings something to what is wanted in the background: step after step, in order.

What is wanted is set at once and read by the step; a step that waits for the network asks
`until`, which tells whether it is still wanted. So nothing is cancelled in the middle of a
call, and what a call has made is always known.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

logger = logging.getLogger("gateway.network")


class Superseded(Exception):
    """Something else is wanted meanwhile: the step is to end, and will be run anew."""


class Changes:
    """Lets any number of tasks wait for a condition that only changes with a notice."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def notice(self) -> None:
        """Something has changed: whoever waits looks again."""
        for future in self._waiting:
            if not future.done():
                future.set_result(None)

    async def until(self, holds: Callable[[], bool], deadline: float) -> bool:
        """Wait until `holds()`, true, or until the loop's time is `deadline`, false."""
        while not holds():
            future = asyncio.get_running_loop().create_future()
            self._waiting.add(future)
            try:
                async with asyncio.timeout_at(deadline):
                    await future
            except TimeoutError:
                return holds()
            finally:
                self._waiting.discard(future)
        return True


class Convergence:
    """Runs `step` whenever it is woken, one at a time, until it is closed.

    A step returns after how many seconds it is to be run again, None for not before it is
    woken. An exception is a bug: it is logged, and the step is run again after 30 s.
    """

    def __init__(
        self, name: str, changes: Changes, step: Callable[[], Awaitable[float | None]]
    ) -> None:
        self._name = name
        self._changes = changes
        self._step = step
        self._wanted_anew = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._stepping = False
        self._retries = False

    @property
    def idle(self) -> bool:
        """Whether nothing is under way, and nothing has been asked that is not done."""
        return not self._stepping and not self._wanted_anew.is_set()

    @property
    def retries(self) -> bool:
        """Whether it waits to try again by itself."""
        return self._retries

    @property
    def settled(self) -> bool:
        """Whether it is idle, and not about to try again by itself."""
        return self.idle and not self._retries

    def start(self) -> None:
        """Begin; the first step is a turn of the loop away."""
        self._wanted_anew.set()
        self._task = asyncio.get_running_loop().create_task(self._run(), name=self._name)

    async def close(self) -> None:
        """End, in the middle of a step if need be."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def wake(self) -> None:
        """Something else is wanted: a step that waits is superseded, and another one run."""
        self._wanted_anew.set()
        self._changes.notice()

    def nudge(self) -> None:
        """The network gives a reason to look again, without superseding a step."""
        if self.idle:
            self._wanted_anew.set()

    async def until(self, holds: Callable[[], bool], deadline: float) -> bool:
        """As `Changes.until`. Raises Superseded once `wake` was called."""
        held = await self._changes.until(lambda: self._wanted_anew.is_set() or holds(), deadline)
        if self._wanted_anew.is_set():
            raise Superseded
        return held

    async def _run(self) -> None:
        while True:
            self._wanted_anew.clear()
            self._stepping = True
            again: float | None = None
            try:
                again = await self._step()
            except Superseded:
                continue
            except Exception:
                logger.exception("the network's %s went wrong; trying again in 30 s", self._name)
                again = 30.0
            finally:
                self._stepping = False
            await self._wait(again)

    async def _wait(self, seconds: float | None) -> None:
        self._retries = seconds is not None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wanted_anew.wait()
        self._retries = False
