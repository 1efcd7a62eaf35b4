"""Intervals of the area under a ROC curve."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, sqrt

from harness.statistics.intervals import Ends, critical_value


def area_interval(area: float, first: int, second: int) -> Ends:
    """95 % interval of an area under the ROC curve (Newcombe 2006, Stat. Med. 25, method 5).

    The ends are where the area lies as far off as its standard error there allows, so that an area
    of 1 has an interval too.

    >>> low, high = area_interval(1.0, 20, 20)
    >>> round(low, 3), high
    (0.899, 1.0)

    Args:
        area: from 0 to 1.
        first: independent units among the ones, 1 at least.
        second: and among the others.
    """
    z = critical_value(inf)
    extra = (first + second) / 2 - 1

    def inside(theta: float) -> bool:
        spread = 1 + extra * ((1 - theta) / (2 - theta) + theta / (1 + theta))
        return abs(theta - area) <= z * sqrt(theta * (1 - theta) * spread / (first * second))

    return Ends(_end(inside, area, 0.0), _end(inside, area, 1.0))


def _end(inside: Callable[[float], bool], within: float, beyond: float) -> float:
    """Where a condition that holds at one number ends on the way to another, by halving."""
    for _ in range(60):
        middle = (within + beyond) / 2
        within, beyond = (middle, beyond) if inside(middle) else (within, middle)
    return float(within)
