"""One estimate, or one test, of those of all imputations (Rubin 1987)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, sqrt

import numpy as np

from harness.statistics.arrays import Floats
from harness.statistics.differences import Paired
from harness.statistics.intervals import WithInterval, critical_value, power_value
from harness.statistics.paired_data import Scale
from harness.statistics.rates import chance_below
from harness.types import Counts, Estimate


def pooled(estimates: Sequence[Estimate], ends: Estimate) -> Estimate:
    """One estimate of those of all imputations (Rubin 1987; Barnard and Rubin 1999).

    Args:
        estimates: of each imputation; none: too little is known of the values.
        ends: of what is known alone, with what the rest could make of it.
    """
    if len(estimates) < 2:
        counts = Counts(ends.n, ends.n_scored, ends.n_failed, 0)
        first = estimates[0] if estimates else Estimate.unknown(counts)
        return replace(first, worst=ends.worst, best=ends.best)
    means = [e.estimate for e in estimates if e.estimate is not None]
    errors = [e.stderr for e in estimates if e.stderr is not None]
    if len(means) < len(estimates) or len(errors) < len(estimates):
        mean = float(np.mean(means)) if means else None
        return replace(
            estimates[0], estimate=mean, stderr=None, low=None, high=None,
            worst=ends.worst, best=ends.best,
        )  # fmt: skip
    pool = Pool.of(np.array(means), np.array(errors) ** 2, estimates[0].clusters - 1)
    return replace(estimates[0], **pool.interval()._asdict(), worst=ends.worst, best=ends.best)


@dataclass(frozen=True)
class Pool:
    """The mean over imputations, with how sure it is."""

    mean: float
    stderr: float
    freedom: float
    """Degrees of freedom."""

    @classmethod
    def of(cls, means: Floats, variances: Floats, freedom: float) -> Pool:
        """From the mean and the squared standard error of each.

        >>> round(Pool.of(np.array([1.0, 3.0]), np.array([1.0, 1.0]), 29).stderr, 3)
        2.0

        Args:
            means: shape (imputations,).
            variances: likewise.
            freedom: degrees of freedom, were nothing imputed.
        """
        between = (1 + 1 / len(means)) * float(means.var(ddof=1))
        total = float(variances.mean()) + between
        if not between:  # nothing was imputed that matters
            return cls(float(means.mean()), sqrt(total), freedom)
        lost = between / total
        observed = (freedom + 1) / (freedom + 3) * freedom * (1 - lost)
        inverse = lost**2 / (len(means) - 1) + 1 / max(observed, 1e-9)
        return cls(float(means.mean()), sqrt(total), max(1.0, 1 / inverse))

    def interval(self) -> WithInterval:
        """Its 95 % interval."""
        width = critical_value(self.freedom) * self.stderr
        return WithInterval(self.mean, self.stderr, self.mean - width, self.mean + width)


def pooled_difference(differences: Floats, scale: Scale) -> Paired:
    """Test the mean of differences against zero and a margin, by Student's t over clusters.

    >>> tested = pooled_difference(np.array([[0.0, 1.0, 2.0]] * 2), Scale(0.2, 9.0, bounded=False))
    >>> tested.difference, round(tested.p_worse, 3)
    (1.0, 0.113)

    Args:
        differences: shape (imputations, clusters), the worse the higher; NaN has no part.
        scale: what they are held against.
    """
    known = differences[:, ~np.isnan(differences).any(axis=0)]
    count = known.shape[1]
    pool = None
    if count > 1:
        means, variances = known.mean(axis=1), known.var(axis=1, ddof=1) / count
        pool = Pool.of(means, variances, count - 1)
    if pool is None or not pool.stderr:
        mean = float(known.mean()) if count else None
        return Paired(mean, None, None, None, 1.0, 1.0, "not enough pairs", count, count, 0)
    interval = pool.interval()
    needed = (critical_value(np.inf) + power_value()) * pool.stderr / scale.margin
    return Paired(
        difference=pool.mean,
        stderr=pool.stderr,
        low=interval.low,
        high=interval.high,
        p_worse=chance_below(-pool.mean / pool.stderr, pool.freedom),
        p_margin=chance_below((pool.mean - scale.margin) / pool.stderr, pool.freedom),
        method=f"Student's t, {len(known)} imputations",
        pairs=count,
        clusters=count,
        enough=ceil(count * needed**2),
    )
