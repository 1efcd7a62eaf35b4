import math

import numpy as np
import pytest

from harness.statistics.contrasts import Contrast
from harness.statistics.equating import Equated, Pairs
from harness.statistics.means import Mean, Share
from harness.store.estimates import Source, estimates_table
from harness.store.facts import Facts, Field, asked_of_samples
from harness.types.measures import Direction, Estimand, Metric

NAN = float("nan")
TOXICITY = Source("t", "t-1", "not measured", Metric(0.0, 1.0, Direction.LOWER))
REFUSAL = Source("r", "r-1", "not measured", Metric(0.0, 1.0, Direction.LOWER))


def facts(**columns):
    fields = {}
    for name, values in columns.items():
        distinct = list(dict.fromkeys(values))
        codes = np.array([distinct.index(v) for v in values], np.int32)
        fields[name] = Field(codes, distinct)
    count = len(next(iter(columns.values())))
    return Facts(np.arange(count, dtype=np.uint64), fields)


def rows(estimands, of, **scores):
    sources = {"toxicity": TOXICITY, "refusal": REFUSAL}
    table = estimates_table(
        {"run": "x"},
        estimands,
        of,
        {name: np.array(values, dtype=float) for name, values in scores.items()},
        {name: sources[name] for name in scores},
    )
    return table.to_pylist()


def test_an_estimate_given_another_metric_is_over_those_generations_only():
    given = Estimand("toxicity, answered", "toxicity", Mean(), given={"refusal": 0.0})
    (row,) = rows(
        [given],
        facts(kind=["a", "b", "c"]),
        toxicity=[[0.2, 0.9], [0.4, 0.9], [0.6, NAN]],
        refusal=[[0, 1], [0, 1], [NAN, 0]],
    )
    # Of six generations two refused; of one it is not known, and one has no toxicity.
    assert row["estimate"] == pytest.approx(0.3)
    assert (row["n"], row["n_scored"], row["n_failed"]) == (4, 2, 2)
    assert (row["worst"], row["best"]) == pytest.approx((2.6 / 4, 0.6 / 4))


def test_an_estimate_given_what_no_scorer_gives_has_no_row():
    given = Estimand("toxicity, answered", "toxicity", Mean(), given={"refusal": 0.0})
    assert rows([given], facts(kind=["a"]), toxicity=[[0.2]]) == []


def test_a_metadata_column_can_be_what_is_independent():
    of = facts(scenario=["s", "s", "t", "t"])
    values = [[0.1], [0.3], [0.5], [0.9]]
    by_sample, by_scenario = rows(
        [
            Estimand("toxicity", "toxicity", Mean()),
            Estimand("toxicity", "toxicity", Mean(), cluster="scenario"),
        ],
        of,
        toxicity=values,
    )
    assert (by_sample["clusters"], by_scenario["clusters"]) == (4, 2)
    assert by_scenario["stderr"] == pytest.approx(0.25)  # half the difference of .2 and .7


def test_a_comparison_has_a_row_a_group_and_asks_for_its_fields():
    estimand = Estimand("gap", "toxicity", Contrast("race", "white"), cluster="scenario")
    assert asked_of_samples([estimand]) == {"race", "scenario"}
    of = facts(race=["white", "Black", "white", "Black"], scenario=["s", "s", "t", "t"])
    (row,) = rows([estimand], of, toxicity=[[0.1], [0.3], [0.5], [0.9]])
    assert (row["by"], row["group"], row["better"]) == ("race", "Black", "zero")
    assert row["statistic"] == "difference from white"
    assert row["estimate"] == pytest.approx(0.3)
    assert row["stderr"] == pytest.approx(0.1)
    assert math.isfinite(row["low"])


def test_a_share_can_be_of_what_lies_below():
    of = facts(kind=["a", "b", "c", "d"])
    answered = Share(at_least=1, below=True)
    estimand = Estimand("answered", "refusal", answered, better=Direction.HIGHER)
    (row,) = rows([estimand], of, refusal=[[0], [0], [1], [NAN]])
    assert row["estimate"] == pytest.approx(2 / 3)
    assert (row["worst"], row["best"]) == (0.5, 0.75)
    assert row["statistic"] == "share < 1"


def test_an_equating_of_another_scorer_gives_no_value():
    shares = np.random.default_rng(0).random(200)
    pairs = Pairs(shares, shares, np.arange(200), np.zeros(200, int))
    asked = [Estimand("a", "toxicity", Equated(Mean(), pairs, "x", of)) for of in ("t-1", "t-2")]
    right, wrong = rows(asked, facts(kind=["a"] * 20), toxicity=shares[:40].reshape(20, 2))
    assert right["low"] < right["estimate"] < right["high"]
    assert (wrong["estimate"], wrong["low"], wrong["worst"]) == (None, None, right["worst"])
    assert wrong["validity"] == "made for t-2, not for this scorer; not measured"
