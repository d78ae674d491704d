"""Medians, quartiles, and how sure a median is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Figure:
    """A median with its quartiles and its interval of 95 % confidence, over `rounds` rounds."""

    median: float
    lower_quartile: float
    upper_quartile: float
    low: float
    high: float
    rounds: int


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value below which `share` (0…1) of an ascending sequence lies, interpolated."""
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def interval_rank(rounds: int) -> int:
    """How many values to leave out at each end, so that the rest spans the true median.

    Each value is below the true median with probability one half, so the count below it is
    binomial. Gives the largest number that keeps the confidence; 0 where even all of the
    values do not reach it (5 rounds or fewer).
    """
    tail, left_out = 0.0, 0
    for count in range(rounds // 2):
        tail += math.comb(rounds, count) / 2**rounds
        if 2 * tail > 1 - CONFIDENCE:
            break
        left_out = count
    return left_out


def figure(values: Sequence[float]) -> Figure:
    """Sum up one value a round. ValueError: there is none."""
    if not values:
        raise ValueError("no rounds")
    ordered = sorted(values)
    left_out = interval_rank(len(ordered))
    return Figure(
        median=quantile(ordered, 0.5),
        lower_quartile=quantile(ordered, 0.25),
        upper_quartile=quantile(ordered, 0.75),
        low=ordered[left_out],
        high=ordered[-1 - left_out],
        rounds=len(ordered),
    )
