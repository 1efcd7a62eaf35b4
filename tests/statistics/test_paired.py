"""Differences of pairs, against hand-worked values and other ways to the same number."""

from itertools import product
from math import comb

import numpy as np
import pytest
from scipy import optimize, stats

from harness.statistics.differences import detectable, paired
from harness.statistics.hidden_changes import unseen
from harness.statistics.paired_data import Scale
from harness.statistics.rates import mcnemar, tango, tango_interval


def own(values):
    return np.arange(len(values))


def test_mcnemar_is_the_binomial_of_the_changes():
    # seven to the worse and one to the better: (C(8, 7) + C(8, 8)) / 2 ** 8
    assert mcnemar(7, 1) == pytest.approx(9 / 256)
    assert mcnemar(0, 0) == 1.0
    expected = stats.binomtest(12, 17, 0.5, alternative="greater").pvalue
    assert mcnemar(12, 5) == pytest.approx(expected)


def score_by_likelihood(worse, better, n, margin):
    """Tango's statistic with the nuisance found by maximizing the likelihood itself."""

    def unlikely(q):  # q: the rate of changes to the better; to the worse it is q + margin
        return -(worse * np.log(q + margin) + better * np.log(q)
                 + (n - worse - better) * np.log(1 - 2 * q - margin))  # fmt: skip

    low, high = max(0, -margin) + 1e-12, (1 - margin) / 2 - 1e-12
    q = optimize.minimize_scalar(unlikely, bounds=(low, high), method="bounded",
                                 options={"xatol": 1e-12}).x  # fmt: skip
    return (worse - better - n * margin) / np.sqrt(n * (2 * q + margin - margin**2))


@pytest.mark.parametrize(
    ("worse", "better", "n", "margin"),
    [(12, 5, 100, 0.1), (3, 9, 60, 0.05), (20, 20, 300, 0.1), (8, 2, 50, -0.1)],
)
def test_tangos_score_is_that_of_the_likelihood(worse, better, n, margin):
    expected = stats.norm.cdf(score_by_likelihood(worse, better, n, margin))
    assert tango(worse, better, n, margin) == pytest.approx(expected, abs=1e-6)


def test_tangos_interval_ends_where_its_test_does():
    # Agresti's prime minister (1,600 people asked twice): 150 and 86 changed their minds.
    low, high = tango_interval(150, 86, 1600)
    assert (low, high) == pytest.approx((0.0214, 0.0590), abs=5e-5)
    assert tango(150, 86, 1600, high) == pytest.approx(0.025)
    assert tango(150, 86, 1600, low) == pytest.approx(0.975)
    # No change in n pairs: z = -sqrt(n m / (1 - m)), so the end is z ** 2 / (n + z ** 2).
    z = stats.norm.ppf(0.975)
    assert tango_interval(0, 0, 72)[1] == pytest.approx(z**2 / (72 + z**2))
    assert tango_interval(10, 0, 10)[1] == 1.0


def test_rates_of_samples_on_their_own_take_the_exact_test():
    values = np.r_[np.ones(7), -np.ones(1), np.zeros(92), np.nan]
    found = paired(values, own(values), Scale(0.2, 1.0, rate=True))
    assert (found.pairs, found.clusters, found.difference) == (100, 100, 0.06)
    assert found.p_worse == pytest.approx(9 / 256)
    assert found.p_margin == tango(7, 1, 100, 0.2)
    assert (found.low, found.high) == tango_interval(7, 1, 100)


def test_rates_in_clusters_count_for_less():
    values = np.r_[np.ones(10), np.zeros(90)]
    alone = paired(values, own(values), Scale(0.3, 1.0, rate=True))
    together = paired(values, np.repeat(np.arange(10), 10), Scale(0.3, 1.0, rate=True))
    # One of ten clusters changed whole: variance (10 / 9) * 0.09 / 10 = 0.01 against
    # 0.1 * 0.9 / 99 = 0.000909, an effect of 11.
    assert together.stderr == pytest.approx(0.1)
    effect = 11.0
    expected = tango(10 / effect, 0.0, 100 / effect, 0.3, 9)
    exact = stats.beta.cdf(0.7, 90 / effect, 10 / effect + 1)  # the binomial, counts not whole
    assert together.p_margin == pytest.approx(max(expected, exact))
    assert together.p_margin > alone.p_margin
    assert together.high > alone.high


def test_few_clusters_take_students_t():
    values = np.array([0.5, 0.1, 0.3, -0.1, 0.4, 0.2, 0.6, -0.2, 0.7, 0.05, 0.15, 0.35])
    found = paired(values, own(values), Scale(1.0, 4.0, bounded=False))
    expected = stats.ttest_1samp(values, 0, alternative="greater")
    assert found.p_worse == pytest.approx(expected.pvalue)
    ends = stats.ttest_1samp(values, 0).confidence_interval()
    assert (found.low, found.high) == pytest.approx((ends.low, ends.high))
    below = stats.ttest_1samp(values, 1.0, alternative="less")
    assert found.p_margin == pytest.approx(below.pvalue)
    assert found.method == "Student's t"


def test_where_all_are_alike_what_is_unseen_bounds_them():
    found = paired(np.zeros(216), np.arange(216), Scale(0.1, 4.0))
    share = 1 - 0.025 ** (1 / 216)
    assert (found.low, found.high) == pytest.approx((-4 * share, 4 * share))
    assert found.p_margin == pytest.approx((1 - 0.1 / 4) ** 216)
    assert found.p_worse == 1.0
    one_worse = paired(np.ones(50), np.arange(50), Scale(0.1, 4.0))
    assert one_worse.p_margin == 1.0
    assert one_worse.p_worse == pytest.approx((4 / 5) ** 50)
    assert one_worse.low > 0


def test_what_is_unseen_in_clusters_is_taken_to_be_alike():
    # p ~ Beta(1.5, 1.5), whose correlation is 1 / (1 + 3): E[(1 - p)^2] = (1.5 x 2.5) / (3 x 4)
    assert unseen(0.5, np.array([2.0])) == pytest.approx(0.3125)
    assert unseen(0.5, np.array([2.0, 2.0])) == pytest.approx(0.3125**2)
    assert unseen(0.1, np.ones(30)) == pytest.approx(0.9**30)
    assert (unseen(0.0, np.ones(3)), unseen(1.0, np.ones(3))) == (1.0, 0.0)
    clusters, none = np.repeat(np.arange(9), 24), np.zeros(216)
    sizes = np.full(9, 24.0)
    for rate, reach in ((False, 4.0), (True, 1.0)):
        found = paired(none, clusters, Scale(0.1, reach, rate))
        assert found.p_margin >= unseen(0.1 / reach, sizes) > (1 - 0.1 / reach) ** 216
    two = paired(none, np.repeat([0, 1], 108), Scale(0.25, 4.0))
    assert two.p_margin > 0.1  # two clusters show nothing rare


@pytest.mark.parametrize("n", range(2, 10))
def test_where_all_got_worse_nothing_passes(n):
    values = np.linspace(0.4, 0.9, n)
    assert paired(values, own(values), Scale(0.1, 1.0)).p_margin == 1.0
    assert paired(np.ones(n), own(values), Scale(0.1, 1.0, rate=True)).p_margin > 0.5


def test_a_little_noise_does_not_hide_what_is_unseen():
    noise = 1e-6 * np.random.default_rng(0).normal(size=30)
    found = paired(noise, own(noise), Scale(0.05, 1.0))
    assert found.p_margin == pytest.approx(0.95**30, rel=1e-3)
    assert found.high == pytest.approx(1 - 0.025 ** (1 / 30), abs=1e-5)
    # Of log-odds no value lies at the ends of the scale, which has none.
    assert paired(noise, own(noise), Scale(0.05, 1.0, bounded=False)).p_margin < 0.001


def test_log_odds_that_are_all_alike_say_nothing():
    found = paired(np.zeros(30), np.arange(30), Scale(0.1, 400.0, bounded=False))
    assert (found.p_worse, found.p_margin, found.low, found.high) == (1.0, 1.0, None, None)


@pytest.mark.parametrize("pattern", [[1, 0, 0, 0, 0, 0], [1, -1, 0, 0]])
def test_clusters_that_are_all_alike_are_no_certainty(pattern):
    values = np.array(pattern * 40, dtype=float)
    clusters = np.repeat(np.arange(40), len(pattern))
    found = paired(values, clusters, Scale(0.25, 4.0))
    assert found.stderr == pytest.approx(values.std(ddof=1) / np.sqrt(len(values)))
    assert 0 < found.p_margin < 1


def test_few_changes_are_counted():
    values = np.r_[2.0, 2.0, 1.0, -1.0, np.zeros(196)]
    found = paired(values, own(values), Scale(0.2, 4.0))
    # Three of 200 got worse, by 4 at the most: P(3 or fewer | share 0.05).
    at_margin = sum(comb(200, k) * 0.05**k * 0.95 ** (200 - k) for k in range(4))
    assert found.p_margin == pytest.approx(at_margin)
    exact = stats.binomtest(3, 200, alternative="two-sided").proportion_ci(0.95, "exact")
    assert found.high == pytest.approx(4 * exact.high)
    sums = [sum(s * v for s, v in zip(signs, (2, 2, 1, 1), strict=True))
            for signs in product((1, -1), repeat=4)]  # fmt: skip
    by_signs = np.mean(np.array(sums) >= 4)
    # Unless as many got better unseen, by 4, as would undo the mean of 0.02.
    assert found.p_worse == pytest.approx(max(by_signs, (1 - 0.02 / 4.02) ** 200))


def test_rare_big_changes_to_the_better_may_be_unseen():
    random, alarms = np.random.default_rng(0), 0
    for _ in range(300):
        values = random.choice([1.0, -4.0, 0.0], 100, p=[0.06, 0.015, 0.925])
        alarms += paired(values, own(values), Scale(0.25, 4.0), resamples=999).p_worse <= 0.025
    assert alarms <= stats.binom.ppf(0.99, 300, 0.05)


def test_the_bootstrap_follows_lopsided_data():
    random = np.random.default_rng(0)
    values = random.exponential(1, 200) - 1
    found = paired(values, own(values), Scale(0.5, 50.0, bounded=False))
    assert found.method == "studentized bootstrap"
    assert found.high - found.difference > found.difference - found.low
    normal = random.normal(0, 1, 2000)
    found = paired(normal, own(normal), Scale(0.5, 50.0, bounded=False))
    assert found.high - found.difference == pytest.approx(1.96 * found.stderr, rel=0.05)
    assert (
        paired(normal, own(normal), Scale(0.5, 50.0, bounded=False)) == found
    )  # the same data give the same answer


def test_clusters_are_what_is_resampled():
    random = np.random.default_rng(0)
    values = np.repeat(random.normal(0, 1, 50), 10)
    found = paired(values, np.repeat(np.arange(50), 10), Scale(0.5, 10.0, bounded=False))
    once = paired(values[::10], np.arange(50), Scale(0.5, 10.0, bounded=False))
    assert found.clusters == 50
    assert (found.low, found.high) == pytest.approx((once.low, once.high))


def test_too_few_pairs_say_nothing():
    for values in ([], [1.0], [np.nan, 0.0]):
        found = paired(np.array(values, dtype=float), own(values), Scale(0.1, 1.0))
        assert (found.p_worse, found.p_margin, found.high) == (1.0, 1.0, None)


def test_enough_samples_keep_the_promise():
    random = np.random.default_rng(1)
    first = random.normal(0, 1, 100)
    found = paired(first, own(first), Scale(0.2, 100.0, bounded=False))
    reach = found.high - found.difference
    assert detectable(found) == pytest.approx(2.8016 / 1.96 * reach, rel=1e-3)
    n = found.enough
    passed = 0
    for _ in range(200):
        values = random.normal(0, first.std(), n)
        found = paired(values, own(values), Scale(0.2, 100.0, bounded=False), resamples=999)
        passed += found.p_margin <= 0.025
    assert 0.7 < passed / 200 < 0.93
