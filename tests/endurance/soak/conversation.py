"""What is said between microcontroller and gateway, as the tests keep it."""

from __future__ import annotations

import collections
import time
from dataclasses import dataclass, field
from typing import Protocol

_KEPT = 50
_SHOWN = 80


class Wedged(AssertionError):
    """The gateway does not answer."""


class Listener(Protocol):
    """What is told unasked."""

    def link_connected(self, slot: int) -> None:
        """A link is open: one that was asked for, or a client of a server."""

    def link_closed(self, slot: int) -> None:
        """A link is closed."""

    def link_data(self, slot: int, data: bytes) -> None:
        """Data of a link, pushed."""

    def link_waiting(self, slot: int, total: int) -> None:
        """Data of a link waits."""

    def passed_through(self, data: bytes) -> None:
        """Bytes without framing."""

    def network(self, text: str) -> None:
        """WIFI … or +ETH_…."""

    def was_reset(self) -> None:
        """`ready`: no link is open any more."""


@dataclass
class Reply:
    """The answers to what was asked: their lines, the last words, and how long it took."""

    lines: list[str] = field(default_factory=list)
    finals: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def final(self) -> str:
        """The first last word."""
        return self.finals[0]

    @property
    def ok(self) -> bool:
        """Whether that is OK or SEND OK."""
        return self.final in ("OK", "SEND OK")

    def __str__(self) -> str:
        return " / ".join([*self.lines, *self.finals])


@dataclass
class _Note:
    at: float
    text: str
    times: int = 1

    def __str__(self) -> str:
        moment = time.strftime("%H:%M:%S", time.gmtime(self.at))
        return f"{moment}.{self.at % 1 * 1000:03.0f} {self.text}" + (
            f" ({self.times} times)" if self.times > 1 else ""
        )


class Transcript:
    """The last that was said, without payload; what is said again is counted."""

    def __init__(self) -> None:
        self._notes: collections.deque[_Note] = collections.deque(maxlen=_KEPT)

    def note(self, way: str, text: str) -> None:
        """Add a line; `way` is -> or <-."""
        shown = f"{way} {text[:_SHOWN]}"
        if self._notes and self._notes[-1].text == shown:
            self._notes[-1].times += 1
        else:
            self._notes.append(_Note(time.time(), shown))

    def lines(self) -> list[str]:
        """All that is kept."""
        return [str(note) for note in self._notes]
