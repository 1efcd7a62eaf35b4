import numpy as np
import pytest
from scipy import stats

from harness.statistics import Contrast, Limits, Reduction, Scale, imputed
from harness.statistics.pooling import Pool, pooled_difference
from harness.types import Direction, Metric

LOGIT = Metric(-50.0, 50.0, Direction.HIGHER)
NAN = np.nan


def censored(random, scenarios=70, share=0.08, effects=(0.3, 0.0), slope_sd=0.3):
    """Logits of three people in each scenario, 15 questions each, the farthest a bound alone."""
    people = np.tile(np.repeat(["m", "f", "n"], 15), scenarios)
    scenario = np.repeat(np.arange(scenarios), 45)
    values = random.normal(0, 1.5, scenarios)[scenario] + random.normal(0, 0.5, len(people))
    for person, effect in zip("fn", effects, strict=True):
        slopes = random.normal(effect, slope_sd, scenarios)
        values += slopes[scenario] * (people == person)
    bound = np.quantile(np.abs(values), 1 - share)
    values, limits = at_most(values, bound)
    return values, limits, {"g": people.tolist()}, scenario


def at_most(values, bound):
    """What lies beyond a bound on either side is known to, and no more."""
    beyond = np.abs(values) > bound
    low = np.where(beyond & (values > 0), bound, NAN)[:, None]
    high = np.where(beyond & (values < 0), -bound, NAN)[:, None]
    return np.where(beyond, NAN, values)[:, None], Limits(low, high)


def test_leaving_bounds_out_shrinks_what_their_imputation_gives_back():
    found = {"imputed": [], "left out": []}
    for seed in range(4):
        values, limits, facts, scenario = censored(np.random.default_rng(seed), effects=(1.0, 0.0))
        for name, of in (("imputed", limits), ("left out", None)):
            row = Contrast("g", "m").compare(values, facts, scenario, LOGIT, of)["f"]
            found[name].append(row.estimate)
    assert np.mean(found["imputed"]) == pytest.approx(1.0, abs=0.06)
    assert np.mean(found["left out"]) < np.mean(found["imputed"]) - 0.03


def test_draws_lie_within_their_ends_and_what_is_known_stays():
    values, limits, facts, scenario = censored(np.random.default_rng(1), scenarios=10)
    limits.at_least[5], limits.at_most[5], values[5] = 0.25, 0.26, NAN
    values[6], limits.at_least[6], limits.at_most[6] = NAN, NAN, NAN  # of which nothing is known
    draws = imputed(values, limits, facts["g"], scenario, LOGIT)
    low, high = limits.filled(LOGIT)
    bounded = limits.of(values)
    assert len(draws) == 20
    for draw in draws:
        assert (draw[bounded] >= low[bounded]).all()
        assert (draw[bounded] <= high[bounded]).all()
        assert np.isnan(draw[6])
        known = ~np.isnan(values)
        assert (draw[known] == values[known]).all()
    assert len({float(draw[bounded].sum()) for draw in draws}) == 20


def test_without_other_facts_draws_are_those_of_a_truncated_normal():
    # One group, one scenario, far more known than not: the model is all but known.
    random = np.random.default_rng(0)
    values, limits = at_most(random.normal(0, 1, 4000), 1.5)
    draws = imputed(values, limits, ["a"] * 4000, np.arange(4000) % 40, LOGIT)
    above = ~np.isnan(limits.at_least)
    expected = stats.truncnorm(1.5, np.inf).mean()
    assert np.mean([draw[above].mean() for draw in draws]) == pytest.approx(expected, abs=0.03)


def test_the_order_of_rows_is_nothing():
    values, limits, facts, scenario = censored(np.random.default_rng(2), scenarios=8)
    there = Contrast("g", "m").compare(values, facts, scenario, LOGIT, limits)["f"]
    order = np.random.default_rng(3).permutation(len(values))
    shuffled = Limits(limits.at_least[order], limits.at_most[order])
    of = {"g": [facts["g"][at] for at in order]}
    back = Contrast("g", "m").compare(values[order], of, scenario[order], LOGIT, shuffled)["f"]
    assert back.estimate == pytest.approx(there.estimate)
    assert back.stderr == pytest.approx(there.stderr)


def test_the_ends_of_a_contrast_reach_from_the_bound_on():
    values = np.array([[0.0], [NAN], [1.0], [2.0]])
    limits = Limits(np.array([[NAN], [4.0], [NAN], [NAN]]), np.full((4, 1), NAN))
    metric, facts = Metric(-10, 10, Direction.HIGHER), {"g": ["m", "f"] * 2}
    row = Contrast("g", "m").compare(values, facts, [0, 0, 1, 1], metric, limits)["f"]
    assert (row.best, row.worst) == ((4 + 1) / 2, (10 + 1) / 2)
    assert (row.n, row.n_failed) == (4, 0)


def test_where_most_is_a_bound_there_is_no_estimate_but_its_ends():
    values = np.array([[NAN], [NAN], [NAN], [2.0]])
    limits = Limits(np.array([[1.0], [4.0], [1.0], [NAN]]), np.full((4, 1), NAN))
    facts = {"g": ["m", "f"] * 2}
    row = Contrast("g", "m").compare(values, facts, [0, 0, 1, 1], LOGIT, limits)["f"]
    assert (row.estimate, row.low, row.n_scored) == (None, None, 1)
    assert row.worst is not None


def test_a_reduction_carries_bounds_too():
    random, scenarios = np.random.default_rng(4), 60
    people = np.tile(["m", "f"], 2 * scenarios)
    prompts = np.tile(np.repeat(["plain", "law"], 2), scenarios)
    scenario = np.repeat(np.arange(scenarios), 4)
    gap = np.where(prompts == "plain", 1.0, 0.25) * (people == "f")
    values = random.normal(0, 1.5, scenarios)[scenario] + gap + random.normal(0, 0.1, len(people))
    values, limits = at_most(values, 2.4)
    facts = {"g": people.tolist(), "prompt": prompts.tolist()}
    reduction = Reduction("g", "m", "prompt", "plain")
    row = reduction.compare(values, facts, scenario, LOGIT, limits)["law, f"]
    assert row.low < 0.75 < row.high
    assert row.n_failed == 0


def test_pooling_is_rubin_s():
    # Within 1, between 2 (1 + 1/5) x the variance .5: by hand.
    means = np.array([1.0, 2.0, 2.0, 3.0, 2.0])
    pool = Pool.of(means, np.full(5, 1.0), 20)
    assert pool.mean == 2.0
    assert pool.stderr**2 == pytest.approx(1 + 1.2 * 0.5)
    lost = 0.6 / 1.6
    left = 21 / 23 * 20 * (1 - lost)  # Barnard and Rubin (1999)
    assert pool.freedom == pytest.approx(1 / (lost**2 / 4 + 1 / left))


def test_imputations_that_are_all_alike_are_student_s_t():
    differences = np.random.default_rng(0).normal(0.2, 1, 12)
    tested = pooled_difference(np.tile(differences, (20, 1)), Scale(0.5, 4.0, bounded=False))
    expected = stats.ttest_1samp(differences, 0.0, alternative="greater")
    assert tested.p_worse == pytest.approx(expected.pvalue)
    assert tested.clusters == 12
