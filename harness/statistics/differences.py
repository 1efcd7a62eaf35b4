"""What two systems differ by on the same samples, and how sure that is.

A difference is counted so that more is worse. Two one-sided questions are asked of it: is it above
zero (the candidate is worse), and is it below a margin (the candidate is not worse by as much)?

The mean of differences is tested by what the data are:

- yes or no: Tango's score test (1998, Statistics in Medicine 17) and its interval; of no
  difference, where each sample is its own cluster, McNemar's exact test (1947);
- few samples (below 10) differ at all: the share of those that got worse, times the most that
  one can get worse, bounds the mean (exact binomial, Clopper and Pearson 1934), and no
  difference is tested by all changes of sign;
- few clusters (below 30): Student's t on clusters - 1 degrees of freedom;
- else the studentized bootstrap of clusters (Efron and Tibshirani 1993, section 12.5), whose
  lopsided interval follows the data's; of 500 clusters or more its expansion (Hall 1992), which
  draws nothing, unless their tail is too heavy for it.

What the data could not show counts as well: however alike they are, a share of samples that
change as far as the scale allows may have stayed unseen (`unseen`), and neither test is passed
while that could undo it. Where what is counted comes in clusters, counts are divided by the
design effect, the ratio of the clustered to the plain variance, never below 1 (Korn and
Graubard 1998), nor below that of `unseen` while few clusters show a change.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, inf
from typing import TYPE_CHECKING

import numpy as np

from harness.statistics.always import always_tested
from harness.statistics.arrays import Floats
from harness.statistics.bootstrap import times_drawn
from harness.statistics.expansion import Expansion
from harness.statistics.intervals import (
    FEW_CLUSTERS,
    ONE_SIDED_LEVEL,
    critical_value,
    power_value,
    variance_of_sum,
)
from harness.statistics.paired_data import FEW_CHANGES, PairedData, Scale, Tested
from harness.statistics.rates import binomial, by_rates, chance_below
from harness.statistics.strata import Design
from harness.statistics.widening import widened

if TYPE_CHECKING:
    from harness.types import Labels


LOOKS = 0.2
"""What looks before the end may add to the chance of an error: a fifth of it, over all of them."""
NOT_YET = "not before all is asked"
"""The method where nothing can be said at a look: no mean over independent samples, or no bound."""
PAIRED_RESAMPLES = 9_999
"""With which a p-value can be as small as 1 / 10,000."""


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
    clusters: Labels | Design,
    scale: Scale,
    resamples: int = PAIRED_RESAMPLES,
) -> Paired:
    """Test the mean of differences against zero and against a margin.

    >>> tested = paired(np.array([0.0, 1.0] * 50), np.arange(100), Scale(0.2, 1.0, rate=True))
    >>> tested.difference, tested.method
    (0.5, 'McNemar exact, Tango score')

    Args:
        differences: candidate less baseline of each sample, the worse the higher; NaN has no part.
        clusters: of each, what of one being independent of what of others; with strata,
            what is fixed beside it.
        scale: what they are held against.
        resamples: of the bootstrap.
    """
    design = clusters if isinstance(clusters, Design) else Design(clusters)
    data = PairedData.of(differences, design, scale.margin, scale.reach)
    if data.clusters < 2:
        mean = data.mean if data.pairs else None
        return _undecided(data, mean, "not enough pairs")
    if design.turns is not None:
        return _looked_at(differences, design, data, scale)
    of_rates = scale.rate and bool(np.isin(data.known, (-1.0, 0.0, 1.0)).all())
    tested = by_rates(data, _needed()) if of_rates else _tested(data, resamples)
    if not of_rates and scale.bounded:
        tested = widened(tested, data)
    elif not of_rates and not data.stderr:  # nothing that could be unseen has a bound
        return _undecided(data, data.mean, tested.method)
    enough = max(tested.enough, data.pairs * (_needed() * data.stderr / scale.margin) ** 2)
    return Paired(
        difference=data.mean,
        stderr=data.stderr,
        low=max(tested.low, -scale.reach),
        high=min(tested.high, scale.reach),
        p_worse=tested.p_worse,
        p_margin=tested.p_margin,
        method=tested.method,
        pairs=data.pairs,
        clusters=data.clusters,
        enough=ceil(enough),
    )


def _looked_at(differences: Floats, design: Design, data: PairedData, scale: Scale) -> Paired:
    """What may be said before all is there, at whichever look."""
    present = ~np.isnan(differences)
    _, strata = design.codes(present)
    turns = None if design.turns is None else design.turns[present]
    if turns is None or not data.alone:
        return _undecided(data, data.mean, NOT_YET)
    tested = always_tested(data.known, strata, turns, scale)
    if tested is None:
        return _undecided(data, data.mean, NOT_YET)
    return Paired(
        difference=data.mean,
        stderr=data.stderr,
        low=tested.low,
        high=tested.high,
        p_worse=min(1.0, tested.p_worse / LOOKS),
        p_margin=min(1.0, tested.p_margin / LOOKS),
        method=tested.method,
        pairs=data.pairs,
        clusters=data.clusters,
        enough=0,
    )


def detectable(tested: Paired) -> float:
    """The smallest difference that such data would show with 80 % power, in its unit.

    >>> tested = paired(np.array([-1.0, 1.0] * 50), np.arange(100), Scale(0.2, 1.0))
    >>> round(detectable(tested), 2)
    0.29

    Returns:
        Infinity where there is no interval.
    """
    if tested.high is None or tested.difference is None:
        return inf
    return _needed() / critical_value(inf) * (tested.high - tested.difference)


def _undecided(data: PairedData, mean: float | None, method: str) -> Paired:
    return Paired(
        difference=mean,
        stderr=None,
        low=None,
        high=None,
        p_worse=1.0,
        p_margin=1.0,
        method=method,
        pairs=data.pairs,
        clusters=data.clusters,
        enough=0,
    )


def _needed() -> float:
    """Standard errors that a difference must be off to be told with the power wanted."""
    return critical_value(inf) + power_value()


def _tested(data: PairedData, resamples: int) -> Tested:
    """By the method that such data allow."""
    if not data.stderr:
        return Tested(data.mean, data.mean, p_worse=0.0, p_margin=0.0, method="all alike")
    if np.count_nonzero(data.known) < FEW_CHANGES:
        return _counted(data)
    if data.clusters - data.lost + 1 < FEW_CLUSTERS or not data.uneven:
        return _by_student(data)
    expansion = Expansion.of(data.away, data.sizes)
    return by_bootstrap(data, resamples) if expansion is None else by_expansion(data, expansion)


def _counted(data: PairedData) -> Tested:
    """From how many got worse or better, and how far any can."""
    from scipy.stats import beta

    trials, reach = data.trials, data.reach

    def at_most(changed: float) -> float:
        if changed >= trials:
            return reach
        return reach * float(beta.isf(ONE_SIDED_LEVEL, changed + 1, trials - changed))

    return Tested(
        low=-at_most(data.better),
        high=at_most(data.worse),
        p_worse=_share_of_signs(data.sums[data.sums != 0]),
        p_margin=binomial(data.worse, trials, data.margin / reach),
        method="counted, exact",
    )


def _share_of_signs(sums: Floats) -> float:
    """The share of all ways to give these sums a sign that add up to as much or more."""
    ways = 1 - 2 * ((np.arange(2 ** len(sums))[:, None] >> np.arange(len(sums))) & 1)
    return float((ways @ np.abs(sums) >= sums.sum() - 1e-12).mean())


def _by_student(data: PairedData) -> Tested:
    """By Student's t over clusters."""
    freedom = data.clusters - data.lost
    width = critical_value(freedom) * data.stderr
    return Tested(
        low=data.mean - width,
        high=data.mean + width,
        p_worse=chance_below(-data.mean / data.stderr, freedom),
        p_margin=chance_below((data.mean - data.margin) / data.stderr, freedom),
        method="Student's t",
    )


def by_bootstrap(data: PairedData, resamples: int) -> Tested:
    """By the distribution of (mean - true mean) / stderr over resamples of clusters."""
    mean, stderr = data.mean, data.stderr
    ratios = np.sort(_studentized(data, resamples))
    levels = [ONE_SIDED_LEVEL, 1 - ONE_SIDED_LEVEL]
    below, above = np.quantile(ratios, levels, method="closest_observation")
    return Tested(
        low=float(mean - above * stderr),
        high=float(mean - below * stderr),
        p_worse=_chance(int(np.sum(ratios >= mean / stderr)), resamples, -mean / stderr),
        p_margin=_chance(
            int(np.sum(ratios <= (mean - data.margin) / stderr)),
            resamples,
            (mean - data.margin) / stderr,
        ),
        method="studentized bootstrap",
    )


def by_expansion(data: PairedData, expansion: Expansion) -> Tested:
    """By what that distribution comes to where clusters are many."""
    mean, stderr, (below, above) = data.mean, data.stderr, expansion.ends
    to_zero, to_margin = mean / stderr, (mean - data.margin) / stderr
    return Tested(
        low=mean - above * stderr,
        high=mean - below * stderr,
        p_worse=_far(1 - expansion.below(to_zero), -to_zero),
        p_margin=_far(expansion.below(to_margin), to_margin),
        method="studentized bootstrap, expanded",
    )


def _far(share: float, score: float) -> float:
    """A share of resamples; the normal's where there would hardly be one, if that is less."""
    least = 1 / (PAIRED_RESAMPLES + 1)
    return share if share >= least else min(least, chance_below(score, inf))


def _chance(beyond: int, resamples: int, score: float) -> float:
    """The share of resamples beyond a score; where there are none, the normal's if that is less."""
    share = (1 + beyond) / (resamples + 1)
    return share if beyond else min(share, chance_below(score, inf))


def _studentized(data: PairedData, resamples: int) -> Floats:
    """Of each resample how many of its own standard errors its mean is off; shape (resamples,).

    A resample's sum of squared residuals is put together from five sums, so that a block of
    resamples is one product of matrices.
    """
    count, sizes = data.clusters, data.sizes
    away = data.away
    terms = np.stack([away, sizes, away**2, away * sizes, sizes**2], axis=1)
    ratios = []
    for drawn in times_drawn(count, resamples):
        total, size, squares, cross, of_size = (drawn @ terms).T
        shift = total / size
        spread = np.maximum(squares - 2 * shift * cross + shift**2 * of_size, 0)
        errors = np.sqrt(variance_of_sum(spread, count)) / size
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = shift / errors
        ratios.append(np.where(np.isnan(ratio), 0.0, ratio))
    return np.concatenate(ratios)
