"""Carrying out one command at a time: stepped by hand first, as a Task if it waits.

A command is a coroutine, and nearly all are done in one step, for which a Task would be a
detour over the event loop: its callback, its context, its wakeup. So the first step is taken
by hand, and only a command that waits for something becomes a Task. A prompt (payload,
certificate) is not such a wait: the coroutine yields a `Prompt`, and is stepped on by hand
when the bytes are here. So a command must prompt before it awaits anything else, and must not
use asyncio.timeout in its first step.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Protocol

from gateway.at.errors import ATError
from gateway.at.table import Command
from gateway.services.api import ServiceError

Handling = Coroutine[Any, Any, bytes | None]


class Prompt:
    """Awaited by a command: write `text`, then read in the mode that `bind` sets."""

    __slots__ = ("bind", "text")

    def __init__(self, text: bytes, bind: Callable[[float], None]) -> None:
        self.text = text
        self.bind = bind

    def __await__(self) -> Generator[Prompt, Any, Any]:
        return (yield self)


class _Rest:
    """The rest of a coroutine that has been stepped by hand up to `pending`."""

    __slots__ = ("_coroutine", "_pending")

    def __init__(self, coroutine: Handling, pending: Any) -> None:
        self._coroutine = coroutine
        self._pending = pending

    def __await__(self) -> Generator[Any, Any, bytes | None]:
        try:
            while True:
                try:
                    result = yield self._pending
                except BaseException as error:
                    self._pending = self._coroutine.throw(error)
                else:
                    self._pending = self._coroutine.send(result)
        except StopIteration as stop:
            value: bytes | None = stop.value
            return value


class Results(Protocol):
    """Who hears how the running command goes on. Called once for each step it takes."""

    def finished(self, reply: bytes | None) -> None:
        """It is done; None is a plain OK."""

    def failed(self, error: ATError) -> None:
        """It is done with an error reply."""

    def failed_of_a_bug(self) -> None:
        """It raised what no command should; the exception is the one being handled."""

    def prompted(self, prompt: Prompt) -> None:
        """It wants bytes: `answer` or `refuse` goes on."""

    def waits(self) -> None:
        """It waits for something else, and has become a Task."""

    def went_on(self) -> None:
        """A command that was a Task is done, and its reply written."""


class Runner:
    """Runs the commands of one session. `command` is the one under way, None without."""

    def __init__(self, results: Results) -> None:
        self.command: Command | None = None
        self._results = results
        self._loop = asyncio.get_running_loop()
        self._prompted: Handling | None = None
        self._task: asyncio.Task[None] | None = None

    def run(self, command: Command, handling: Handling) -> None:
        """Carry out `handling`; no other command is under way."""
        self.command = command
        self._step(handling.send, handling, None)

    def answer(self, value: object) -> None:
        """Hand a prompting command what it asked for."""
        if self._prompted is not None:
            self._step(self._prompted.send, self._prompted, value)

    def refuse(self, error: ATError) -> None:
        """Tell a prompting command that it will not get what it asked for."""
        if self._prompted is not None:
            self._step(self._prompted.throw, self._prompted, error)

    def abandon(self) -> None:
        """End the command without a reply; `close` waits for its end."""
        if self._task is not None:
            self._task.cancel()
        self.command = None

    @property
    def prompting(self) -> bool:
        """Whether the command waits for what it prompted for."""
        return self._prompted is not None

    def drop_prompt(self) -> None:
        """End a prompting command without a reply."""
        if self._prompted is not None:
            self._prompted.close()
            self._prompted = None
            self.command = None

    async def close(self) -> None:
        """End whatever runs; no task is left."""
        self.drop_prompt()
        if self._task is not None:
            # a task cancelled before it began would not tell its command
            await asyncio.sleep(0)
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            self._task = None

    def _step(self, advance: Callable[[Any], Any], handling: Handling, value: Any) -> None:
        """Step a command by hand, as far as it goes without waiting."""
        self._prompted = None
        try:
            pending = advance(value)
        except StopIteration as stop:
            self._results.finished(stop.value)
        except ATError as error:
            self._results.failed(error)
        except ServiceError as error:
            self._results.failed(ATError(cause=str(error)))
        except Exception:
            self._results.failed_of_a_bug()
        else:
            if isinstance(pending, Prompt):
                self._prompted = handling
                self._results.prompted(pending)
            else:
                self._task = self._loop.create_task(self._go_on(_Rest(handling, pending)))
                self._results.waits()

    async def _go_on(self, rest: _Rest) -> None:
        """The rest of a command that waits. Errors end here, whatever they are."""
        try:
            result = await rest
        except asyncio.CancelledError:
            raise
        except ATError as error:
            self._task = None
            self._results.failed(error)
        except ServiceError as error:
            self._task = None
            self._results.failed(ATError(cause=str(error)))
        except Exception:
            self._task = None
            self._results.failed_of_a_bug()
        else:
            self._task = None
            self._results.finished(result)
        self._results.went_on()
