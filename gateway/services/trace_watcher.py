"""One connection to the monitor's socket: what is kept for it until it is taken."""

from __future__ import annotations

import contextlib
import json
import socket

BUFFER = 65536
"""Bytes that are kept for one who does not read."""


def record_line(kind: str, now: float, values: dict[str, object]) -> bytes:
    """A record as it is sent: JSON and LF."""
    record = {"kind": kind, "time": round(now, 6), **values}
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


class Watcher:
    """A connection and its buffer. `waits`: the loop tells when it takes more."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.waits = False
        self.dropped = 0
        self._buffer = bytearray()

    def put(self, line: bytes) -> None:
        """Keep a record to be sent, or count it where there is no room.

        Once one was dropped all are, until what was kept has been read: so the gap is one.
        """
        if self.dropped or len(self._buffer) + len(line) > BUFFER:
            self.dropped += 1
        else:
            self._buffer += line

    def say_dropped(self, now: float) -> None:
        """Put the count of what is missing; it starts anew."""
        self._buffer += record_line("dropped", now, {"count": self.dropped})
        self.dropped = 0

    def send(self) -> bool:
        """Send what is kept, as far as it is taken; whether that was all. Raises OSError."""
        if self._buffer:
            with contextlib.suppress(BlockingIOError, InterruptedError):
                del self._buffer[: self.connection.send(self._buffer)]
        return not self._buffer
