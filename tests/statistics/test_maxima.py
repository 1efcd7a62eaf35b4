import itertools
import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.statistics.curves import CurveOfMaxima
from harness.statistics.maxima import AnyAbove, ExpectedMaximum
from harness.statistics.spread import SpreadOfMaxima
from harness.types.errors import HarnessError
from harness.types.measures import Direction, Metric

TOXICITY = Metric(0.0, 1.0, Direction.LOWER)
NAN = float("nan")


def estimate_of(statistic, table, clusters=None):
    """Of a table with a row a sample."""
    table = np.array(table, dtype=float)
    samples = np.repeat(np.arange(len(table)), table.shape[1])
    units = samples if clusters is None else np.repeat(clusters, table.shape[1])
    return statistic.estimate(table.ravel(), samples, units, TOXICITY)


def test_the_maximum_of_all_generations_is_the_plain_one():
    estimate = estimate_of(ExpectedMaximum(3), [[0.1, 0.7, 0.2], [0.3, 0.1, 0.2]])
    assert estimate.estimate == pytest.approx((0.7 + 0.3) / 2)
    assert (estimate.n, estimate.n_scored, estimate.clusters) == (6, 6, 2)


@given(
    st.lists(st.floats(0, 1, width=32), min_size=2, max_size=7),
    st.integers(1, 7),
)
def test_the_closed_form_is_the_mean_over_all_draws(values, k):
    k = min(k, len(values))
    draws = list(itertools.combinations(values, k))
    expected = sum(map(max, draws)) / len(draws)
    assert estimate_of(ExpectedMaximum(k), [values]).estimate == pytest.approx(expected, abs=1e-9)
    reached = sum(max(draw) >= 0.5 for draw in draws) / len(draws)
    found = estimate_of(AnyAbove(k, 0.5), [values]).estimate
    assert found == pytest.approx(reached, abs=1e-9)


def test_the_closed_form_of_many_values_is_that_of_few():
    values = np.random.default_rng(0).random(201)
    for k in (1, 25, 200):
        exact = sum(
            v * (math.comb(i, k) - math.comb(i - 1, k)) / math.comb(201, k)
            for i, v in enumerate(np.sort(values), 1)
        )
        found = estimate_of(ExpectedMaximum(k), [values]).estimate
        assert found == pytest.approx(exact, rel=1e-9)


def test_an_interval_is_over_samples_and_not_over_generations():
    rows = [[0.0, 0.2], [0.0, 0.4], [0.0, 0.6], [0.0, 0.8]]
    estimate = estimate_of(ExpectedMaximum(2), rows)
    assert estimate.stderr == pytest.approx(np.std([0.2, 0.4, 0.6, 0.8], ddof=1) / 2)
    assert estimate_of(ExpectedMaximum(2), [row * 1 for row in rows]).clusters == 4


def test_above_or_equal_is_a_choice():
    rows = [[0.5, 0.1], [0.1, 0.2]]
    assert estimate_of(AnyAbove(2, 0.5), rows).estimate == 0.5
    assert estimate_of(AnyAbove(2, 0.5, strict=True), rows).estimate == 0.0
    assert AnyAbove(2, 0.5).name != AnyAbove(2, 0.5, strict=True).name


def test_missing_scores_are_skipped_or_drop_their_sample_and_open_the_bounds():
    rows = [[0.1, NAN], [0.4, 0.2], [NAN, NAN]]
    skip = estimate_of(ExpectedMaximum(2), rows)
    assert skip.estimate == pytest.approx((0.1 + 0.4) / 2)
    assert (skip.worst, skip.best) == pytest.approx(((1 + 0.4 + 1) / 3, (0.1 + 0.4 + 0) / 3))
    assert (skip.n, skip.n_scored, skip.n_failed) == (6, 3, 3)
    drop = estimate_of(ExpectedMaximum(2, "drop"), rows)
    assert drop.estimate == pytest.approx(0.4)
    assert (drop.worst, drop.best) == (skip.worst, skip.best)
    nothing = estimate_of(AnyAbove(2, 0.5), [[NAN, NAN]])
    assert (nothing.estimate, nothing.worst, nothing.best) == (None, 1.0, 0.0)


def test_the_published_generations_give_the_published_numbers(shared_data):
    path = shared_data / "real_toxicity_prompts" / "gpt2_40prompts_x25generations.jsonl"
    records = [json.loads(line) for line in path.read_text().splitlines()]
    scores = [[g["toxicity"] for g in record["generations"]] for record in records]
    table = np.array([[NAN if s is None else s for s in row] for row in scores], dtype=float)
    expected = estimate_of(ExpectedMaximum(25), table)
    assert expected.estimate == pytest.approx(0.3699836975, abs=1e-10)
    assert (expected.n, expected.n_scored, expected.n_failed) == (1000, 997, 3)
    assert estimate_of(AnyAbove(25, 0.5), table).estimate == 0.275
    spread = estimate_of(SpreadOfMaxima(25), table)
    assert spread.estimate == pytest.approx(pd.DataFrame(scores).max(axis=1).std(), abs=1e-12)
    assert spread.best <= spread.estimate <= spread.worst
    # A standard deviation across prompts is no standard error of the mean.
    assert expected.stderr == pytest.approx(0.1825055869 / math.sqrt(40), rel=1e-6)


def test_the_spread_is_that_of_pandas_and_its_bounds_hold_whatever_was_missing():
    random = np.random.default_rng(3)
    table = random.random((12, 3))
    whole = estimate_of(SpreadOfMaxima(3), table)
    assert whole.estimate == pytest.approx(pd.Series(table.max(axis=1)).std())
    assert whole.worst == pytest.approx(whole.best) == pytest.approx(whole.estimate)
    holed = table.copy()
    holed[[0, 3, 5, 5], [1, 2, 0, 1]] = NAN
    bounded = estimate_of(SpreadOfMaxima(3), holed)
    for _ in range(500):
        guesses = random.choice([0, 1, random.random()], table.shape)
        filled = np.where(np.isnan(holed), guesses, holed)
        spread = filled.max(axis=1).std(ddof=1)
        assert bounded.best - 1e-6 <= spread <= bounded.worst + 1e-9


def test_the_interval_of_a_spread_covers_it():
    random = np.random.default_rng(5)
    truth = 1 / math.sqrt(12)
    covered = 0
    for _ in range(400):
        estimate = estimate_of(SpreadOfMaxima(1), random.random((200, 1)))
        covered += estimate.low <= truth <= estimate.high
    assert 0.92 <= covered / 400 <= 0.98


def test_a_curve_has_a_row_for_each_number_of_generations_that_there_is():
    table = np.random.default_rng(0).random((40, 5))
    rows = CurveOfMaxima((1, 2, 5, 10)).compare(table, {}, np.arange(40), TOXICITY)
    assert list(rows) == ["1", "2", "5"]
    assert rows["1"].estimate == pytest.approx(table.mean())
    assert rows["5"].estimate == pytest.approx(table.max(axis=1).mean())
    pooled = CurveOfMaxima((1, 10, 50, 300), pooled=True).compare(
        table, {}, np.arange(40), TOXICITY
    )
    assert list(pooled) == ["1", "10", "50"]
    assert pooled["10"].low < pooled["10"].estimate < pooled["10"].high
    assert pooled["50"].low is None  # more than a tenth of the generations
    assert pooled["1"].estimate < pooled["10"].estimate < pooled["50"].estimate


def test_the_pooled_curve_is_that_of_the_paper_s_thousand_draws():
    values = np.random.default_rng(1).beta(1, 4, 1000)
    rows = CurveOfMaxima((25,), pooled=True).compare(values[:, None], {}, np.arange(1000), TOXICITY)
    random = np.random.default_rng(2)
    drawn = [random.choice(values, 25, replace=False).max() for _ in range(4000)]
    error = np.std(drawn) / math.sqrt(len(drawn))
    assert rows["25"].estimate == pytest.approx(np.mean(drawn), abs=4 * error)


@pytest.mark.parametrize(("k", "missing"), [(0, "skip"), (5, "zero")])
def test_what_means_nothing_is_refused(k, missing):
    with pytest.raises(HarnessError):
        ExpectedMaximum(k, missing)
