"""Strata: the hand-worked variance, the reference of statsmodels, coverage, and small strata."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from statsmodels.api import OLS

from harness.statistics import AnyAbove, ExpectedMaximum, Mean, Share
from harness.statistics.intervals import clustered_stderr
from harness.statistics.strata import (
    clusters_by_stratum,
    codes_of,
    degrees_lost,
    whole_strata,
    within_strata,
)
from harness.types import Direction, Metric

RATING = Metric(1.0, 5.0, Direction.LOWER)


def stderr(values, clusters, strata):
    return clustered_stderr(within_strata(values, clusters, strata), clusters)


def test_the_textbook_s_variance_of_a_stratified_mean():
    """Two strata of 2 and 4: sum of (n_s / n)^2 s_s^2 / n_s = (1/9) 2/2 + (4/9) (20/3)/4."""
    values = np.array([1.0, 3.0, 2.0, 4.0, 6.0, 8.0])
    strata = np.array([0, 0, 1, 1, 1, 1])
    expected = 1 / 9 * 2 / 2 + 4 / 9 * (20 / 3) / 4
    assert stderr(values, np.arange(6), strata) ** 2 == pytest.approx(expected, abs=1e-12)
    assert within_strata(values, np.arange(6), strata).mean() == pytest.approx(values.mean())


def test_clusters_across_strata_have_the_sandwich_of_a_regression_on_strata():
    random = np.random.default_rng(0)
    clusters, strata = np.repeat(np.arange(20), 6), np.tile(np.arange(3), 40)
    values = random.normal(0, 1, 120) + random.normal(0, 1, 20)[clusters] + strata
    # The sum of each cluster's residuals from the means of strata, squared, with G / (G - 1).
    fitted = OLS(values, np.eye(3)[strata]).fit()
    sums = np.bincount(clusters, fitted.resid)
    expected = np.sqrt(20 / 19 * (sums**2).sum()) / 120
    assert stderr(values, clusters, strata) == pytest.approx(expected, rel=1e-12)
    assert degrees_lost(clusters, strata) == 1


def test_strata_of_one_cluster_are_put_together_and_never_narrow_an_interval():
    assert whole_strata(np.arange(4), np.array([0, 1, 2, 3])).tolist() == [0] * 4
    # A single one joins the smallest of the others.
    assert whole_strata(np.arange(6), np.array([0, 1, 1, 2, 2, 2])).tolist() == [0, 0, 0, 1, 1, 1]
    values = np.array([1.0, 5.0, 1.0, 5.0])
    alone = Mean().estimate(values, np.arange(4), np.arange(4), RATING, np.arange(4))
    assert alone == Mean().estimate(values, np.arange(4), np.arange(4), RATING)


@pytest.mark.parametrize(
    "statistic", [Mean(), Share(at_least=3.0), ExpectedMaximum(1), AnyAbove(1, 3.0)]
)
def test_what_differs_between_strata_alone_is_no_chance(statistic):
    """Nine principles, one of which is answered badly throughout: no draw of prompts changes it."""
    values = np.where(np.arange(216) < 24, 5.0, 1.0) + np.tile([0.0, 0.1], 108)
    numbers, strata = np.arange(216), np.repeat(np.arange(9), 24)
    plain = statistic.estimate(values, numbers, numbers, RATING)
    fixed = statistic.estimate(values, numbers, numbers, RATING, strata)
    assert fixed.estimate == plain.estimate
    assert fixed.stderr < plain.stderr / 5
    assert fixed.low >= plain.low


def test_a_stratified_interval_holds_the_mean_95_times_in_100():
    random = np.random.default_rng(1)
    strata = np.repeat(np.arange(5), 12)
    held = 0
    for _ in range(1000):
        values = random.normal(0, 0.2, 60) + strata - 2.0
        found = Mean().estimate(
            values, np.arange(60), np.arange(60), Metric(-9.0, 9.0, Direction.LOWER), strata
        )
        held += found.low <= 0.0 <= found.high
    assert 930 <= held <= 970


def test_many_strata_of_many_clusters_take_no_room_for_each_pair():
    clusters, strata = np.arange(60_000), np.arange(60_000) // 2
    tracemalloc.start()
    spread = within_strata(clusters.astype(float), clusters, strata)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6  # a byte for each pair would be 1.8 GB
    assert spread.mean() == pytest.approx(clusters.mean())


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=40))
def test_clusters_are_counted_by_stratum_as_pairs_are(pairs):
    strata, clusters = (
        codes_of(column, np.ones(len(pairs), bool)) for column in zip(*pairs, strict=True)
    )
    counts = [
        len({c for s, c in zip(strata, clusters, strict=True) if s == of})
        for of in range(max(strata) + 1)
    ]
    assert clusters_by_stratum(strata, clusters).tolist() == counts


@given(st.lists(st.integers(-3, 12) | st.integers(2**40, 2**41), min_size=1, max_size=30))
@example([-1, 2])
def test_labels_are_numbered_as_numpy_numbers_them(labels):
    numbers = codes_of(np.array(labels), np.ones(len(labels), bool))
    assert numbers.tolist() == np.unique(labels, return_inverse=True)[1].tolist()
