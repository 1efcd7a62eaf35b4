"""Looking often: evidence that adds up, and intervals that hold together."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import integrate, stats

from benchmarks.looking import measure
from harness.regression.looking import e_value, interval_at, running, weight
from harness.statistics import Scale, paired

LOOK = paired(np.random.default_rng(0).normal(0.1, 0.5, 100), np.arange(100), Scale(0.25, 4.0))


@pytest.mark.parametrize("p", [1e-8, 0.001, 0.3, 0.9])
def test_an_e_value_is_the_mean_of_the_calibrators(p):
    expected, _ = integrate.quad(lambda k: k * p ** (k - 1), 0, 1)
    assert e_value(p) == pytest.approx(expected, rel=1e-6)


def test_an_e_value_is_one_on_average_where_p_is_even():
    # Of p from a tiny one to 1; below it lies 1 / -log(tiny) of the mean.
    mean, _ = integrate.quad(lambda logarithm: e_value(np.exp(logarithm)) * np.exp(logarithm),
                             np.log(1e-250), 0, limit=500)  # fmt: skip
    assert mean == pytest.approx(1 - 1 / -np.log(1e-250), abs=1e-3)


def test_weights_sum_to_one():
    assert sum(map(weight, range(1, 2000))) == pytest.approx(1 - 1 / 2000)


def test_evidence_adds_up_by_hand():
    first, second = replace(LOOK, p_worse=0.01), replace(LOOK, p_worse=1e-6)
    assert running([first, second]) == pytest.approx(
        [e_value(0.01) / 2, e_value(0.01) / 2 + e_value(1e-6) / 6]
    )


def test_an_interval_is_stretched_to_its_share_of_the_level():
    ends = interval_at(3, LOOK)
    ratio = stats.norm.isf(0.05 / 12 / 2) / stats.norm.isf(0.025)
    assert ends.high == pytest.approx(LOOK.difference + (LOOK.high - LOOK.difference) * ratio)
    assert ends.low == pytest.approx(LOOK.difference - (LOOK.difference - LOOK.low) * ratio)
    assert interval_at(1, replace(LOOK, low=None)) is None


@pytest.mark.slow
def test_looking_after_each_of_50_checkpoints_alarms_in_one_training_of_20_at_the_most():
    quiet, worse = measure(0.0, 400), measure(0.4, 50)
    assert quiet["each"] > 0.2
    assert quiet["history"] <= 0.05
    assert worse["history"] >= 0.9
