"""Effect sizes of a trial's two arms, from the numbers that are reported of them."""

from __future__ import annotations

import math
from collections.abc import Sequence


def log_odds_ratio(cells: Sequence[float], both_zero: str = "add") -> float | None:
    """The natural logarithm of the odds ratio of the first arm to the second.

    Where any of the four cells is 0, .5 is added to each (Haldane 1956, Anscombe 1956).

    >>> round(log_odds_ratio([10, 50, 20, 50]), 4), log_odds_ratio([60, 50, 20, 50])
    (-0.9808, None)

    Args:
        cells: events and size of the first arm, then of the second.
        both_zero: `add` .5 where neither arm has events, or neither has none; `drop`: no ratio.

    Returns:
        None where the numbers are of no table: more events than people.
    """
    first, first_size, second, second_size = cells
    table = [first, first_size - first, second, second_size - second]
    if min(table) < 0 or (both_zero == "drop" and table.count(0) > 1):
        return None
    if 0 in table:
        table = [cell + 0.5 for cell in table]
    return math.log(table[0] * table[3] / (table[1] * table[2]))


def standardised_mean_difference(fields: Sequence[float]) -> float | None:
    """Hedges' g: the difference of two means in pooled standard deviations, less its small bias.

    >>> round(standardised_mean_difference([5, 2, 20, 4, 2, 20]), 4)
    0.4901

    Args:
        fields: mean, standard deviation and size of the first arm, then of the second.

    Returns:
        None where the numbers allow none: an arm of fewer than two, or no spread.
    """
    mean, deviation, size, other_mean, other_deviation, other_size = fields
    free = size + other_size - 2
    if min(size, other_size) < 2 or min(deviation, other_deviation) < 0:
        return None
    pooled = ((size - 1) * deviation**2 + (other_size - 1) * other_deviation**2) / free
    if pooled <= 0:
        return None
    bias = 1 - 3 / (4 * free - 1)
    return bias * (mean - other_mean) / math.sqrt(pooled)
