"""Whether ratings of two systems on the same prompts differ: three paired tests, and power."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from harness.statistics import Floats

EXACT_UP_TO = 20
"""Prompts up to which all patterns of signs are gone through; beyond, patterns are drawn."""
DRAWS = 100_000
LEVEL = 0.05
"""Of the two-sided tests, and of the interval."""


class Tested(NamedTuple):
    """What paired tests say of the differences, one a prompt."""

    n: int
    mean: float
    low: float
    high: float
    t: float
    """Two-sided p of the paired t test."""
    wilcoxon: float
    """Two-sided p of the signed-rank test; zeros are left out, as Wilcoxon did."""
    sign_flip: float
    """Two-sided p of the mean under all patterns of signs."""
    exact: bool
    """Whether all patterns were gone through."""


def compare(differences: Floats, seed: int = 0) -> Tested:
    """The tests of differences between two systems, of each prompt one.

    Args:
        differences: of two prompts at least, none of them NaN.
        seed: of the patterns that are drawn where there are too many.

    Raises:
        ValueError: there are fewer than two, or one is missing.
    """
    if len(differences) < 2 or np.isnan(differences).any():
        raise ValueError(f"{len(differences)} differences: two at least are needed, none missing")
    from scipy import stats

    n, mean = len(differences), float(differences.mean())
    error = float(differences.std(ddof=1)) / n**0.5
    reach = float(stats.t.ppf(1 - LEVEL / 2, n - 1)) * error
    p_t = 2 * float(stats.t.sf(abs(mean) / error, n - 1)) if error else float(mean == 0)
    nonzero = differences[differences != 0]
    ranked = float(stats.wilcoxon(nonzero).pvalue) if len(nonzero) else 1.0
    exact = n <= EXACT_UP_TO
    flipped = _all_flips(differences) if exact else _drawn_flips(differences, seed)
    return Tested(n, mean, mean - reach, mean + reach, p_t, ranked, flipped, exact)


def _all_flips(differences: Floats) -> float:
    """The share of all patterns of signs whose mean is as far from zero."""
    sums = np.zeros(1)
    for value in np.abs(differences):
        sums = np.concatenate([sums + value, sums - value])
    return float((np.abs(sums) >= abs(differences.sum()) - 1e-9).mean())


def _drawn_flips(differences: Floats, seed: int) -> float:
    """The same by draws, the pattern that was seen counted as one of them."""
    draw, far = np.random.default_rng(seed), 0
    for _ in range(DRAWS // 1000):
        signs = draw.integers(0, 2, (1000, len(differences))) * 2 - 1
        far += int((np.abs(signs @ differences) >= abs(differences.sum()) - 1e-9).sum())
    return (far + 1) / (DRAWS + 1)


def power(n: int, difference: float, spread: float) -> float:
    """The chance that a paired t test of `n` prompts shows a difference.

    >>> round(power(34, 0.5, 1.0), 3)
    0.808

    Args:
        n: prompts, two at least.
        difference: that there is, in points.
        spread: standard deviation of the differences between prompts, in points; above 0.
    """
    from scipy import stats

    far = float(stats.t.ppf(1 - LEVEL / 2, n - 1))
    shift = abs(difference) / spread * n**0.5
    return float(stats.nct.sf(far, n - 1, shift) + stats.nct.cdf(-far, n - 1, shift))
