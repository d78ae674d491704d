"""Waits longer from try to try, and says once why."""

from __future__ import annotations

import logging
from collections import deque
from typing import Final

logger = logging.getLogger("gateway.network")


_LONG: Final = 8.0
"""Seconds until the next try after which nobody calls it a moment."""

MOST_SENTENCES: Final = 32
"""Of the sentences that are said once so many are known again. Others' words go into some of
them: those of a year must not pile up.
"""


class Backoff:
    """From `first` seconds, twice as long each time, to `last`.

    The `remembered` last sentences are told at `level` once, and at "debug" from then on.
    """

    def __init__(
        self, first: float, last: float, *, level: int = logging.WARNING, remembered: int = 1
    ) -> None:
        self._first = first
        self._last = last
        self._level = level
        self._seconds = first
        self._said = deque[str](maxlen=remembered)

    def restart(self) -> None:
        """The next try is soon."""
        self._seconds = self._first

    def reset(self) -> None:
        """All is well, or something else is wanted: soon, and whatever is wrong is said anew."""
        self.restart()
        self._said.clear()

    def say(self, sentence: str) -> None:
        """Say why there will be another try."""
        if sentence in self._said:
            logger.debug("%s", sentence)
            return
        logger.log(self._level, "%s", sentence)
        self._said.append(sentence)

    def next(self) -> float:
        """The seconds to wait now."""
        seconds, self._seconds = self._seconds, min(2 * self._seconds, self._last)
        return seconds

    def after(self, sentence: str, *, passing: bool = False) -> float:
        """Say why, and give the seconds to wait.

        What may be over in a moment (`passing`) is told once the waiting has grown long.
        """
        if passing and self._seconds < _LONG:
            logger.debug("%s", sentence)
        else:
            self.say(sentence)
        return self.next()
