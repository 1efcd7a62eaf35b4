"""Paired differences that are looked at as they come: tests that hold whenever one stops.

A fixed 95 % interval misses once in 20 if it is looked at once; looked at after each answer it
misses sooner or later. So each pair, in an order that knows nothing of scores, is bet on against a
mean that is to be refuted, the stake being what the pairs before say is best (Waudby-Smith and
Ramdas 2024, Estimating means of bounded random variables by betting, JRSS B 86, sections 3 and 4):
the capital is an e-value, and 1 / the largest so far a p-value that holds at all looks together
(Ville 1939).

Where strata are fixed, the order takes them in turn, and pairs are bet on in rounds that hold each
stratum at least once: what is staked is settled before a round begins, and each bet counts as much
as its stratum's share asks. The mean of such a product is at most that of as many bets on the mean
over strata, since a weighted geometric mean is never above the arithmetic one: so it is an e-value
for the mean over strata, and differences between strata make it smaller and never larger.
"""

from __future__ import annotations

from math import exp, isfinite, log
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.statistics.arrays import Floats
from harness.statistics.paired_data import Scale, Tested

MOST_LOGARITHM = 700.0
"""Of which the exponential is still a number."""
MOST_STAKED = 0.5
"""Of what the worst outcome could take: no single pair can then ruin a bet."""
LEAST_SHARE = 0.05
"""Of all pairs; strata that are smaller are taken together, so that a round need not wait."""
MOST_MARGIN = 1 - 1e-9
"""Of the reach: a margin that is the whole of it can be refuted too."""
HALVINGS = 20
LEVEL = 0.05
"""Of the interval: it misses the mean at any time with this chance at the most."""


class Rounds(NamedTuple):
    """Pairs in the order in which they came, cut into rounds."""

    order: NDArray[np.intp]
    starts: NDArray[np.intp]
    """Of each pair in that order where its round begins."""
    ends: NDArray[np.intp]
    """The last pair of each round that is whole."""
    weights: Floats
    """What each pair's bet counts, 1 at the most."""


class _Bets(NamedTuple):
    """What is bet on, and with what; whichever mean is bet against."""

    shares: Floats
    """Shape (pairs,), from 0 to 1, in the order of the rounds."""
    stakes: Floats
    """Of each, from those before its round."""
    rounds: Rounds


def always_tested(
    differences: Floats, strata: NDArray[np.intp] | None, turns: Floats, scale: Scale
) -> Tested | None:
    """Test a mean at whatever moment, however often that was done before.

    Args:
        differences: shape (pairs,), the worse the higher, none missing, each independent.
        strata: the number of each pair's stratum; None: there is but one.
        turns: when each came: those that came earlier have a lower number.
        scale: what the mean is held against.

    Returns:
        None where nothing bounds a difference, or no round is whole.
    """
    if not scale.bounded or not isfinite(scale.reach):
        return None
    rounds = rounds_of(strata, turns)
    if not len(rounds.ends):
        return None
    reach = scale.reach
    shares = (differences[rounds.order] + reach) / (2 * reach)
    bets = _Bets(shares, _stakes(shares)[rounds.starts], rounds)
    at_margin = (min(scale.margin, reach * MOST_MARGIN) + reach) / (2 * reach)
    return Tested(
        low=_end(bets, upward=True) * 2 * reach - reach,
        high=_end(bets, upward=False) * 2 * reach - reach,
        p_worse=min(1.0, 1 / _most(bets, 0.5, upward=True)),
        p_margin=min(1.0, 1 / _most(bets, at_margin, upward=False)),
        method="bets, always valid",
    )


def rounds_of(strata: NDArray[np.intp] | None, turns: Floats) -> Rounds:
    """The order of pairs, and rounds that hold each stratum.

    >>> rounds_of(np.array([0, 1, 0, 1, 0]), np.arange(5)).ends.tolist()
    [1, 3]
    """
    order = np.argsort(turns, kind="stable")
    count = len(order)
    if strata is None or count == 0:
        places = np.arange(count)
        return Rounds(order, places, places, np.ones(count))
    codes = _large(np.asarray(strata))[order]
    total = int(codes.max()) + 1
    closed = _closed(codes, total)
    number = np.searchsorted(closed, np.arange(count))
    starts = np.concatenate([[0], closed + 1])[number]
    sizes = np.bincount(number)
    members = np.zeros((len(sizes), total))
    np.add.at(members, (number, codes), 1)
    shares = np.bincount(codes, minlength=total) / count
    weights = shares[codes] * sizes[number] / members[number, codes]
    most = np.zeros(len(sizes))
    np.maximum.at(most, number, weights)
    return Rounds(order, starts, closed, weights / most[number])


def _closed(codes: NDArray[np.intp], total: int) -> NDArray[np.intp]:
    """The places at which all strata have come since the last such place."""
    ends: list[int] = []
    seen: set[int] = set()
    for place, code in enumerate(codes.tolist()):
        seen.add(code)
        if len(seen) == total:
            ends.append(place)
            seen.clear()
    return np.array(ends, dtype=np.intp)


def _large(strata: NDArray[np.intp]) -> NDArray[np.intp]:
    """Strata by number, the small ones taken together, with the smallest other if need be."""
    codes = np.unique(strata, return_inverse=True)[1]
    shares = np.bincount(codes) / len(codes)
    order = np.argsort(shares, kind="stable")
    small = order[: int(np.searchsorted(np.cumsum(shares[order]), LEAST_SHARE)) + 1]
    if shares[order[0]] >= LEAST_SHARE:
        return np.asarray(codes)
    merged = np.where(np.isin(codes, small), small[0], codes)
    return np.asarray(np.unique(merged, return_inverse=True)[1])


def _most(bets: _Bets, mean: float, upward: bool) -> float:
    """The most that betting against a mean had made of 1 at the end of any round.

    It falls with a mean that is bet to be too low, and rises with one bet to be too high.
    """
    most = MOST_STAKED / (mean if upward else 1 - mean)
    staked = np.minimum(bets.stakes, most) * (1 if upward else -1)
    gains = np.log1p(staked * (bets.shares - mean)) * bets.rounds.weights
    return exp(min(float(np.cumsum(gains)[bets.rounds.ends].max()), MOST_LOGARITHM))


def _end(bets: _Bets, upward: bool) -> float:
    """The end of the interval: the mean up to which, or from which on, all are refuted.

    Found by halving, and given outward of it.
    """
    refuted, unrefuted = (0.0, 1.0) if upward else (1.0, 0.0)
    for _ in range(HALVINGS):
        between = (refuted + unrefuted) / 2
        if _most(bets, between, upward) >= 2 / LEVEL:
            refuted = between
        else:
            unrefuted = between
    return refuted


def _stakes(shares: Floats) -> Floats:
    """What to stake on each value, from those before it alone (their section 3, equation 26)."""
    times = np.arange(1, len(shares) + 1)
    means = (0.5 + np.cumsum(shares)) / (times + 1)
    variances = (0.25 + np.cumsum((shares - means) ** 2)) / (times + 1)
    before = np.concatenate([[0.25], variances[:-1]])
    staked: Floats = np.sqrt(2 * log(2 / 0.05) / (before * times * np.log1p(times)))
    return staked
