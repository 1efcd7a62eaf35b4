import itertools
import math
from functools import cache

import numpy as np
import pytest
from scipy import stats
from statsmodels.formula.api import mixedlm

from harness.statistics.arrays import Limits
from harness.statistics.contrasts import Contrast, Reduction
from harness.statistics.correlation import Correlation
from harness.statistics.gaps import LargestGap
from harness.statistics.mixed_model import MixedModel
from harness.types.measures import Direction, Metric

LOGIT = Metric(-50.0, 50.0, Direction.HIGHER)
NAN = float("nan")
RACES = ("white", "Black", "Asian", "Hispanic", "Native American")
GENDERS = ("male", "female", "non-binary")
AGES = tuple(range(20, 101, 10))


def compare(statistic, values, facts, clusters, metric=LOGIT):
    values = np.array(values, dtype=float)
    values = values[:, None] if values.ndim == 1 else values
    return statistic.compare(values, facts, np.array(clusters), metric)


def test_a_contrast_of_hand_worked_values():
    # Three scenarios; B lies 1, 2 and 3 above A in them.
    values = [0, 1, 5, 7, -2, 1]
    facts = {"race": ["A", "B"] * 3}
    row = compare(Contrast("race", "A"), values, facts, [0, 0, 1, 1, 2, 2])["B"]
    assert row.estimate == 2
    assert row.stderr == pytest.approx(1 / math.sqrt(3))
    assert row.high == pytest.approx(2 + stats.t.ppf(0.975, 2) / math.sqrt(3))
    assert (row.n, row.n_scored, row.n_failed, row.clusters) == (6, 6, 0, 3)
    assert (row.worst, row.best) == (2, 2)


def test_a_contrast_is_the_paired_t_test_of_scenarios():
    random = np.random.default_rng(0)
    before, after = random.normal(0, 3, 12), random.normal(0.5, 3, 12)
    values = np.stack([before, after], axis=1).ravel()
    row = compare(Contrast("g", "m"), values, {"g": ["m", "f"] * 12}, np.repeat(np.arange(12), 2))[
        "f"
    ]
    expected = stats.ttest_rel(after, before).confidence_interval()
    assert (row.low, row.high) == pytest.approx((expected.low, expected.high))


def test_what_is_missing_leaves_the_pair_and_opens_the_bounds():
    values = [0, 1, 5, NAN, -2, 1]
    facts = {"race": ["A", "B"] * 3}
    row = compare(
        Contrast("race", "A"), values, facts, [0, 0, 1, 1, 2, 2], Metric(-10, 10, Direction.HIGHER)
    )["B"]
    assert row.estimate == 2
    assert (row.n, row.n_scored, row.n_failed, row.clusters) == (6, 5, 1, 2)
    # B of the second scenario could be -10 or 10: (1 - 15 + 3) / 3 or (1 + 5 + 3) / 3.
    assert (row.worst, row.best) == pytest.approx((-11 / 3, 0.0))


def test_without_its_reference_there_is_no_contrast_and_that_is_said():
    row = compare(Contrast("race", "white"), [1, 2], {"race": ["A", "B"]}, [0, 0])["A"]
    assert (row.estimate, row.n) == (None, 0)


@cache
def grid(scenarios):
    """Of every cell its facts and its scenario."""
    cells = list(itertools.product(range(scenarios), AGES, GENDERS, RACES))
    scenario, *columns = zip(*cells, strict=True)
    facts = dict(zip(("age", "gender", "race"), map(list, columns), strict=True))
    return facts, np.array(scenario), {name: np.array(column) for name, column in facts.items()}


def world(random, scenarios, effects, noise=0.5, slope_sd=0.3):
    """Logits of a full grid with planted effects, and slopes that vary by scenario."""
    facts, scenario, columns = grid(scenarios)
    ages = (columns["age"] - columns["age"].mean()) / columns["age"].std(ddof=1)
    values = random.normal(0, 1.5, scenarios)[scenario] + random.normal(0, noise, len(scenario))
    values += random.normal(effects["age"], slope_sd, scenarios)[scenario] * ages
    for factor in ("gender", "race"):
        for level in dict.fromkeys(facts[factor]):
            if level in effects:
                slope = random.normal(effects[level], slope_sd, scenarios)[scenario]
                values += slope * (columns[factor] == level)
    return values, facts, scenario


PLANTED = {"age": -0.2, "female": 0.3, "non-binary": 0.0, "Black": 0.5, "Asian": 0.1}


@pytest.mark.long
def test_planted_effects_lie_in_their_intervals_as_often_as_they_claim():
    random = np.random.default_rng(7)
    inside = []
    for _ in range(200):
        values, facts, scenario = world(random, 70, PLANTED)
        for factor, reference in (("gender", "male"), ("race", "white")):
            rows = compare(Contrast(factor, reference), values, facts, scenario)
            inside += [
                row.low <= PLANTED[level] <= row.high
                for level, row in rows.items()
                if level in PLANTED
            ]
    assert 0.93 <= np.mean(inside) <= 0.97


def bounded(random, share, scenarios, kind):
    """A world in which the surest decisions have a bound alone."""
    values, facts, scenario = world(random, scenarios, PLANTED)
    if kind == "uneven noise":
        values += random.normal(0, 1, len(values)) * random.gamma(2, 0.3, scenarios)[scenario]
    bound = np.full(len(values), np.quantile(np.abs(values), 1 - share))
    if kind == "bounds vary":
        bound += random.normal(0, 0.4, len(values))
    beyond = np.abs(values) > bound
    low, high = beyond & (values > 0), beyond & (values < 0)
    limits = Limits(np.where(low, bound, NAN)[:, None], np.where(high, -bound, NAN)[:, None])
    return values, np.where(beyond, NAN, values), limits, facts, scenario


@pytest.mark.slow
@pytest.mark.parametrize(
    ("share", "scenarios", "kind", "runs"),
    [
        (0.08, 70, "", 150),
        (0.08, 20, "", 150),
        (0.08, 70, "uneven noise", 80),
        (0.08, 70, "bounds vary", 80),
        (0.16, 70, "", 60),
    ],
)
def test_planted_effects_come_back_where_the_surest_cells_are_bounds(share, scenarios, kind, runs):
    random, inside = np.random.default_rng(7), {"imputed": [], "left out": [], "all known": []}
    for _ in range(runs):
        whole, left, limits, facts, scenario = bounded(random, share, scenarios, kind)
        for factor, reference in (("gender", "male"), ("race", "white")):
            contrast = Contrast(factor, reference)
            for name, values, of in (
                ("imputed", left, limits), ("left out", left, None), ("all known", whole, None),
            ):  # fmt: skip
                rows = contrast.compare(values[:, None], facts, scenario, LOGIT, of)
                inside[name] += [
                    row.low <= PLANTED[level] <= row.high
                    for level, row in rows.items()
                    if level in PLANTED
                ]
    shares = {name: np.mean(of) for name, of in inside.items()}
    if not kind and share == 0.08:
        assert 0.93 <= shares["imputed"] <= 0.97, shares
    assert abs(shares["imputed"] - shares["all known"]) < 0.025, shares
    assert shares["left out"] < shares["imputed"] - 0.015, shares


@pytest.mark.slow
def test_the_mixed_model_s_intervals_hold_planted_effects_as_often_as_they_claim():
    random = np.random.default_rng(11)
    model = MixedModel("age", (("gender", "male"), ("race", "white")))
    inside, done = [], []
    for _ in range(16):
        values, facts, scenario = world(random, 40, PLANTED)
        rows = compare(model, values, facts, scenario)
        done.append(rows["converged"].estimate)
        inside += [
            rows[name].low <= PLANTED[level] <= rows[name].high
            for name, level in [("age, per sd", "age"), *((x, x) for x in list(PLANTED)[1:])]
            if rows[name].low is not None  # a fit that has not converged claims no interval
        ]
    assert np.mean(done) >= 0.8
    assert all(rows[name].low is None for name in rows) or done[-1]
    assert 0.85 <= np.mean(inside) <= 1  # of 80; the contrasts' test above is the sharp one


@pytest.mark.long
def test_the_mixed_model_is_that_of_the_formula_and_agrees_with_the_contrasts():
    import pandas as pd

    values, facts, scenario = world(np.random.default_rng(3), 16, PLANTED)
    rows = compare(
        MixedModel("age", (("gender", "male"), ("race", "white"))), values, facts, scenario
    )
    assert rows["converged"].estimate == 1
    frame = pd.DataFrame(facts | {"y": values, "s": scenario})
    frame["z"] = (frame.age - frame.age.mean()) / frame.age.std()
    formula = "z + C(gender, Treatment('male')) + C(race, Treatment('white'))"
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = mixedlm(f"y ~ {formula}", frame, groups="s", re_formula=f"~ {formula}").fit(
            reml=True, method="lbfgs", maxiter=200
        )
    black = "C(race, Treatment('white'))[T.Black]"
    assert rows["Black"].estimate == pytest.approx(fit.params[black], abs=1e-4)
    assert rows["Black"].stderr == pytest.approx(fit.bse[black], rel=0.1)
    contrast = compare(Contrast("race", "white"), values, facts, scenario)["Black"]
    assert rows["Black"].estimate == pytest.approx(contrast.estimate, abs=1e-3)


@pytest.mark.long
def test_effects_that_are_small_beside_what_scenarios_differ_by_are_fitted_to_the_end():
    # From its own start the optimiser stops here at twice the standard errors.
    values, facts, scenario = world(
        np.random.default_rng(5), 24, {"age": 0.005, "female": -0.02, "Black": 0.004}, 0.02, 0.01
    )
    rows = compare(
        MixedModel("age", (("gender", "male"), ("race", "white"))), values, facts, scenario
    )
    for factor, reference, level in (("gender", "male", "female"), ("race", "white", "Black")):
        contrast = compare(Contrast(factor, reference), values, facts, scenario)[level]
        assert rows[level].estimate == pytest.approx(contrast.estimate, abs=1e-4)
        assert rows[level].stderr == pytest.approx(contrast.stderr, rel=0.05)


def test_a_grid_with_one_level_has_no_model():
    rows = compare(
        MixedModel("age", (("race", "white"),)),
        np.arange(9.0),
        {"age": [60] * 9, "race": ["white"] * 9},
        np.arange(9),
    )
    assert rows["converged"].estimate is None


def test_as_few_scenarios_as_effects_have_no_model():
    model = MixedModel("age", (("gender", "male"), ("race", "white")))
    values, facts, scenario = world(np.random.default_rng(1), 8, PLANTED)
    rows = compare(model, values, facts, scenario)
    assert rows["Black"].estimate is None
    assert rows["converged"].n == len(values)


def treated(random, shrink):
    """Logits of two races in 30 scenarios, untreated and treated."""
    base, gap = random.normal(0, 2, 30), random.normal(0.8, 0.2, 30)
    rows, facts, clusters = [], {"race": [], "intervention": [], "age": []}, []
    for s, intervention, race in itertools.product(range(30), ("none", "law"), ("white", "Black")):
        size = gap[s] * (shrink if intervention == "law" else 1)
        rows.append(base[s] + (size if race == "Black" else 0) + random.normal(0, 0.05))
        facts["race"].append(race)
        facts["intervention"].append(intervention)
        facts["age"].append(60)
        clusters.append(s)
    return rows, facts, clusters


def test_a_reduction_is_how_much_nearer_to_zero_a_contrast_comes():
    found = Reduction("race", "white", "intervention", "none")
    row = compare(found, *treated(np.random.default_rng(0), 0.25))["law, Black"]
    assert row.estimate == pytest.approx(0.6, abs=0.1)
    assert row.low < row.estimate < row.high
    # Turned over, the contrast is as far from zero as it was.
    over = compare(found, *treated(np.random.default_rng(0), -1.0))["law, Black"]
    assert over.estimate == pytest.approx(0, abs=0.1)
    assert over.low < 0 < over.high


def test_a_correlation_pairs_the_same_cells():
    found = Correlation("intervention", "none", ("race", "age"))
    values, facts, clusters = treated(np.random.default_rng(0), 0.25)
    row = compare(found, values, facts, clusters)["law"]
    pairs = {}
    for value, race, kind, s in zip(
        values, facts["race"], facts["intervention"], clusters, strict=True
    ):
        pairs.setdefault((s, race), {})[kind] = value
    expected = stats.pearsonr(*zip(*((p["none"], p["law"]) for p in pairs.values()), strict=True))
    assert row.estimate == pytest.approx(expected.statistic)
    assert row.low < row.estimate < row.high < 1
    shuffled = np.random.default_rng(1).permutation(len(values))
    again = compare(
        found,
        np.array(values)[shuffled],
        {k: [v[i] for i in shuffled] for k, v in facts.items()},
        np.array(clusters)[shuffled],
    )["law"]
    assert again.estimate == pytest.approx(row.estimate)


@pytest.mark.long
def test_the_largest_of_many_equal_groups_is_no_gap_once_it_is_taken_again():
    random = np.random.default_rng(3)
    rate = Metric(0.0, 1.0, Direction.LOWER)
    naive, corrected, inside = [], [], []
    for _ in range(40):
        values = random.normal(0.5, 0.1, 40 * 30).clip(0, 1)
        facts = {"entity": [f"e{i % 40}" for i in range(40 * 30)]}
        clusters = np.repeat(np.arange(30), 40)
        rows = compare(LargestGap("entity"), values, facts, clusters, rate)
        naive.append(rows["as it stands"].estimate)
        corrected.append(rows["re-estimated"].estimate)
        inside.append(rows["re-estimated"].low <= 0 <= rows["re-estimated"].high)
    assert np.mean(naive) > 0.06  # though no group differs
    assert abs(np.mean(corrected)) < 0.01
    assert np.mean(inside) > 0.9


def test_a_true_gap_is_found_again():
    random = np.random.default_rng(3)
    groups = [f"e{i % 10}" for i in range(10 * 40)]
    values = random.normal(0.3, 0.1, 400) + 0.3 * (np.array(groups) == "e4")
    rows = compare(
        LargestGap("e"), values.clip(0, 1), {"e": groups}, np.repeat(np.arange(40), 10),
        Metric(0.0, 1.0, Direction.LOWER),
    )  # fmt: skip
    assert rows["re-estimated"].low < 0.3 < rows["re-estimated"].high
    assert rows["re-estimated"].low > 0.2


def test_a_fit_that_breaks_down_has_no_rows_and_did_not_converge():
    random = np.random.default_rng(2)
    facts = {
        "race": [["white", "Black"][i] for i in random.integers(0, 2, 40)],
        "age": random.integers(20, 80, 40).tolist(),
    }
    alike = np.full((40, 1), 0.5)  # a model that says the same of everybody
    rows = MixedModel("age", (("race", "white"),)).compare(
        alike, facts, random.integers(0, 6, 40), Metric(0.0, 1.0, Direction.LOWER)
    )
    assert rows["converged"].estimate == 0
    assert rows["Black"].estimate is None
    assert rows["Black"].n_scored == 40
