"""What several tests of tasks need."""

import math
from functools import partial

import pyarrow.parquet as pq
import pytest

from harness.runs.flow import run
from harness.runs.plan import Plan
from harness.types.records import Generation
from harness.types.registry import ScorerRegistry
from harness.types.settings import GenerationConfig


@pytest.fixture
def own_tasks_alone(monkeypatch):
    """lm-eval reads a test's own tasks and none of its thousands, which would take it seconds."""
    from lm_eval.tasks import TaskManager

    alone = partial(TaskManager, include_defaults=False)
    monkeypatch.setattr("lm_eval.tasks.TaskManager", alone)


class Answerer:
    """Answers each sample as a function of it says: a text, or the letter that it is sure of."""

    weighs_choices = True
    device_used = None

    def __init__(self, task, answer):
        self.name = "answerer"
        self.identity = {"backend": "answerer"}
        self.samples = {sample.id: sample for sample in task.samples(task.records())}
        self.answer = answer

    def generate(self, requests, generation, seed):
        for request in requests:
            answer = self.answer(self.samples[request.sample_id])
            yield [self._made(request, index, answer) for index in request.indices]

    def _made(self, request, index, answer):
        if not request.choices:
            return Generation(request.sample_id, index, answer)
        sure, rest = 0.97, 0.02 / (len(request.choices) - 1)
        weights = tuple(
            math.log(sure if choice.strip() == answer else rest) for choice in request.choices
        )
        return Generation(
            request.sample_id, index, finish_reason="choices", choice_logprobs=weights
        )


@pytest.fixture
def estimates_of(tmp_path, no_progress):
    """The estimates of a task whose samples a function answers, by name, statistic and group."""

    def run_it(task, scorers, answer, n=1):
        plan = Plan(
            task=task, model=Answerer(task, answer), scorers=ScorerRegistry(scorers),
            generation=GenerationConfig(n=n, temperature=float(n > 1)), protocol="fast", seed=0,
            results=tmp_path / f"{len(list(tmp_path.iterdir()))}", options={},
        )  # fmt: skip
        folder = run(plan, no_progress).folder
        rows = pq.read_table(folder / "estimates.parquet").to_pylist()
        return {(row["name"], row["statistic"], row["group"]): row for row in rows}

    return run_it
