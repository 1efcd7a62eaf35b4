"""A score with a bound alone, from the scorer through run, tables and gate."""

from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pyarrow.parquet as pq
import pytest

from harness.models.echo import EchoModel
from harness.regression.gate import compare
from harness.regression.verdict import Verdict
from harness.runs.asked import Asked
from harness.runs.flow import run
from harness.runs.plan import Plan
from harness.runs.shown import shown_of
from harness.statistics import Contrast, Mean
from harness.store import FinishedRun
from harness.types import (
    Direction,
    Estimand,
    GenerationConfig,
    Metric,
    Records,
    Sample,
    Score,
    ScorerRegistry,
)

PEOPLE = ("x", "y")
SCENARIOS = 40


class Decisions:
    """Forty scenarios, each with three questions about both people."""

    name = "decisions"
    version = "1"
    estimands = (
        Estimand("gap", "logit", Contrast("person", "x"), better=Direction.ZERO, margin=0.5),
        Estimand("mean", "logit", Mean()),
    )

    def records(self):
        return Records("starter", [{"scenario": n} for n in range(SCENARIOS)])

    def samples(self, records):
        for row in records.rows:
            for place, person in enumerate(PEOPLE * 3):
                yield Sample(
                    f"{row['scenario']}-{person}-{place}",
                    f"scenario {row['scenario']}",
                    cluster=f"s{row['scenario']}",
                    metadata={"person": person},
                )


class Bounded:
    """Log-odds of its own making, of which those above 3 have a bound alone."""

    metrics = MappingProxyType({"logit": Metric(-50.0, 50.0, Direction.HIGHER)})

    def __init__(self, gap, seed, bounded=True):
        self.gap, self.seed, self.bounded = gap, seed, bounded
        self.identity = {"scorer": "bounded"}

    def score(self, samples, generations):
        return [[self._of(sample)] for sample in samples]

    def _of(self, sample):
        scenario, person, place = sample.id.split("-")
        of_scenario = np.random.default_rng(int(scenario)).normal(0, 1.8)
        noise = np.random.default_rng([self.seed, int(scenario), int(place)]).normal(0, 0.3)
        value = of_scenario + noise + self.gap * (person == "y")
        if value <= 3:
            return Score("logit", float(value))
        bound = 3.0 if self.bounded else None
        return replace(Score.missing("logit", "no is not listed"), at_least=bound)


@pytest.fixture
def plan_of(tmp_path):
    def plan(name, gap, seed, bounded=True):
        return Plan(
            task=Decisions(),
            model=EchoModel(),
            scorers=ScorerRegistry({"bounded": Bounded(gap, seed, bounded)}),
            generation=GenerationConfig(temperature=1.0),
            protocol="fast",
            seed=0,
            results=tmp_path / name,
            options={},
        )

    return plan


@pytest.fixture
def made(plan_of, no_progress):
    return lambda *of, **more: run(plan_of(*of, **more), no_progress)


def test_contrasts_carry_a_bound_and_means_do_not(made):
    result = made("a", 0.8, 1)
    rows = {(row["name"], row["group"]): row for row in result.estimates.to_pylist()}
    gap, mean = rows["gap", "y"], rows["mean", None]
    assert (gap["n"], gap["n_failed"]) == (240, 0)
    assert mean["n_failed"] > 10  # to a mean they are missing, and open its ends
    assert gap["low"] < 0.8 < gap["high"]
    assert abs(gap["worst"]) > abs(gap["estimate"])  # up to the end of the scale, above 3
    table = pq.read_table(result.folder / "scores.parquet").to_pylist()
    assert {r["at_least"] for r in table if r["value"] is None} == {3.0}
    assert {r["at_least"] for r in table if r["value"] is not None} == {None}
    left_out = {r["name"]: r for r in made("b", 0.8, 1, bounded=False).estimates.to_pylist()}
    assert left_out["gap"]["n_failed"] == mean["n_failed"]
    assert left_out["gap"]["estimate"] < gap["estimate"]  # what is left out is where it is large


def test_a_bound_is_nothing_unmeasured_but_of_a_mean(made, monkeypatch):
    monkeypatch.setattr(Decisions, "estimands", Decisions.estimands[:1])
    assert made("a", 0.8, 1).info["unmeasured"] == 0.0
    assert made("b", 0.8, 1, bounded=False).info["unmeasured"] > 0.04


def test_shards_from_before_there_were_bounds_are_read(made):
    result = made("a", 0.8, 1)
    for shard in (result.folder / "scores").iterdir():
        pq.write_table(pq.read_table(shard).drop_columns(["at_least", "at_most"]), shard)
    for shard in (result.folder / "generations").iterdir():
        pq.write_table(pq.read_table(shard).drop_columns(["choice_floor"]), shard)
    (result.folder / "run.json").unlink()
    again = {row["name"]: row for row in made("a", 0.8, 1).estimates.to_pylist()}
    assert again["gap"]["n_failed"] == again["mean"]["n_failed"] > 0


def test_a_contrast_is_forecast_by_the_spread_of_an_earlier_run(made, plan_of):
    plan = plan_of("b", 0.8, 2)
    samples = Asked.of(plan).samples
    (alone,) = shown_of(plan, samples, None)
    assert (alone.name, alone.difference) == ("gap, person", None)  # log-odds have no worst
    (shown,) = shown_of(plan, samples, made("a", 0.8, 1).folder)
    # Three answers of a noise of .3 to each person of 40 scenarios, on two sides: by hand.
    expected = (1.96 + 0.84) * np.sqrt(2) * 0.3 * np.sqrt(2 / 3) / np.sqrt(40)
    assert shown.like
    assert shown.difference == pytest.approx(expected, rel=0.3)


@pytest.mark.parametrize(
    ("gap", "verdict"), [(0.2, Verdict.PASS), (1.6, Verdict.REGRESSION)], ids=["alike", "worse"]
)
def test_the_gate_carries_bounds_through(made, gap, verdict):
    runs = [
        FinishedRun.read(made(name, of, seed).folder)
        for name, of, seed in (("a", 0.2, 1), ("b", gap, 2))
    ]
    (change,) = compare(runs[:1], runs[1:], {"decisions": {"gap": 0.5}}, {}).changes
    assert change.verdict is verdict, change.reason
    assert change.missing == (0, 0)
    assert change.measured.method == "Student's t, 20 imputations, both signs"
    assert change.measured.clusters == SCENARIOS
