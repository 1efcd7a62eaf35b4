"""One estimate from several seeds."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, isfinite, nan, sqrt

from harness.statistics.intervals import critical_value
from harness.types import Counts, Estimate


def combine(runs: Sequence[Estimate], within_range: tuple[float, float] = (-inf, inf)) -> Estimate:
    """One estimate from runs that differ in their seed alone.

    The prompts are the same in each, so that more seeds make the noise of sampling answers smaller
    and leave that of sampling prompts as it is. With within the mean of the squared standard errors
    (both noises) and between the variance of the estimates (the answers' alone), the variance of
    their mean over k seeds is within - between (k - 1) / k, and at the least between / k. The
    interval keeps the runs' own form, lopsided where theirs are.

    >>> runs = [Estimate(x, 0.1, x - 0.2, x + 0.2, x, x, 9, 9, 0, 9) for x in (0.25, 0.75)]
    >>> combine(runs).estimate, combine(runs).n
    (0.5, 18)

    Args:
        runs: at least one; each over the same samples.
        within_range: the least and the most that an estimate can be, which no interval passes.

    Returns:
        With scores counted over all runs. Where a run has no estimate there is none: what is
        missing is no reason to look at the rest alone.
    """
    if len(runs) == 1:
        return runs[0]
    counts = Counts(
        n=sum(run.n for run in runs),
        n_scored=sum(run.n_scored for run in runs),
        n_failed=sum(run.n_failed for run in runs),
        clusters=max(run.clusters for run in runs),
    )
    worst, best = (_mean([getattr(run, name) for run in runs]) for name in ("worst", "best"))
    estimate = _mean([run.estimate for run in runs])
    if estimate is None:
        return Estimate.unknown(counts, worst, best)
    k = len(runs)
    # Plain numbers: a leaderboard does this tens of thousands of times.
    values, errors = ([_number(getattr(run, n)) for run in runs] for n in ("estimate", "stderr"))
    within = sum(error**2 for error in errors) / k
    between = sum((value - estimate) ** 2 for value in values) / (k - 1)
    variance = max(within - between * (k - 1) / k, between / k)

    def end(name: str, side: float) -> float | None:
        ends = [_number(getattr(run, name)) for run in runs]
        distance = sqrt(sum((e - v) ** 2 for e, v in zip(ends, values, strict=True)) / k)
        shrunk = distance * sqrt(variance / within) if within > 0 else distance
        reach = max(shrunk, critical_value(inf) * sqrt(between / k))
        least, most = within_range
        return min(max(estimate + side * reach, least), most) if isfinite(reach) else None

    low, high = end("low", -1.0), end("high", 1.0)
    stderr = sqrt(variance) if isfinite(variance) else None
    return Estimate(estimate, stderr, low, high, worst, best, *counts)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if len(known) == len(values) else None


def _number(value: float | None) -> float:
    return nan if value is None else value
