"""The only writer of the serial line: whole messages, in order, notifications when they may."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from enum import IntEnum
from typing import Protocol

from gateway.recorder import Recorder
from gateway.records import Record
from gateway.services.api import Interface
from gateway.services.api_line import Line

_BUDGET_SECONDS = 0.020
_NEWS_SECONDS = 0.020
_LEAST_BUDGET = 2048
_MOST_BUDGET = 16384
_MOST_WAITING = 16


class Change(IntEnum):
    """What has become of an interface, in the order in which it comes up."""

    LOST = 0
    CONNECTED = 1
    GOT_ADDRESS = 2


class News(Record):
    """A notification; one of the network says what has become of which interface."""

    message: bytes
    interface: Interface | None = None
    change: Change = Change.LOST

    def outdates(self, earlier: News) -> bool:
        """Whether who hears this need not hear of `earlier` any more."""
        return earlier.interface is self.interface is not None and earlier.change >= self.change


class _Wire(Protocol):
    """What is needed of a line."""

    @property
    def buffered(self) -> int: ...

    def write(self, data: bytes) -> None: ...

    def seconds(self, count: int) -> float: ...


class _NoWire:
    """Where nobody hears what is written."""

    buffered = 0

    def write(self, data: bytes) -> None:
        return

    def seconds(self, count: int) -> float:
        return 0.0


class Outbox:
    """Writes to a line. Between `hold` and `release` notifications wait for their turn.

    Those of the network also wait while the line has no room, since a network may change as
    often as it likes; the next reply takes them along, so that the order stays.

    While `muted` (pass-through) notifications are not written at all.
    """

    def __init__(self, line: Line, recorder: Recorder | None = None) -> None:
        self._line: _Wire = line
        self._recorder = recorder or Recorder.of_nobody()
        self._trace = self._recorder.trace
        self._waiting: deque[News] = deque()
        self._news_until = 0.0
        self.held = False
        self.muted = False

    def write(self, message: bytes) -> None:
        """Write a reply or a prompt, at once."""
        if self._waiting and not self.held:
            self._say_waiting()
        self._line.write(message)
        if self._trace.listening:
            self._recorder.wrote(message)

    def echo(self, typed: bytes) -> None:
        """Write back what is being typed. It may be a part of a password."""
        self._line.write(typed)

    def hand_over(self, messages: bytes) -> None:
        """Write messages that carry links' data."""
        self._line.write(messages)
        if self._trace.listening:
            self._recorder.handed_over(messages)

    def pass_through(self, data: bytes) -> None:
        """Write a link's data as it is."""
        self._line.write(data)
        if self._trace.listening:
            self._recorder.passed_through(len(data))

    def notify(self, message: bytes) -> None:
        """Write a notification, now or after the reply under way."""
        if self.muted:
            return
        if self.held:
            self._waiting.append(News(message))
        else:
            self._say_waiting()
            self._say(message)

    def notify_of(self, news: News) -> None:
        """Write a notification of the network, now or when it may be and the line has room.

        Of those that wait for room, and of many that wait for a reply, the outdated are left out.
        """
        if self.muted:
            return
        self._waiting.append(news)
        if not self.held or len(self._waiting) > _MOST_WAITING:
            self._waiting = _up_to_date(self._waiting)
        self.catch_up()

    def catch_up(self) -> None:
        """Write what waits, if it may be written and the line has room."""
        if self._waiting and not self.held and self.budget() > 0:
            self._say_waiting()

    def _say_waiting(self) -> None:
        while self._waiting:
            self._say(self._waiting.popleft().message)

    def _say(self, message: bytes) -> None:
        self._line.write(message)
        if seconds := self._line.seconds(len(message)):
            now = asyncio.get_running_loop().time()
            self._news_until = max(now, self._news_until) + seconds
        if self._trace.listening:
            self._recorder.notified(message)

    def hold(self) -> None:
        """From a prompt on, only the reply that it belongs to is written."""
        if not self.held:
            self._say_waiting()
        self.held = True

    def release(self) -> None:
        """The reply is written: what waited follows."""
        self.held = False
        self._say_waiting()

    def cut_off(self) -> None:
        """Nothing more is written, by whomever."""
        self._line = _NoWire()
        self._trace = Recorder.of_nobody().trace
        self._waiting.clear()

    def budget(self) -> int:
        """How many bytes of data may be written now without making a reply wait for long.

        At most what the line sends in 20 ms, since a reply queues up behind it; 0 or less
        while that much is waiting already.
        """
        second = self._line.seconds(1)
        ideal = int(_BUDGET_SECONDS / second) if second else _MOST_BUDGET
        return max(_LEAST_BUDGET, min(ideal, _MOST_BUDGET)) - self._line.buffered

    def seconds_to_news(self) -> float:
        """How long to wait before more news are written, so that no reply waits for long.

        News are never in the line's way for more than 20 ms, those that the driver has taken
        included: clients that come and go could fill it otherwise.
        """
        if not self._news_until:
            return 0.0
        return self._news_until - _NEWS_SECONDS - asyncio.get_running_loop().time()

    def seconds_left(self) -> float:
        """How long what is written will still be on the wire."""
        return self._line.seconds(self._line.buffered)


def _up_to_date(waiting: Iterable[News]) -> deque[News]:
    """What nothing behind it outdates: at most three of an interface, and they end as it stands."""
    kept: deque[News] = deque()
    for news in waiting:
        kept = deque(earlier for earlier in kept if not news.outdates(earlier))
        kept.append(news)
    return kept
