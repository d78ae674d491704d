"""Log records in amounts that spare an SD card.

Two limits stand before the journal (`SparingHandler`). An exact repeat is counted instead of
written. And each logger has, at info and at warning, a purse of records: what is spent fills
up again by one a minute, so that random bytes on the line, which make an ever different
message, cost no more than any other noise. Errors are limited by the first only, debug
records by none: whoever asks for those wants them.

The worst day, every logger noisy all day long at info and warning: 240 + 4 × 1440 records of
some 100 bytes and up to 144 notes for each purse, 0.7 MB; one noisy logger: 0.3 MB.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

REPEAT_SECONDS = 60.0
LONGEST_REPEAT_SECONDS = 3600.0
REMEMBERED_MESSAGES = 64
NOTE_SECONDS = 600.0
PURSE_RECORDS = 60
PURSE_RECORDS_A_MINUTE = 1
COMMON_PURSE_RECORDS = 240
COMMON_PURSE_RECORDS_A_MINUTE = 4

_FIELDS_BEGIN_WITH = "AT_"

_TRACEBACKS = logging.Formatter()


@dataclass(eq=False, repr=False, slots=True)
class _Repeat:
    """A message that was written, and how often it came since; `due` is when that is said."""

    record: logging.LogRecord
    due: float
    seconds: float = REPEAT_SECONDS
    count: int = 0

    def summary(self) -> logging.LogRecord:
        """The record that says the count, which starts anew."""
        said = logging.makeLogRecord(self.record.__dict__)
        said.msg = f"{self.record.msg} (repeated {self.count} times)"
        said.created = time.time()
        self.count = 0
        return said


class _Purse:
    """So many records at once, and so many a minute afterwards."""

    def __init__(self, size: int, a_minute: float, now: float) -> None:
        self._size = size
        self._a_second = a_minute / 60
        self._content = float(size)
        self._filled = now
        self.left_out = 0
        self.noted: float | None = None

    def has_one(self, now: float) -> bool:
        """Whether one more record may be written."""
        earned = (now - self._filled) * self._a_second
        self._content = min(self._size, self._content + earned)
        self._filled = now
        return self._content >= 1

    def spend(self) -> None:
        """A record is written."""
        self._content -= 1

    def wants_note(self, now: float) -> bool:
        """Whether it is time to say how many were left out."""
        return self.left_out > 0 and (self.noted is None or now - self.noted >= NOTE_SECONDS)


class SparingHandler(logging.Handler):
    """Passes records on to `inner`, except those that would only wear the SD card.

    A repeat (same logger, level, text and traceback) within a minute is counted, and said
    once when the minute is over, `… (repeated 241 times)`; while it goes on, the time until
    it is said again doubles, up to an hour. `clock` gives seconds and never runs back.
    """

    def __init__(self, inner: logging.Handler, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._inner = inner
        self._clock = clock
        self._repeats: OrderedDict[int, _Repeat] = OrderedDict()
        self._next_due = float("inf")
        self._common = _Purse(COMMON_PURSE_RECORDS, COMMON_PURSE_RECORDS_A_MINUTE, clock())
        self._purses: dict[tuple[str, int], _Purse] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Write `record`, or count it."""
        if record.levelno < logging.INFO:
            self._inner.handle(record)
            return
        now = self._clock()
        try:
            if now >= self._next_due:
                self._say_due(now)
            if not self._is_repeat(record, now):
                self._write(record, now)
        except Exception:
            # Logging's own boundary: a record that cannot be formatted is reported there,
            # and never raises in whoever logged it.
            self.handleError(record)

    def flush(self) -> None:
        """Say what was counted and not yet said."""
        self.acquire()
        try:
            for repeat in self._repeats.values():
                if repeat.count:
                    self._inner.handle(repeat.summary())
            self._repeats.clear()
            self._next_due = float("inf")
            now = self._clock()
            for (name, level), purse in self._purses.items():
                if purse.left_out:
                    self._note(name, level, purse, now)
        finally:
            self.release()
        # Nobody may be left to read stderr.
        with contextlib.suppress(OSError, ValueError):
            self._inner.flush()

    def close(self) -> None:
        """Say the rest, and close the inner handler."""
        self.flush()
        self._inner.close()
        super().close()

    def _is_repeat(self, record: logging.LogRecord, now: float) -> bool:
        if record.exc_info and not record.exc_text:
            record.exc_text = _TRACEBACKS.formatException(record.exc_info)
        text = record.getMessage()
        key = hash((record.name, record.levelno, text, record.exc_text))
        if known := self._repeats.get(key):
            known.count += 1
            self._repeats.move_to_end(key)
            return True
        # The record itself would keep alive whatever its arguments and traceback refer to.
        kept = logging.LogRecord(
            record.name, record.levelno, record.pathname, record.lineno, text[:500], None, None
        )
        kept.__dict__.update(_fields_to_find_by(record))
        self._repeats[key] = _Repeat(kept, now + REPEAT_SECONDS)
        self._next_due = min(self._next_due, now + REPEAT_SECONDS)
        if len(self._repeats) > REMEMBERED_MESSAGES:
            _, oldest = self._repeats.popitem(last=False)
            if oldest.count:
                self._write(oldest.summary(), now)
        return False

    def _say_due(self, now: float) -> None:
        for key, repeat in list(self._repeats.items()):
            if now < repeat.due:
                continue
            if repeat.count == 0:
                del self._repeats[key]
                continue
            self._write(repeat.summary(), now)
            repeat.seconds = min(2 * repeat.seconds, LONGEST_REPEAT_SECONDS)
            repeat.due = now + repeat.seconds
        self._next_due = min(
            (repeat.due for repeat in self._repeats.values()), default=float("inf")
        )

    def _write(self, record: logging.LogRecord, now: float) -> None:
        if record.levelno >= logging.ERROR:
            self._inner.handle(record)
            return
        owner = (record.name, record.levelno)
        purse = self._purses.get(owner)
        if purse is None:
            purse = self._purses[owner] = _Purse(PURSE_RECORDS, PURSE_RECORDS_A_MINUTE, now)
        if not (purse.has_one(now) and self._common.has_one(now)):
            purse.left_out += 1
            return
        purse.spend()
        self._common.spend()
        if purse.wants_note(now):
            self._note(*owner, purse, now)
        self._inner.handle(record)

    def _note(self, name: str, level: int, purse: _Purse, now: float) -> None:
        text = f"{purse.left_out} more messages were left out to spare the SD card"
        purse.left_out = 0
        purse.noted = now
        self._inner.handle(logging.LogRecord(name, level, __file__, 0, text, None, None))


def _fields_to_find_by(record: logging.LogRecord) -> dict[str, object]:
    """The fields that hold of each repeat: all but how long this one took."""
    return {
        name: value
        for name, value in record.__dict__.items()
        if name.startswith(_FIELDS_BEGIN_WITH) and name != "AT_DURATION_MS"
    }
