"""Every statistic that is shipped, and one from outside, through the contract."""

from dataclasses import dataclass

import numpy as np
import pytest

from harness.statistics import (
    AnyAbove,
    Contrast,
    Correlation,
    CurveOfMaxima,
    ExpectedMaximum,
    Frequencies,
    LargestGap,
    MajorityVote,
    Mean,
    MixedModel,
    Reduction,
    Share,
    SpreadOfMaxima,
)
from harness.testing import check_statistic
from harness.types import Counts, Estimate

FACTS = {
    "race": ["a", "b", "c", "b"] * 6,
    "prompt": ["plain"] * 2 + ["law"] * 2 + ["law"] * 2 + ["plain"] * 2,
    "age": list(range(20, 44)),
}
FACTS["prompt"] = FACTS["prompt"] * 3
SHIPPED = [
    Mean(),
    Share(0.5),
    Share(0.5, strict=True, below=True),
    ExpectedMaximum(2),
    ExpectedMaximum(3, "drop"),
    AnyAbove(2, 0.5),
    SpreadOfMaxima(2),
    MajorityVote(),
    Frequencies((("none", 0.0), ("all", 1.0)), "choice"),
    CurveOfMaxima((1, 2, 3)),
    CurveOfMaxima((1, 2), pooled=True),
    Contrast("race", "a"),
    Reduction("race", "a", "prompt", "plain"),
    Correlation("prompt", "plain", ("race",)),
    LargestGap("race"),
    MixedModel("age", (("race", "a"),)),
]


@pytest.mark.parametrize("statistic", SHIPPED, ids=lambda statistic: statistic.name)
def test_what_is_shipped_keeps_the_contract(statistic):
    check_statistic(statistic, FACTS)


@dataclass(frozen=True)
class Careless:
    """A mean that takes what is missing for something, in one of several ways."""

    way: str
    name: str = "careless"

    def estimate(self, values, samples, clusters, metric):
        known = values[~np.isnan(values)]
        n, scored = len(values), len(known)
        mean = float(known.mean()) if scored else None
        low, high = (None, None) if mean is None else (mean - 0.1, mean + 0.1)
        if self.way == "failure is safe" and mean is None:
            mean = 0.0
        if self.way == "nan" and mean is not None:
            mean = float(values.mean())
        if self.way == "first" and mean is not None:
            mean = low = high = float(known[0])
        if self.way == "outside" and mean is not None:
            low, high = mean + 0.1, mean + 0.2
        missing = 0 if self.way == "lost" else n - scored
        return Estimate(mean, None, low, high, None, None, *Counts(n, scored, missing, 3))


@pytest.mark.parametrize(
    ("way", "sentence"),
    [
        ("failure is safe", "where every score is missing"),
        ("nan", "estimate=nan is no number"),
        ("first", "depends on the order"),
        ("outside", "is not in"),
        ("lost", "not scored and failed"),
    ],
)
def test_what_breaks_the_contract_is_named(way, sentence):
    with pytest.raises(AssertionError, match=sentence):
        check_statistic(Careless(way))


def test_a_careful_one_from_outside_passes():
    check_statistic(Careless("none of them"))
