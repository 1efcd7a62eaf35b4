import math

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from harness.statistics.intervals import wilson
from harness.statistics.means import Mean, Share
from harness.types.measures import Direction, Metric

SCALE = Metric(1.0, 5.0, Direction.LOWER)
RATE = Metric(0.0, 1.0, Direction.HIGHER)
NAN = float("nan")


def each_its_own(values):
    return [str(i) for i in range(len(values))]


def estimate_of(statistic, values, clusters, metric, samples=None):
    values = np.asarray(values, dtype=float)
    return statistic.estimate(values, samples or each_its_own(values), clusters, metric)


def test_a_mean_of_hand_worked_values():
    values = np.array([1.0, 2.0, 4.0, 5.0])
    estimate = estimate_of(Mean(), values, each_its_own(values), SCALE)
    assert estimate.estimate == 3.0
    # Squared residuals 4 + 1 + 1 + 4 = 10; variance 10 / 3; standard error sqrt(10 / 3 / 4).
    assert estimate.stderr == pytest.approx(math.sqrt(10 / 12))
    # Four clusters: t with three degrees of freedom, 3.1824; cut to the scale.
    assert (estimate.low, estimate.high) == (1.0, 5.0)
    assert (estimate.n, estimate.n_scored, estimate.n_failed, estimate.clusters) == (4, 4, 0, 4)


def test_many_clusters_take_the_normal_quantile():
    values = np.tile([2.0, 4.0], 50)
    estimate = estimate_of(Mean(), values, each_its_own(values), SCALE)
    assert estimate.high - estimate.estimate == pytest.approx(
        1.959964 * math.sqrt(1 / 99), rel=1e-6
    )


def test_missing_values_leave_the_mean_and_open_the_bounds():
    values = np.array([2.0, NAN, 4.0, NAN])
    estimate = estimate_of(Mean(), values, each_its_own(values), SCALE)
    assert estimate.estimate == 3.0
    assert estimate.worst == (2 + 4 + 5 + 5) / 4
    assert estimate.best == (2 + 4 + 1 + 1) / 4
    assert (estimate.n, estimate.n_scored, estimate.n_failed) == (4, 2, 2)


def test_where_nothing_was_scored_nothing_is_estimated_and_anything_is_possible():
    values = np.array([NAN, NAN])
    estimate = estimate_of(Mean(), values, each_its_own(values), SCALE)
    assert estimate.estimate is estimate.low is estimate.high is estimate.stderr is None
    assert (estimate.worst, estimate.best) == (5.0, 1.0)
    share = estimate_of(Share(4), values, each_its_own(values), SCALE)
    assert (share.estimate, share.worst, share.best) == (None, 1.0, 0.0)


def test_an_estimate_of_no_samples_is_empty():
    estimate = estimate_of(Mean(), np.array([]), [], SCALE)
    assert (estimate.estimate, estimate.worst, estimate.best, estimate.n) == (None, None, None, 0)


def test_worst_and_best_follow_the_direction():
    values = np.array([1.0, NAN])
    higher = estimate_of(Share(1), values, ["a", "b"], RATE)
    assert (higher.worst, higher.best) == (0.5, 1.0)


def test_the_share_of_an_interval_lies_in_it_to_the_last_digit():
    for n in (3, 7, 2.4, 31, 0.9):
        for quantile in (1.96, 2.78, 2.2, 12.7):
            for share in (0.0, 1 / n if n >= 1 else 0.5, 1.0):
                low, high = wilson(share, n, quantile)
                assert 0 <= low <= share <= high <= 1, (share, n, quantile)


@pytest.mark.parametrize("seed", range(5))
def test_clustered_standard_error_is_that_of_statsmodels(seed):
    rng = np.random.default_rng(seed)
    clusters = rng.integers(0, 12, 90)
    values = np.clip(3 + rng.normal(size=12)[clusters] + rng.normal(size=90), 1, 5)
    estimate = estimate_of(Mean(), values, [str(c) for c in clusters], SCALE)
    fit = sm.OLS(values, np.ones(90)).fit(
        cov_type="cluster", cov_kwds={"groups": clusters, "use_correction": True}
    )
    count = len(set(clusters))
    # statsmodels multiplies by G/(G-1) * (n-1)/(n-k), and the last factor is 1 for one parameter.
    assert estimate.stderr == pytest.approx(float(fit.bse[0]), rel=1e-9)
    assert estimate.clusters == count


@pytest.mark.parametrize(("events", "n"), [(0, 20), (3, 40), (20, 20), (1, 450), (225, 450)])
def test_a_share_has_the_wilson_interval_of_statsmodels(events, n):
    values = np.array([5.0] * events + [1.0] * (n - events))
    estimate = estimate_of(Share(4), values, each_its_own(values), SCALE)
    expected = proportion_confint(events, n, method="wilson")
    assert (estimate.low, estimate.high) == pytest.approx(expected)
    assert wilson(events / n, n, 1.959963984540054) == pytest.approx(
        proportion_confint(events, n, method="wilson")
    )


def test_values_of_one_cluster_widen_a_share_by_the_design_effect():
    # Forty clusters of five equal values: the data hold forty independent values, not 200.
    one_each = np.array([1.0, 0.0] * 20)
    values = np.repeat(one_each, 5)
    clusters = [str(i // 5) for i in range(200)]
    wide = estimate_of(Share(1), values, clusters, RATE)
    alone = estimate_of(Share(1), one_each, each_its_own(one_each), RATE)
    assert wide.high - wide.low == pytest.approx(alone.high - alone.low, rel=0.02)


def test_equal_values_do_not_claim_an_interval_of_no_width():
    values = np.ones(100)
    estimate = estimate_of(Mean(), values, each_its_own(values), SCALE)
    assert (estimate.estimate, estimate.low) == (1.0, 1.0)
    # Wilson's upper end of 0 of 100 is 0.0370, over a range of 4.
    assert estimate.high == pytest.approx(1 + 4 * proportion_confint(0, 100, method="wilson")[1])


@pytest.mark.parametrize("repeats", [1, 5, 100])
@pytest.mark.parametrize("statistic", [Mean(), Share(4)])
def test_answers_that_only_repeat_add_no_precision(statistic, repeats):
    once = [1.0] * 20
    samples = [str(i) for i in range(20) for _ in range(repeats)]
    one = estimate_of(statistic, once, each_its_own(once), SCALE)
    many = estimate_of(statistic, np.repeat(once, repeats), samples, SCALE, samples)
    assert (many.low, many.high) == pytest.approx((one.low, one.high))


def test_clusters_of_one_mean_do_not_claim_an_interval_of_no_width():
    estimate = estimate_of(Mean(), [5, 1, 5, 1], ["a", "a", "b", "b"], SCALE)
    assert estimate.low < 3 < estimate.high


def test_one_cluster_of_several_values_has_no_interval():
    estimate = estimate_of(Mean(), np.array([1.0, 2.0, 3.0]), ["a"] * 3, SCALE)
    assert (estimate.stderr, estimate.low, estimate.high) == (None, None, None)
    share = estimate_of(Share(2), np.array([1.0, 2.0, 3.0]), ["a"] * 3, SCALE)
    assert (share.low, share.high) == (None, None)


scores = st.lists(
    st.tuples(st.one_of(st.none(), st.floats(1, 5)), st.sampled_from("abcdef")), min_size=1
)


@given(scores, st.randoms())
def test_order_changes_nothing_and_bounds_hold_the_estimate(rows, random):
    shuffled = list(rows)
    random.shuffle(shuffled)
    for statistic in (Mean(), Share(4)):
        one, other = (
            estimate_of(
                statistic,
                np.array([NAN if value is None else value for value, _ in table]),
                [cluster for _, cluster in table],
                SCALE,
            )
            for table in (rows, shuffled)
        )
        for field in one.__slots__:
            a, b = getattr(one, field), getattr(other, field)
            assert a == b or a == pytest.approx(b, abs=1e-7)
        assert one.n == one.n_scored + one.n_failed
        if one.estimate is not None:
            assert one.best - 1e-9 <= one.estimate <= one.worst + 1e-9
            if one.low is not None:
                assert one.low - 1e-9 <= one.estimate <= one.high + 1e-9


def test_coverage_of_both_intervals_is_near_95_percent():
    rng = np.random.default_rng(0)
    hits = {"mean": 0, "share": 0}
    for _ in range(400):
        effects = rng.normal(0, 0.4, 40)
        values = np.clip(3 + np.repeat(effects, 4) + rng.normal(0, 0.5, 160), 1, 5)
        clusters = [str(i // 4) for i in range(160)]
        mean = estimate_of(Mean(), values, clusters, SCALE)
        hits["mean"] += mean.low <= 3 <= mean.high
        share = estimate_of(Share(3), values, clusters, SCALE)
        hits["share"] += share.low <= 0.5 <= share.high
    assert all(0.92 <= count / 400 <= 0.98 for count in hits.values()), hits
