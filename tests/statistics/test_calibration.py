import numpy as np
import pytest
from sklearn.metrics import brier_score_loss

from harness.statistics import (
    CalibrationError,
    Reliability,
    calibration_pair,
)
from harness.types import Direction, Metric

UNIT = Metric(0.0, 1.0, Direction.HIGHER)
WORKED = [(0.95, True), (0.95, False), (0.55, True), (0.2, False), (0.2, False)]
"""Bins (0.9, 1]: mean .95, right .5; (0.5, 0.6]: .55 and 1; (0.1, 0.2]: .2 and 0."""


def pairs(items):
    return np.array([None if item is None else calibration_pair(*item) for item in items], object)


def error_of(items, bins=10):
    labels = [str(place) for place in range(len(items))]
    return CalibrationError(bins).estimate(pairs(items), labels, labels, UNIT)


def test_the_error_is_that_worked_by_hand():
    estimate = error_of(WORKED)
    assert estimate.estimate == pytest.approx((2 * 0.45 + 0.45 + 2 * 0.2) / 5)
    assert estimate.low <= estimate.estimate <= estimate.high
    assert error_of([(1.0, True), (0.0, False)]).estimate == 0


def test_the_error_is_that_of_a_loop_over_bins():
    random = np.random.default_rng(3)
    confidence = random.random(200)
    right = random.random(200) < confidence**2
    total = 0.0
    for k in range(10):
        inside = (confidence > k / 10) & (confidence <= (k + 1) / 10)
        if inside.any():
            total += inside.mean() * abs(confidence[inside].mean() - right[inside].mean())
    items = list(zip(confidence.tolist(), right.tolist(), strict=True))
    assert error_of(items).estimate == pytest.approx(total)
    brier = np.mean((confidence - right) ** 2)
    assert brier == pytest.approx(brier_score_loss(right, confidence))


def test_what_has_no_confidence_is_counted_and_bounds_the_error():
    estimate = error_of([*WORKED, None])
    assert (estimate.n, estimate.n_scored, estimate.n_failed) == (6, 5, 1)
    assert estimate.worst == pytest.approx((1.75 + 1) / 6)
    assert estimate.best == pytest.approx((1.75 - 1) / 6)
    nothing = error_of([None, None])
    assert (nothing.estimate, nothing.worst, nothing.best) == (None, 1.0, 0.0)


def test_a_reliability_figure_has_a_row_a_bin_and_one_for_what_is_lost():
    values = pairs([*WORKED, None])[:, None]
    rows = Reliability().compare(values, {}, list("abcdef"), UNIT)
    assert {name: (row.estimate, row.n) for name, row in rows.items()} == {
        "0.200 (0.1 to 0.2)": (0.0, 2), "0.550 (0.5 to 0.6)": (1.0, 1),
        "0.950 (0.9 to 1)": (0.5, 2), "not known": (None, 1),
    }  # fmt: skip
