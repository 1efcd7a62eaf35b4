"""Always valid: intervals and evidence that hold however often, and whenever, one looks.

A fixed 95 % interval misses once in 20 if it is looked at once; looked at after each answer, or
each checkpoint, it misses sooner or later. A confidence sequence holds at all times at once. It
bets on each pair in turn against a mean that is to be refuted, staking what the pairs before say is
best (Waudby-Smith and Ramdas 2024, Estimating means of bounded random variables by betting, JRSS B
86, sections 3 and 4): the capital is an e-value, whose chance of ever reaching 1 / level, were the
mean true, is the level at the most (Ville 1939).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import NDArray

from harness.statistics.arrays import Floats
from harness.statistics.bootstrap import shuffled

GRID = 801
"""Means that an interval is looked for among; its ends are taken to the next of them outward."""
MOST_LOGARITHM = 700.0
"""Of which the exponential is still a number."""
MOST_STAKED = 0.5
"""Of what the worst outcome could take: no single pair can then ruin a bet."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What paired differences say after each of them; all arrays have shape (pairs,)."""

    low: Floats
    """Lower end of the interval that holds at all times, in the unit of the differences."""
    high: Floats
    worse: Floats
    """E-value against a mean of zero or less: 40 refutes it at 2.5 %, whenever one looks."""
    within: Floats
    """E-value against a mean of the margin or more."""


def evidence(differences: Floats, margin: float, reach: float, level: float = 0.05) -> Evidence:
    """What differences say, looked at after each in the order in which they come.

    The interval only ever narrows: what it once left out stays out.

    >>> bool(evidence(np.ones(40), 0.25, 1.0).worse[-1] > 40)
    True

    Args:
        differences: shape (pairs,), the worse the higher, none missing, each independent.
        margin: above zero.
        reach: the most that a difference can be, to either side.
        level: of the interval: it misses the mean at any time with this chance at the most.
    """
    shares = (np.asarray(differences, dtype=float) + reach) / (2 * reach)
    zero, at_margin = 0.5, (margin + reach) / (2 * reach)
    worse = capital(shares, np.array([zero]), upward=True)[:, 0]
    within = capital(shares, np.array([at_margin]), upward=False)[:, 0]
    low, high = _interval(shares, level)
    return Evidence(low * 2 * reach - reach, high * 2 * reach - reach, worse, within)


def e_value(differences: Floats, reach: float, null: float = 0.0) -> float:
    """Evidence against a mean of `null` or less, of all pairs in an order drawn once.

    It may be averaged with others, whatever these have in common, and stays an e-value.

    >>> e_value(np.zeros(30), 1.0) <= 1
    True

    Args:
        differences: shape (pairs,), the worse the higher; NaN has no part.
        reach: the most that a difference can be.
        null: the mean that is to be refuted.
    """
    known = differences[~np.isnan(differences)]
    if not len(known):
        return 1.0
    shares = (shuffled(known) + reach) / (2 * reach)
    return float(capital(shares, np.array([(null + reach) / (2 * reach)]), upward=True)[-1, 0])


def capital(shares: Floats, means: Floats, upward: bool) -> Floats:
    """What betting against each mean has made of 1, after each value.

    Args:
        shares: shape (values,), from 0 to 1.
        means: shape (means,), strictly between 0 and 1.
        upward: whether the bets are that the true mean is higher.

    Returns:
        Shape (values, means); an e-value at any time of stopping.
    """
    staked = stakes(shares)[:, None]
    most = MOST_STAKED / (means if upward else 1 - means)[None, :]
    signed = np.minimum(staked, most) * (1 if upward else -1)
    gains = np.log1p(signed * (shares[:, None] - means[None, :]))
    grown: Floats = np.exp(np.minimum(np.cumsum(gains, axis=0), MOST_LOGARITHM))
    return grown


def stakes(shares: Floats) -> Floats:
    """What to stake on each value, from those before it alone (their section 3, equation 26)."""
    times = np.arange(1, len(shares) + 1)
    means = (0.5 + np.cumsum(shares)) / (times + 1)
    variances = (0.25 + np.cumsum((shares - means) ** 2)) / (times + 1)
    before = np.concatenate([[0.25], variances[:-1]])
    staked: Floats = np.sqrt(2 * log(2 / 0.05) / (before * times * np.log1p(times)))
    return staked


def _interval(shares: Floats, level: float) -> tuple[Floats, Floats]:
    """The means that neither bet has ever refuted, at half the level each."""
    grid = np.linspace(0, 1, GRID)[1:-1]
    bound = 2 / level
    # A mean is refuted from the first time on: the interval may be taken as narrowing.
    above = np.maximum.accumulate(capital(shares, grid, upward=True), axis=0) >= bound
    below = np.maximum.accumulate(capital(shares, grid, upward=False), axis=0) >= bound
    return _last(above, grid), _first(below, grid)


def _last(refuted: NDArray[np.bool_], grid: Floats) -> Floats:
    """The largest mean below which all are refuted; 0 where none is."""
    count = np.cumprod(refuted, axis=1).sum(axis=1)
    return np.asarray(np.concatenate([[0.0], grid])[count])


def _first(refuted: NDArray[np.bool_], grid: Floats) -> Floats:
    """The smallest mean above which all are refuted; 1 where none is."""
    count = np.cumprod(refuted[:, ::-1], axis=1).sum(axis=1)
    return np.asarray(np.concatenate([[1.0], grid[::-1]])[count])
