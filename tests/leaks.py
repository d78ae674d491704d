"""What a test leaves behind: descriptors, children, threads, tasks. See tests/conftest.py."""

from __future__ import annotations

import asyncio
import asyncio.runners
import gc
import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

# A thread that was told to end may still be on its way out when the test returns.
THREAD_ENDS_WITHIN = 1.0  # seconds
# A task whose socket was closed in the test's last line ends some turns of the loop later.
TURNS_TO_END = 20
CANCEL_ALL_TASKS = "_cancel_all_tasks"


def open_descriptors() -> set[str]:
    """Every open file descriptor of this process and what it leads to: `7 → socket:[4711]`."""
    found: set[str] = set()
    for number in os.listdir("/proc/self/fd"):
        try:
            found.add(f"{number} → {os.readlink(f'/proc/self/fd/{number}')}")
        except FileNotFoundError:
            continue  # the descriptor that listed the directory
    return found


def children() -> set[str]:
    """Every child of this process, running or not yet waited for: `4711 (openssl)`."""
    found: set[str] = set()
    for task in Path("/proc/self/task").iterdir():
        try:
            numbers = (task / "children").read_text().split()
        except FileNotFoundError:
            continue  # the thread has just ended
        found.update(f"{number} ({program_of(number)})" for number in numbers)
    return found


def program_of(process: str) -> str:
    """The name of a process's program, `?` if it is gone."""
    try:
        return Path(f"/proc/{process}/comm").read_text().strip()
    except FileNotFoundError:
        return "?"


class Complaints(logging.Handler):
    """Collects what asyncio logs as an error: exceptions that nobody retrieved, lost tasks."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message, and the exception that came with it."""
        cause = record.exc_info[1] if record.exc_info else None
        self.messages.append(record.getMessage() + (f" {cause!r}" if cause else ""))


class LeakWatch:
    """Between `with` and its end: what is new then stands in `found`, a sentence for each."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._complaints = Complaints()
        self._cancel_all_tasks: Callable[[asyncio.AbstractEventLoop], None]

    def __enter__(self) -> LeakWatch:
        # asyncio.run cancels in silence what is still running at its end. This private
        # function is the one place where that can be seen, for asyncio.Runner too.
        self._cancel_all_tasks = getattr(asyncio.runners, CANCEL_ALL_TASKS)
        setattr(asyncio.runners, CANCEL_ALL_TASKS, self._end_of_loop)
        logging.getLogger("asyncio").addHandler(self._complaints)
        self._descriptors = open_descriptors()
        self._children = children()
        self._threads = set(threading.enumerate())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for thread in set(threading.enumerate()) - self._threads:
            thread.join(THREAD_ENDS_WITHIN)
            if thread.is_alive():
                self.found.append(f"thread still running: {thread.name}")
        # Coroutines never awaited and sockets never closed warn when they are collected:
        # that must be in this test, not in a later one.
        gc.collect()
        setattr(asyncio.runners, CANCEL_ALL_TASKS, self._cancel_all_tasks)
        logging.getLogger("asyncio").removeHandler(self._complaints)
        left = sorted(open_descriptors() - self._descriptors)
        self.found += [f"file descriptor still open: {it}" for it in left]
        left = sorted(children() - self._children)
        self.found += [f"child process not ended or not waited for: {it}" for it in left]
        self.found += [f"asyncio complained: {it}" for it in self._complaints.messages]

    def _end_of_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        for _ in range(TURNS_TO_END):
            if not asyncio.all_tasks(loop):
                break
            loop.run_until_complete(asyncio.sleep(0))
        self.found += [f"task still pending: {task!r}" for task in asyncio.all_tasks(loop)]
        self._cancel_all_tasks(loop)
