"""The recovered share: by hand, against Fieller's own formula, and how often it covers."""

import numpy as np
import pytest

from harness.statistics import recovered_share
from harness.statistics.recovery import NO_SCORES, NOTHING_FORGOTTEN, ONE_CLUSTER, fieller
from harness.types import Direction, Metric

SHARES = Metric(0.0, 1.0, Direction.HIGHER)


def of(known, unlearned, attacked, clusters=None):
    known, unlearned, attacked = (np.array(a, dtype=float) for a in (known, unlearned, attacked))
    clusters = np.arange(len(known)) if clusters is None else np.array(clusters)
    return recovered_share(known, unlearned, attacked, clusters, SHARES)


def test_the_share_is_that_of_what_was_forgotten():
    """.8 and .6 were lost of each two questions, .2 and .15 came back: a quarter."""
    known, unlearned, attacked = [0.9, 0.8] * 4, [0.1, 0.2] * 4, [0.3, 0.35] * 4
    share = of(known, unlearned, attacked, np.arange(8) // 2).estimate
    assert share.estimate == pytest.approx(0.25)
    assert (share.n, share.n_scored, share.n_failed, share.clusters) == (8, 8, 0, 4)


def test_fieller_s_interval_is_that_of_his_formula():
    rng = np.random.default_rng(0)
    below = rng.normal(2, 0.5, 40)
    above = 0.5 * below + rng.normal(0, 0.3, 40)
    t, n = 1.959963984540054, 40  # as many clusters as are not few
    cov = np.cov(above, below, ddof=1) / n
    ratio, g = above.mean() / below.mean(), t**2 * cov[1, 1] / below.mean() ** 2
    middle = ratio - g * cov[0, 1] / cov[1, 1]
    half = t / below.mean() * np.sqrt(
        cov[0, 0] - 2 * ratio * cov[0, 1] + ratio**2 * cov[1, 1]
        - g * (cov[0, 0] - cov[0, 1] ** 2 / cov[1, 1])
    )  # fmt: skip
    low, high = fieller(above, below, np.arange(n))
    assert (low, high) == pytest.approx(((middle - half) / (1 - g), (middle + half) / (1 - g)))


@pytest.mark.parametrize("unlearned", [[0.9, 0.7, 0.8, 0.9], [0.85, 0.75, 0.7, 0.95]])
def test_where_nothing_was_forgotten_nothing_can_come_back(unlearned):
    found = of([0.9, 0.7, 0.8, 0.9], unlearned, [1.0, 1.0, 1.0, 1.0])
    assert found.estimate.estimate is None
    assert found.reason == NOTHING_FORGOTTEN


def test_what_knows_more_than_before_has_forgotten_nothing():
    assert of([0.1, 0.2, 0.1], [0.9, 0.8, 0.9], [0.5, 0.5, 0.5]).reason == NOTHING_FORGOTTEN


def test_no_scores_and_a_single_cluster_have_a_reason():
    nan = np.nan
    assert of([nan, 1], [0, nan], [0, 0]).reason == NO_SCORES
    assert of([1, 1], [0, 0.1], [0, 0], [0, 0]).reason == ONE_CLUSTER


def test_no_question_that_came_back_is_no_proof_that_none_would():
    """Of twelve clusters Wilson's upper end for none, with t of eleven degrees of freedom."""
    share = of(np.ones(12), np.zeros(12), np.zeros(12)).estimate
    t = 2.2009851600916387**2
    assert share.estimate == 0
    assert share.high == pytest.approx(t / (12 + t))


def test_what_is_missing_is_bounded_by_both_ends():
    """Of two questions one attacked score is missing: 0 or 1, and so 0 or a half comes back."""
    found = of([1, 1], [0, 0], [0, np.nan])
    assert (found.estimate.best, found.estimate.worst) == (0.0, 0.5)
    assert found.estimate.n_failed == 1
    lost = of([1, 1, 1], [0, 0, np.nan], [0, 0, 0])
    assert (lost.estimate.best, lost.estimate.worst) == pytest.approx((-0.5, 0.0))
    everything = of([1, 1], [np.nan, np.nan], [0, 0])
    assert (everything.estimate.best, everything.estimate.worst) == (None, None)


@pytest.mark.parametrize("share", [0.0, 0.4])
def test_the_interval_covers_about_nineteen_in_twenty(share):
    """Authors of three questions each, whose answers go together."""
    rng = np.random.default_rng(1)
    clusters = np.repeat(np.arange(20), 3)
    covered = 0
    for _ in range(400):
        author = rng.normal(0, 0.1, 20)[clusters]
        known = 0.8 + author + rng.normal(0, 0.1, 60)
        unlearned = 0.2 + author + rng.normal(0, 0.1, 60)
        attacked = unlearned + share * 0.6 + rng.normal(0, 0.1, 20)[clusters]
        estimate = recovered_share(known, unlearned, attacked, clusters, SHARES).estimate
        covered += estimate.low <= share <= estimate.high
    assert 0.91 <= covered / 400 <= 0.98
