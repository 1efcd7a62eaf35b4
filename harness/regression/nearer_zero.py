"""Whether a contrast came nearer to zero."""

from __future__ import annotations

from dataclasses import replace

from harness.regression.sides import End, Labels, Units, _mean
from harness.statistics import (
    PAIRED_RESAMPLES,
    Design,
    FixedSamples,
    Paired,
    Scale,
    difference_of,
)
from harness.types import Direction


def nearer(
    better: Direction,
    before: Units,
    after: Units,
    clusters: Labels | Design | FixedSamples,
    scale: Scale,
    end: End = "measured",
    resamples: int = PAIRED_RESAMPLES,
) -> Paired:
    """The difference by which the candidate is farther from the good end, tested.

    Of what is best at zero it is |mean after| - |mean before|. It is less than the margin where,
    for each sign s, s x after is less than the margin above either sign of the baseline's mean; and
    above zero where, for one s, it is above both. Each choice of a sign costs a factor of two
    (Bonferroni).

    Args:
        better: the good end.
        before: the baseline.
        after: the candidate.
        clusters: of the units, with strata or without; or, of fixed units, how their answers vary.
        scale: what it is held against.
        end: what becomes of missing scores.
        resamples: of the bootstrap.
    """

    def test(s: float, t: float) -> Paired:
        """Of s x after - t x before."""
        differences = {
            "measured": s * after.measured - t * before.measured,
            "worst": after.most(s) - before.least(t),
            "best": after.least(s) - before.most(t),
        }[end]
        return difference_of(differences, clusters, scale, resamples)

    if better is not Direction.ZERO:
        sign = -1.0 if better is Direction.HIGHER else 1.0
        return test(sign, sign)
    tests = {(s, t): test(s, t) for s in (1.0, -1.0) for t in (1.0, -1.0)}
    signs = [1.0 if (_mean(side.measured) or 0.0) >= 0 else -1.0 for side in (after, before)]
    observed = tests[signs[0], signs[1]]
    below = [min(1.0, 2 * min(tests[s, t].p_margin for t in (1.0, -1.0))) for s in (1.0, -1.0)]
    above = [max(tests[s, t].p_worse for t in (1.0, -1.0)) for s in (1.0, -1.0)]
    return replace(
        observed,
        p_margin=max(below),
        p_worse=min(1.0, 2 * min(above)),
        method=f"{observed.method}, both signs",
    )
