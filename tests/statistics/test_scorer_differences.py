"""Two scorers of the same answers against each other, by hand and against references."""

import numpy as np
import pytest
import scipy.stats
from statsmodels.stats.contingency_tables import mcnemar

from harness.statistics.agreement import auc, spearman
from harness.statistics.scorer_differences import (
    accuracy_difference,
    auc_difference,
    bootstrap_difference,
)


def delong(labels, one, other):
    """DeLong's variance written out: every yes against every no."""
    parts = []
    for values in (one, other):
        yes, no = values[labels == 1], values[labels == 0]
        wins = (yes[:, None] > no) + 0.5 * (yes[:, None] == no)
        parts.append((wins.mean(axis=1), wins.mean(axis=0)))
    (yes, no), (other_yes, other_no) = parts
    return np.var(yes - other_yes, ddof=1) / len(yes) + np.var(no - other_no, ddof=1) / len(no)


@pytest.fixture
def scored():
    """Labels, and two scorers of which the first is the better."""
    rng = np.random.default_rng(1)
    labels = (rng.random(150) < 0.4) * 1.0
    both = rng.normal(size=150)
    one = np.round(labels + 0.5 * both + rng.normal(0, 0.7, 150), 1)
    return labels, one, np.round(0.4 * labels + both, 1)


def test_the_area_differs_as_by_every_pair_of_a_yes_and_a_no(scored):
    labels, one, other = scored
    found = auc_difference(labels, one, other, np.arange(150))
    assert found.value == pytest.approx(auc(labels, one) - auc(labels, other))
    stderr = np.sqrt(delong(labels, one, other))
    assert found.high - found.value == pytest.approx(1.96 * stderr, rel=1e-3)
    assert found.p == pytest.approx(2 * scipy.stats.norm.sf(found.value / stderr))
    assert found.method == "DeLong"


def test_answers_that_are_copied_tell_no_more_than_one_of_each(scored):
    labels, one, other = (np.repeat(row, 3) for row in scored)
    once = auc_difference(*scored, np.arange(150))
    thrice = auc_difference(labels, one, other, np.repeat(np.arange(150), 3))
    assert thrice.value == pytest.approx(once.value)
    assert thrice.high == pytest.approx(once.high, rel=0.02)
    assert auc_difference(labels, one, other, np.arange(450)).high < once.high - 0.02


def test_accuracies_differ_by_mcnemars_exact_test(scored):
    labels, one, other = scored
    right, others = (labels == (one > 0.5)) * 1.0, (labels == (other > 0.5)) * 1.0
    found = accuracy_difference(right, others, np.arange(150))
    table = [[((right == a) & (others == b)).sum() for b in (1, 0)] for a in (1, 0)]
    assert found.p == pytest.approx(mcnemar(table, exact=True).pvalue)
    assert found.value == pytest.approx(right.mean() - others.mean())
    assert accuracy_difference(right, right, np.arange(150)).p == 1.0
    together = accuracy_difference(right, others, np.arange(150) // 3)
    assert together.method == "by clusters"


@pytest.mark.long
def test_correlations_differ_by_resampling_answers_whole(scored):
    labels, one, other = scored
    rng = np.random.default_rng(0)
    measure = labels + rng.normal(0, 0.2, 150)
    found = bootstrap_difference(spearman, measure, one, other, np.arange(150))
    assert found.low < found.value < found.high
    assert found.p < 0.01
    swapped = bootstrap_difference(spearman, measure, other, one, np.arange(150))
    assert (swapped.low, swapped.high) == pytest.approx((-found.high, -found.low))
    same = bootstrap_difference(spearman, measure, one, one, np.arange(150))
    assert (same.value, same.p) == (0.0, 1.0)


def test_of_two_equal_scorers_five_in_a_hundred_differ():
    rng, few = np.random.default_rng(3), 0
    for _ in range(400):
        labels = (rng.random(120) < 0.3) * 1.0
        one, other = (labels + rng.normal(size=120) for _ in range(2))
        few += auc_difference(labels, one, other, np.arange(120)).p < 0.05
    assert 8 <= few <= 34


def test_labels_of_one_kind_say_nothing_of_an_area():
    found = auc_difference(np.ones(5), np.arange(5.0), np.arange(5.0), np.arange(5))
    assert (found.low, found.p) == (None, 1.0)
