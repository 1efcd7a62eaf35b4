import numpy as np
import pytest
from scipy import stats

from harness.statistics.ranks import rank_ranges
from harness.statistics.seeds import combine
from harness.types.measures import Direction, Estimate

NORMAL = stats.norm.ppf(0.975)


def known(value, error, worst=None, best=None, failed=0):
    ends = (value - NORMAL * error, value + NORMAL * error)
    worst, best = (value if end is None else end for end in (worst, best))
    return Estimate(value, error, *ends, worst, best, 100, 100 - failed, failed, 50)


LOST = Estimate(None, None, None, None, 5.0, 1.0, 100, 0, 100, 0)


def test_clear_differences_give_one_rank_each_and_unclear_ones_a_range():
    models = [known(2.0, 0.1), known(1.0, 0.1), known(1.05, 0.1)]
    assert rank_ranges(models, Direction.LOWER) == [(3, 3), (1, 2), (1, 2)]
    assert rank_ranges(models, Direction.HIGHER) == [(1, 1), (2, 3), (2, 3)]
    assert rank_ranges([known(1.0, 0.1)], Direction.LOWER) == [(1, 1)]
    assert rank_ranges([], Direction.LOWER) == []


def test_the_nearer_to_zero_ranks_higher_whatever_its_sign():
    models = [known(-2.0, 0.1), known(0.1, 0.1), known(1.0, 0.1)]
    assert rank_ranges(models, Direction.ZERO) == [(3, 3), (1, 1), (2, 2)]


def test_more_models_need_a_larger_difference():
    """Of two, 2.1 standard errors are enough; among 20 models they are not."""
    two = [known(0.0, 1 / np.sqrt(2)), known(2.1, 1 / np.sqrt(2))]
    assert rank_ranges(two, Direction.LOWER) == [(1, 1), (2, 2)]
    many = two + [known(1.0, 1 / np.sqrt(2))] * 18
    assert rank_ranges(many, Direction.LOWER) == [(1, 20)] * 20


def test_what_is_missing_makes_no_model_better():
    lost_much = known(1.0, 0.01, worst=3.0, failed=40)
    assert rank_ranges([lost_much, known(2.0, 0.01)], Direction.LOWER) == [(1, 2), (1, 2)]
    assert rank_ranges([lost_much, known(3.5, 0.01)], Direction.LOWER) == [(1, 1), (2, 2)]
    assert rank_ranges([LOST, known(2.0, 0.01)], Direction.LOWER) == [(1, 2), (1, 2)]


def test_ends_of_an_interval_count_on_the_side_where_they_matter():
    """Wilson's interval of 0 of 100 goes up to .037 although its standard error is 0."""
    none = Estimate(0.0, 0.0, 0.0, 0.037, 0.0, 0.0, 100, 100, 0, 100)
    few = known(0.03, 0.01)
    assert rank_ranges([none, few], Direction.LOWER) == [(1, 2), (1, 2)]
    assert rank_ranges([none, known(0.2, 0.01)], Direction.LOWER) == [(1, 1), (2, 2)]


def test_the_true_ranks_are_within_the_ranges_at_least_95_times_in_100():
    draw = np.random.default_rng(5)
    truth = np.array([0.0, 0.0, 0.3, 0.3, 1.0, 2.0])
    ranks = [(1 + (truth < t).sum(), (truth <= t).sum()) for t in truth]
    held = 0
    for _ in range(400):
        found = rank_ranges([known(v, 0.2) for v in draw.normal(truth, 0.2)], Direction.LOWER)
        held += all(
            low <= b and high >= a for (low, high), (b, a) in zip(found, ranks, strict=True)
        )
    assert held >= 380


def test_what_has_no_good_end_has_no_ranks():
    with pytest.raises(ValueError, match="no ranks"):
        rank_ranges([known(1.0, 0.1)], Direction.NEITHER)


def test_seeds_are_combined_by_hand():
    """Errors .3 and .3, estimates 1.0 and 1.2: .09 - .02 / 2 = .08."""
    one = combine([known(1.0, 0.3), known(1.2, 0.3)])
    assert one.estimate == pytest.approx(1.1)
    assert one.stderr == pytest.approx(np.sqrt(0.08))
    assert one.high - one.estimate == pytest.approx(NORMAL * np.sqrt(0.08))
    assert (one.n, one.n_scored, one.clusters) == (200, 200, 50)
    far = combine([known(0.0, 0.1), known(2.0, 0.1)])
    assert far.stderr == pytest.approx(1.0)


def test_the_same_answers_twice_say_nothing_more_than_once():
    once = known(1.0, 0.3)
    twice = combine([once, once])
    assert (twice.estimate, twice.stderr) == (1.0, pytest.approx(0.3))
    assert combine([once]) is once


def test_a_run_without_an_estimate_leaves_none():
    one = combine([known(2.0, 0.1), LOST])
    assert (one.estimate, one.low, one.high) == (None, None, None)
    assert (one.worst, one.n_failed) == (3.5, 100)


@pytest.mark.parametrize(("prompts", "answers"), [(0.05, 0.4), (0.4, 0.4), (0.4, 0.05)])
def test_the_interval_of_the_mean_holds_the_truth(prompts, answers):
    """Prompts drawn once for all seeds, answers drawn anew by each."""
    draw, held, samples, seeds = np.random.default_rng(8), 0, 150, 4
    for _ in range(400):
        of_prompt = draw.normal(0, prompts, samples)
        runs = []
        for _ in range(seeds):
            values = of_prompt + draw.normal(0, answers, samples)
            runs.append(known(values.mean(), values.std(ddof=1) / np.sqrt(samples)))
        one = combine(runs)
        held += one.low <= 0 <= one.high
    assert held >= 0.92 * 400


def test_an_interval_of_several_seeds_stays_in_the_range():
    runs = [Estimate(v, 0.01, max(0.0, v - 0.02), v + 0.02, v, v, 50, 50, 0, 50) for v in (0, 0.2)]
    assert combine(runs).low < 0
    found = combine(runs, (0.0, 1.0))
    assert (found.low, found.high) == (0.0, combine(runs).high)


def test_few_clusters_take_students_t_beyond_the_interval():
    """Three standard errors apart: sure by the normal, not with two degrees of freedom."""
    error = 0.1
    width = stats.t.ppf(0.975, 2) * error

    def model(value, clusters, reach):
        ends = (value - reach, value + reach, value, value)
        return Estimate(value, error, *ends, 60, 60, 0, clusters)

    apart = 3 * error * 2**0.5
    few = [model(0.0, 3, width), model(apart, 3, width)]
    assert rank_ranges(few, Direction.LOWER) == [(1, 2), (1, 2)]
    many = [model(0.0, 60, 1.96 * error), model(apart, 60, 1.96 * error)]
    assert rank_ranges(many, Direction.LOWER) == [(1, 1), (2, 2)]
