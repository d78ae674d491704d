"""What systemd is told: that the line is open, how things stand, and that the loop still turns.

sd_notify(3) and sd_watchdog_enabled(3), through systemd-python. Without a supervisor
(NOTIFY_SOCKET is not set) nothing is imported and nothing is sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Callable, Mapping

_log = logging.getLogger(__name__)

_LONGEST_STATUS = 200
_LOOK_SECONDS = 5.0


class Supervisor:
    """Tells systemd of this process. Every method may be called without one.

    `send` takes sd_notify's assignments; None finds out whether there is anybody to take them.
    """

    def __init__(self, send: Callable[[str], object] | None = None) -> None:
        self._send = send or _notify()
        self._status = ""
        self._describe: Callable[[], str] | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def present(self) -> bool:
        """Whether there is somebody to tell."""
        return self._send is not None

    def ready(self, describe: Callable[[], str]) -> None:
        """The line is open and is listened to. `describe` gives the status, one line.

        Only the first call counts: a reset of the microcontroller's is none of the service.

        From now on systemd hears every few seconds that the event loop turns, often enough
        for the unit's WatchdogSec=, and what `describe` says when that has changed. A status
        that cannot be made ends like any bug on the loop: no watchdog is fed any more.
        """
        if self._send is None or self._describe is not None:
            return
        self._describe = describe
        self._tell("READY=1")
        self._look()

    def reloading(self) -> None:
        """The configuration is being read again; `reloaded` must follow."""
        self._tell(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def reloaded(self) -> None:
        """The configuration has been read."""
        self._tell("READY=1")

    def stopping(self) -> None:
        """The end has begun. No timer is left."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._tell("STOPPING=1\nSTATUS=stopping")

    def _look(self) -> None:
        assert self._describe is not None
        status = one_line(self._describe())
        if status != self._status:
            self._status = status
            self._tell(f"WATCHDOG=1\nSTATUS={status}")
        else:
            self._tell("WATCHDOG=1")
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(_interval(os.environ), self._look)

    def _tell(self, assignments: str) -> None:
        if self._send is not None:
            # Whoever listened has ended; that is no reason to end, too.
            with contextlib.suppress(OSError):
                self._send(assignments)


def one_line(text: str) -> str:
    """`text` without what would be a line of its own to systemd, and not too long.

    An access point may call itself anything.
    """
    shown = "".join(char if char.isprintable() else "?" for char in text)
    return shown if len(shown) <= _LONGEST_STATUS else shown[: _LONGEST_STATUS - 1] + "…"


def _interval(environment: Mapping[str, str]) -> float:
    """Seconds between two looks: a third of what the watchdog allows, 5 at most."""
    allowed = environment.get("WATCHDOG_USEC", "")
    if not allowed.isdecimal() or int(allowed) == 0:
        return _LOOK_SECONDS
    return min(_LOOK_SECONDS, int(allowed) / 3_000_000)


def _notify() -> Callable[[str], object] | None:
    if not os.environ.get("NOTIFY_SOCKET"):
        return None
    try:
        from systemd.daemon import notify
    except ImportError:
        _log.error("python3-systemd is missing: systemd will not learn that the service is ready")
        return None
    send: Callable[[str], object] = notify
    return send
