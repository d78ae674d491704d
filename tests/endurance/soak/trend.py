"""Whether something grows: a straight line through samples, and how sure its slope is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

HOUR = 3600.0
_SURE = 3.0


@dataclass(frozen=True)
class Trend:
    """The slope in units an hour, its standard error, and what it comes to over the samples."""

    slope: float
    error: float
    growth: float

    def grows(self, bound: float) -> bool:
        """Whether it surely grows, and by more than `bound` over the samples."""
        return self.slope > _SURE * self.error and self.growth > bound


def trend(samples: Sequence[tuple[float, float]]) -> Trend | None:
    """Least squares over (seconds, value); None for fewer than three samples."""
    count = len(samples)
    if count < 3:
        return None
    middle_x = sum(x for x, _ in samples) / count
    middle_y = sum(y for _, y in samples) / count
    spread = sum((x - middle_x) ** 2 for x, _ in samples)
    if not spread:
        return None
    slope = sum((x - middle_x) * (y - middle_y) for x, y in samples) / spread
    left = sum((y - middle_y - slope * (x - middle_x)) ** 2 for x, y in samples)
    error = math.sqrt(left / (count - 2) / spread)
    growth = slope * (samples[-1][0] - samples[0][0])
    return Trend(slope * HOUR, error * HOUR, growth)
