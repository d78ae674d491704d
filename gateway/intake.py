"""Pulling events out of the stream when they may be read, and not before.

Reading rests for two reasons. *Paused*: what was written has not left yet, pass-through's peer
takes nothing, or the line's speed is changing. *Settling*: a command has just become a Task,
and gets a moment before anything more is read, so that only one that is slow for a human makes
a later line `busy p...`, and the same bytes give the same answers however they were cut.
Meanwhile the driver's own flow control holds the microcontroller back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from gateway.at.events import Event
from gateway.at.stream import HostStream
from gateway.services.api_line import Line

SETTLING = 0.05
"""Seconds that a command which waits may take before a line behind it is busy."""
MOST_UNSENT = 32768
"""Bytes written and not yet gone, over which nothing more is read."""


class Intake:
    """Feeds a stream from a line and hands each event and its time to `handle`."""

    def __init__(self, line: Line, handle: Callable[[Event, float], None]) -> None:
        self.stream = HostStream()
        self.paused = False
        self._line = line
        self._handle = handle
        self._loop = asyncio.get_running_loop()
        self._settling: asyncio.TimerHandle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._stopped = False

    def receive(self, data: bytes) -> None:
        """Bytes came: act on what they complete."""
        if self._stopped:
            return
        now = self._loop.time()
        self.stream.receive(data, now)
        if self._settling is not None:
            self._line.pause_reading()
        self._pull(now)

    def pump(self) -> None:
        """Hand over all the events that there are and that may be read now."""
        self._pull(self._loop.time())

    def _pull(self, now: float) -> None:
        stream, line = self.stream, self._line
        while not self.paused and not self._stopped and self._settling is None:
            event = stream.next_event(now)
            if event is None:
                break
            self._handle(event, now)
            if line.buffered > MOST_UNSENT:
                self.pause()
        deadline = stream.deadline()
        if deadline is not None:
            self._watch_until(deadline)

    def stop(self) -> None:
        """Read nothing more at all; no timer is left. Bytes that still come are dropped."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.settle()

    def pause(self) -> None:
        """Read nothing more for now; what is here already waits in the stream."""
        self.paused = True
        self._line.pause_reading()

    def resume(self) -> None:
        """Read on."""
        self.paused = False
        self._line.resume_reading()
        # what nobody read was no silence
        self.stream.receive(b"", self._loop.time())
        self.pump()

    def wait_for_settling(self) -> None:
        """A command has become a Task: give it its moment."""
        self._settling = self._loop.call_later(SETTLING, self._settled)

    def settle(self) -> None:
        """The running command is done, or has had its moment: the next `pump` reads on."""
        if self._settling is not None:
            self._settling.cancel()
            self._settling = None
            if not self.paused:
                self._line.resume_reading()

    def _settled(self) -> None:
        self.settle()
        self.pump()

    def watch_silence(self) -> None:
        """Have a timer run for the stream's deadline; one that is too early does no harm."""
        deadline = self.stream.deadline()
        if deadline is not None:
            self._watch_until(deadline)

    def _watch_until(self, deadline: float) -> None:
        if self.paused or self._settling is not None or self._stopped:
            return  # nothing could be pulled; whoever reads on watches again
        if self._timer is not None:
            if self._timer.when() <= deadline:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(deadline, self._silence)

    def _silence(self) -> None:
        self._timer = None
        self.pump()
