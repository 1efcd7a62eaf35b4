"""What a plan asks is found out once, and is the same for a forecast as for the run."""

from collections import Counter
from dataclasses import replace

import pytest

from harness.models.echo import EchoModel
from harness.runs import Plan, run
from harness.runs.asked import Asked
from harness.runs.forecasting import forecast
from harness.scorers.rules.refusal import RefusalScorer
from harness.statistics import Mean
from harness.types import (
    Estimand,
    GenerationConfig,
    HarnessError,
    Records,
    Sample,
    ScorerRegistry,
)


class Letters:
    """Three samples; counts how often its data is read."""

    name = "letters"
    version = "1"
    estimands = (Estimand("refused", "refusal", Mean()),)

    def __init__(self):
        self.calls = Counter()

    def records(self):
        self.calls["records"] += 1
        return Records("given", [{}])

    def samples(self, records):
        return (Sample(letter, f"say {letter}") for letter in "abc")


@pytest.fixture
def plan(tmp_path):
    return Plan(
        task=Letters(),
        model=EchoModel(),
        scorers=ScorerRegistry({"refusal": RefusalScorer()}),
        generation=GenerationConfig(),
        protocol="fast",
        seed=0,
        results=tmp_path,
        options={},
    )


def test_a_run_and_its_forecast_are_of_one_question(plan, no_progress):
    asked = Asked.of(plan)
    assert forecast(plan).samples == len(asked.samples) == 3
    result = run(plan, no_progress)
    assert result.folder == asked.folder
    assert {key: result.info[key] for key in asked.description} == dict(asked.description)
    row = result.estimates.to_pylist()[0]
    assert {key: row[key] for key in asked.keys} == dict(asked.keys)
    assert row["validity"] == asked.sources["refusal"].validity
    assert forecast(plan).stored == 3


def test_data_is_read_once_a_run(plan, no_progress):
    run(plan, no_progress)
    assert plan.task.calls["records"] == 1


def test_what_a_run_refuses_its_forecast_refuses_too(plan, no_progress):
    plan.task.estimands = (Estimand("hostile", "toxicity", Mean()),)
    for carry_out in (forecast, lambda plan: run(plan, no_progress)):
        with pytest.raises(HarnessError, match="give none of the metrics of task 'letters'"):
            carry_out(replace(plan))
