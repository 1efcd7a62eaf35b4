"""The expansion of the studentized bootstrap, beside the bootstrap itself."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from harness.statistics.differences import by_bootstrap, by_expansion, paired
from harness.statistics.expansion import Expansion
from harness.statistics.hidden_changes import unseen
from harness.statistics.paired_data import PairedData, Scale
from harness.statistics.strata import Design

MOSTLY_ALIKE = [0.8, 0.1, 0.05, 0.03, 0.02]


def skewed(clusters):
    return np.random.default_rng(3).gamma(1.0, 1.0, clusters), np.arange(clusters)


def uneven(clusters):
    """One cluster in five holds eight values, which are higher."""
    random = np.random.default_rng(5)
    sizes = np.where(random.random(clusters) < 0.2, 8, 1)
    level = np.where(sizes == 8, 2.0, 0.0) + random.normal(0, 0.4, clusters)
    return np.repeat(level, sizes), np.repeat(np.arange(clusters), sizes)


def test_without_skewness_it_is_students_t():
    expansion = Expansion(800, 0.0, 0.0, 0.0)
    assert expansion.ends == pytest.approx(stats.t.interval(0.95, 799), abs=1e-9)
    assert expansion.below(-3.0) == pytest.approx(stats.t.cdf(-3.0, 799))


def test_its_terms_are_halls():
    found = Expansion(800, 0.06, 0.01, 0.02).below(1.0) - stats.t.cdf(1.0, 799)
    first = 0.06 / 6 * 3 - 0.02 * 1
    second = 0.01 / 12 * (1 - 3) - 0.06**2 / 18 * (1 + 2 - 3)
    assert found == pytest.approx((first + second) * stats.norm.pdf(1.0))


@pytest.mark.parametrize(("kind", "term"), [(skewed, "skewness"), (uneven, "leverage")])
def test_it_lies_where_resamples_do_and_not_without_its_terms(kind, term):
    values, clusters = kind(600)
    data = PairedData.of(values, Design(clusters), 2.0, 8.0)
    expansion = Expansion.of(data.away, data.sizes)
    drawn, expanded = by_bootstrap(data, 9_999), by_expansion(data, expansion)
    without = by_expansion(data, replace(expansion, **{term: 0.0}))
    assert abs(expanded.low - drawn.low) < 0.1 * data.stderr
    assert abs(expanded.high - drawn.high) < 0.1 * data.stderr
    assert abs(without.high - drawn.high) > 0.12 * data.stderr
    assert abs(expanded.p_margin - drawn.p_margin) < 0.01


def test_few_clusters_and_heavy_tails_are_drawn():
    random = np.random.default_rng(0)
    ones = np.ones(600)
    assert Expansion.of(random.normal(size=499), np.ones(499)) is None
    assert Expansion.of(random.normal(size=600), ones) is not None
    jump = np.where(np.arange(600) < 12, 5.0, 0.0) - 0.1
    assert Expansion.of(jump, ones) is None
    assert paired(random.normal(size=600), np.arange(600), Scale(0.1, 4.0)).method == (
        "studentized bootstrap, expanded"
    )


def test_clusters_of_one_size_count_together_for_what_is_unseen():
    one_by_one = unseen(0.1, np.array([2.0])) * unseen(0.1, np.array([3.0])) ** 2
    assert unseen(0.1, np.array([3.0, 2.0, 3.0])) == pytest.approx(one_by_one)


VALUES = {
    "normal": lambda random, n: random.normal(size=n),
    "mostly alike": lambda random, n: np.subtract(*random.choice(5, (2, n), p=MOSTLY_ALIKE)),
    "exponential": lambda random, n: random.gamma(1.0, 1.0, n),
}


@pytest.mark.slow
@pytest.mark.parametrize("clusters", [500, 1000, 2000])
@pytest.mark.parametrize("kind", VALUES)
def test_it_differs_from_resamples_by_no_more_than_they_do_among_themselves(kind, clusters):
    for seed in range(5):
        values = VALUES[kind](np.random.default_rng(seed), clusters).astype(float)
        above = 2 * values.std() / np.sqrt(clusters)
        data = PairedData.of(values, Design(np.arange(clusters)), values.mean() + above, 8.0)
        expanded = by_expansion(data, Expansion.of(data.away, data.sizes))
        drawn = by_bootstrap(data, 9_999)
        ends = max(abs(drawn.low - expanded.low), abs(drawn.high - expanded.high))
        assert ends < 0.1 * data.stderr
        assert abs(drawn.p_margin - expanded.p_margin) < 0.005
