"""Signals in a program that spends its life inside readline."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

NUDGES = (0.02, 0.1, 0.5)
"""Seconds between a signal and the nudges that follow it, each from the one before."""


@contextlib.contextmanager
def signals_end_it() -> Iterator[None]:
    """SIGTERM and SIGHUP unwind the program, so that what it started ends with it."""

    def end(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def prompt_hears_signals() -> Iterator[None]:
    """See to it that a signal is acted on at the prompt, not at the next key.

    A signal that comes while readline works, before it waits for the next key, is only noted
    by the interpreter; nothing ends the wait. Each signal is therefore followed by a few
    SIGUSR1, which do nothing but end that wait, so that what was noted is carried out.
    """
    main_thread = threading.get_ident()
    notes, noting = os.pipe()
    os.set_blocking(noting, False)
    ended = threading.Event()

    def nudge() -> None:
        while numbers := os.read(notes, 64):
            if set(numbers) == {signal.SIGUSR1}:
                continue
            for delay in NUDGES:
                if not ended.wait(delay):
                    signal.pthread_kill(main_thread, signal.SIGUSR1)

    handler = signal.signal(signal.SIGUSR1, lambda _number, _frame: None)
    descriptor = signal.set_wakeup_fd(noting, warn_on_full_buffer=False)
    thread = threading.Thread(target=nudge, name="console signals", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        signal.set_wakeup_fd(descriptor)
        os.close(noting)
        thread.join()
        os.close(notes)
        signal.signal(signal.SIGUSR1, handler)
