"""What two systems differ by on the same samples, and how sure that is.

A difference is counted so that more is worse. Two one-sided questions are asked of it: is it above
zero (the candidate is worse), and is it below a margin (the candidate is not worse by as much)?
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, inf, sqrt
from typing import TYPE_CHECKING

import numpy as np

from harness.statistics.arrays import Floats
from harness.statistics.hidden_changes import (
    ALIKE,
    LEVEL,
    POWER,
    _effect_unseen,
    _enough_unseen,
    _share_unseen,
    unseen,
)
from harness.statistics.intervals import FEW_CLUSTERS
from harness.statistics.rates import _below, _quantile, mcnemar, tango, tango_interval

if TYPE_CHECKING:
    from harness.types import Labels


RESAMPLES = 9_999
FEW = 10
"""Samples with a difference, below which they are counted."""
CELLS = 4_000_000
"""Of a table of resamples that is held at once."""


@dataclass(frozen=True, slots=True)
class Paired:
    """A mean difference of pairs, more being worse."""

    difference: float | None
    stderr: float | None
    low: float | None
    """Lower end of the 95 % interval."""
    high: float | None
    p_worse: float
    """Of no difference or less (one-sided): small where the candidate is worse."""
    p_margin: float
    """Of a difference of the margin or more (one-sided): small where it is surely less."""
    method: str
    pairs: int
    clusters: int
    enough: int
    """Pairs that would rule the margin out with 80 % power, were there no difference."""


def paired(
    differences: Floats,
    clusters: Labels,
    margin: float,
    reach: float,
    rate: bool = False,
    bounded: bool = True,
    resamples: int = RESAMPLES,
) -> Paired:
    """Test the mean of differences against zero and against a margin.

    By what the data are:

    - yes or no: Tango's score test (1998, Statistics in Medicine 17) and its interval; of no
      difference, where each sample is its own cluster, McNemar's exact test (1947);
    - few samples (below 10) differ at all: the share of those that got worse, times the most that
      one can get worse, bounds the mean (exact binomial, Clopper and Pearson 1934), and no
      difference is tested by all changes of sign;
    - few clusters (below 30): Student's t on clusters - 1 degrees of freedom;
    - else the studentized bootstrap of clusters (Efron and Tibshirani 1993, section 12.5), whose
      lopsided interval follows the data's.

    What the data could not show counts as well: however alike they are, a share of samples that
    change as far as the scale allows may have stayed unseen (`unseen`), and neither test is passed
    while that could undo it. Where what is counted comes in clusters, counts are divided by the
    design effect, the ratio of the clustered to the plain variance, never below 1 (Korn and
    Graubard 1998), nor below that of `unseen` while few clusters show a change.

    Args:
        differences: candidate less baseline of each sample, the worse the higher; NaN has no part.
        clusters: of each: what of one is independent of what of others.
        margin: above zero.
        reach: the most that a difference can be.
        rate: whether what differs is yes or no.
        bounded: False where values come nowhere near the ends of their scale, as log-odds: nothing
            unseen is then taken to lie there.
        resamples: of the bootstrap.
    """
    there = ~np.isnan(differences)
    found = differences[there]
    codes = np.unique(np.asarray(clusters)[there], return_inverse=True)[1]
    count = int(codes.max()) + 1 if len(codes) else 0
    if count < 2:
        mean = float(found.mean()) if len(found) else None
        return Paired(mean, None, None, None, 1.0, 1.0, "not enough pairs", len(found), count, 0)
    mean = float(found.mean())
    sums, sizes = np.bincount(codes, found).astype(float), np.bincount(codes).astype(float)
    plain = float(found.std(ddof=1)) / sqrt(len(found))
    stderr = _stderr(sums, sizes, mean)
    uneven = stderr > ALIKE * reach
    if not uneven:  # all clusters alike: the spread between samples, if there is any
        stderr = plain if plain > ALIKE * reach else 0.0
    alone = count == len(found)
    effect = max(1.0, (stderr / plain) ** 2) if stderr and not alone else 1.0
    changed = len(np.unique(codes[found != 0]))
    if not alone and changed < FEW and 2 * changed <= count:
        effect = max(effect, _effect_unseen(min(margin / reach, 0.5), sizes))
    worse, better, n = (int(k) / effect for k in ((found > 0).sum(), (found < 0).sum(), found.size))
    freedom = inf if alone or count >= FEW_CLUSTERS or not stderr else count - 1
    p_worse: float
    if rate and np.isin(found, (-1.0, 0.0, 1.0)).all():
        ends = tango_interval(worse, better, n, freedom)
        p_margin = tango(worse, better, n, margin, freedom)
        p_worse, method = 1 - tango(worse, better, n, 0.0, freedom), "Tango score"
        if alone:
            p_worse, method = mcnemar(round(worse), round(better)), f"McNemar exact, {method}"
        if not better:  # then it is the rate of getting worse alone, of which the exact is known
            p_margin = max(p_margin, _binomial(worse, n, margin))
        width = (
            min(ends[1], reach) - mean
        )  # that of the interval, which its error alone understates
        enough = len(found) * (_needed() / _quantile(inf) * width / margin) ** 2
    else:
        if not stderr:
            ends, p_worse, p_margin, method = (mean, mean), 0.0, 0.0, "all alike"
        elif np.count_nonzero(found) < FEW:
            ends, p_margin = _counted(worse, better, n, reach, margin)
            p_worse, method = _signs(sums[sums != 0]), "counted, exact"
        elif count < FEW_CLUSTERS or not uneven:
            ends, p_worse, p_margin = _student(mean, stderr, count, margin)
            method = "Student's t"
        else:
            ends, p_worse, p_margin = _resampled(sums, sizes, mean, stderr, margin, resamples)
            method = "studentized bootstrap"
        enough = 0.0
        if bounded:
            hidden = _share_unseen(sizes)
            ends = (
                min(ends[0], mean - hidden * (mean + reach)),
                max(ends[1], mean + hidden * (reach - mean)),
            )
            p_worse = max(p_worse, unseen(mean / (mean + reach) if mean > 0 else 0.0, sizes))
            below = (margin - mean) / (reach - mean) if mean < margin else 0.0
            p_margin = max(p_margin, unseen(below, sizes))
            enough = _enough_unseen(margin, reach, stderr, sizes)
        elif not stderr:  # nothing that could be unseen has a bound
            return Paired(mean, None, None, None, 1.0, 1.0, method, len(found), count, 0)
    enough = max(enough, len(found) * (_needed() * stderr / margin) ** 2)
    low, high = max(ends[0], -reach), min(ends[1], reach)
    pairs = len(found)
    return Paired(
        mean, stderr, low, high, p_worse, p_margin, method, pairs, count, ceil(enough)
    )  # fmt: skip


def detectable(found: Paired) -> float:
    """The smallest difference that such data would show with 80 % power."""
    if found.high is None or found.difference is None:
        return inf
    return _needed() / _quantile(inf) * (found.high - found.difference)


def _needed() -> float:
    from scipy.special import ndtri

    return float(ndtri(1 - LEVEL) + ndtri(POWER))


def _stderr(sums: Floats, sizes: Floats, mean: float) -> float:
    """Standard error of the mean, from the spread between clusters."""
    count = len(sums)
    return sqrt(count / (count - 1) * float(((sums - mean * sizes) ** 2).sum())) / float(
        sizes.sum()
    )


Ends = tuple[float, float]


def _counted(
    worse: float, better: float, n: float, reach: float, margin: float
) -> tuple[Ends, float]:
    """Interval and test from how many got worse or better, and how far any can."""
    from scipy.stats import beta

    def at_most(changed: float) -> float:
        return reach * float(beta.isf(LEVEL, changed + 1, n - changed)) if changed < n else reach

    return (-at_most(better), at_most(worse)), _binomial(worse, n, margin / reach)


def _binomial(changed: float, n: float, share: float) -> float:
    """The chance of so few or fewer among n, where each changes with this chance."""
    from scipy.special import betainc

    if share >= 1:
        return 0.0
    return float(betainc(n - changed, changed + 1, 1 - share)) if changed < n else 1.0


def _student(mean: float, stderr: float, count: int, margin: float) -> tuple[Ends, float, float]:
    """Interval and tests by Student's t over clusters."""
    freedom = count - 1
    width = _quantile(freedom) * stderr
    p_worse = _below(-mean / stderr, freedom)
    return (mean - width, mean + width), p_worse, _below((mean - margin) / stderr, freedom)


def _signs(sums: Floats) -> float:
    """The share of all ways to give these sums a sign that add up to as much or more."""
    ways = 1 - 2 * ((np.arange(2 ** len(sums))[:, None] >> np.arange(len(sums))) & 1)
    return float((ways @ np.abs(sums) >= sums.sum() - 1e-12).mean())


def _resampled(
    sums: Floats, sizes: Floats, mean: float, stderr: float, margin: float, resamples: int
) -> tuple[Ends, float, float]:
    """Interval and tests by the distribution of (mean - true mean) / stderr over resamples."""
    count = len(sums)
    random = np.random.default_rng(0)
    away = sums - mean * sizes
    terms = np.stack([away, sizes, away**2, away * sizes, sizes**2], axis=1)
    drawn = []
    for first in range(0, resamples, max(1, CELLS // count)):
        rows = min(max(1, CELLS // count), resamples - first)
        picked = random.integers(0, count, (rows, count))
        picked += np.arange(rows)[:, None] * count
        weights = np.bincount(picked.ravel(), minlength=rows * count).reshape(rows, count)
        total, size, squares, cross, of_size = (weights @ terms).T
        shift = total / size
        spread = np.maximum(squares - 2 * shift * cross + shift**2 * of_size, 0)
        errors = np.sqrt(count / (count - 1) * spread) / size
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = shift / errors
        drawn.append(np.where(np.isnan(ratio), 0.0, ratio))
    ratios = np.sort(np.concatenate(drawn))
    below, above = np.quantile(ratios, [LEVEL, 1 - LEVEL], method="closest_observation")
    ends = float(mean - above * stderr), float(mean - below * stderr)
    p_worse = (1 + np.sum(ratios >= mean / stderr)) / (resamples + 1)
    p_margin = (1 + np.sum(ratios <= (mean - margin) / stderr)) / (resamples + 1)
    return ends, float(p_worse), float(p_margin)
