"""Tests of paired data, made as unsure as changes that nobody saw would make them."""

from __future__ import annotations

from dataclasses import replace
from math import log, sqrt

from harness.statistics.hidden_changes import ALIKE, share_unseen, unseen
from harness.statistics.intervals import ONE_SIDED_LEVEL, power_value
from harness.statistics.paired_data import PairedData, Tested

ROUNDS = 20
"""Of finding how many samples are enough, which each finding changes a little."""


def widened(tested: Tested, data: PairedData) -> Tested:
    """A test with what may have stayed unseen: wider, and no more sure than that lets it be."""
    mean, margin, reach, sizes = data.mean, data.margin, data.reach, data.sizes
    hidden = share_unseen(sizes)
    to_zero = mean / (mean + reach) if mean > 0 else 0.0
    to_margin = (margin - mean) / (reach - mean) if mean < margin else 0.0
    return replace(
        tested,
        low=min(tested.low, mean - hidden * (mean + reach)),
        high=max(tested.high, mean + hidden * (reach - mean)),
        p_worse=max(tested.p_worse, unseen(to_zero, sizes)),
        p_margin=max(tested.p_margin, unseen(to_margin, sizes)),
        enough=_enough_unseen(data),
    )


def _enough_unseen(data: PairedData) -> float:
    """Samples of which four in five sets would show that nothing unseen makes up the margin."""
    n = enough = float(data.sizes.sum())
    for _ in range(ROUNDS):  # the more samples, the nearer to none is what they show
        detectable = power_value() * data.stderr * sqrt(n / enough)
        share = min(max((data.margin - detectable) / data.reach, ALIKE), 1 - ALIKE)
        enough = max(1.0, n * log(ONE_SIDED_LEVEL) / log(unseen(share, data.sizes)))
    return enough
