"""What several tests of tasks need."""

import math
from functools import partial

import pyarrow.parquet as pq
import pytest

from harness.command import configured, make
from harness.runs.flow import run
from harness.runs.plan import Plan
from harness.types import Generation, GenerationConfig, Scorer, ScorerRegistry, Task


@pytest.fixture
def own_tasks_alone(monkeypatch):
    """lm-eval reads a test's own tasks and none of its thousands, which would take it seconds."""
    from lm_eval.tasks import TaskManager

    alone = partial(TaskManager, include_defaults=False)
    monkeypatch.setattr("lm_eval.tasks.TaskManager", alone)


class Answerer:
    """A model that answers each sample of a task by a rule: a text, or a choice or its number."""

    weighs_choices = True
    device = device_used = None

    def __init__(self, samples, rule):
        self.name = "answerer"
        self.samples = {sample.id: sample for sample in samples}
        self.rule = rule
        self.identity = {"rule": repr(id(rule))}

    def generate(self, requests, generation, seed):
        for request in requests:
            yield [self._answer(request, index) for index in request.indices]

    def _answer(self, request, index):
        said = self.rule(self.samples[request.sample_id])
        if not request.choices:
            return Generation(request.sample_id, index, said)
        rest = 0.1 / (len(request.choices) - 1)
        weights = [
            math.log(0.9 if said in (place, choice.strip()) else rest)
            for place, choice in enumerate(request.choices)
        ]
        return Generation(
            request.sample_id, index, finish_reason="choices", choice_logprobs=tuple(weights)
        )


@pytest.fixture
def estimates_of(tmp_path, no_progress):
    """The estimates of a task whose samples a function answers, by name, statistic and group."""

    def run_it(task, scorers, answer, n=1):
        plan = Plan(
            task=task, model=Answerer(task.samples(task.records()), answer),
            scorers=ScorerRegistry(scorers),
            generation=GenerationConfig(n=n, temperature=float(n > 1)), protocol="fast", seed=0,
            results=tmp_path / f"{len(list(tmp_path.iterdir()))}", options={},
        )  # fmt: skip
        folder = run(plan, no_progress).folder
        rows = pq.read_table(folder / "estimates.parquet").to_pylist()
        return {(row["name"], row["statistic"], row["group"]): row for row in rows}

    return run_it


@pytest.fixture
def answered(tmp_path, no_progress):
    """The estimates of a task by name and group, of answers by a rule."""

    def answer(name, rule, scorers=None, **options):
        cfg = configured(name)
        for option, value in options.items():
            cfg.task[option] = value
        task = make("task", cfg.task, Task)
        chosen = scorers or {
            key: make(f"scorers.{key}", node, Scorer) for key, node in cfg.scorers.items()
        }
        plan = Plan(
            task=task,
            model=Answerer(task.samples(task.records()), rule),
            scorers=ScorerRegistry(chosen),
            generation=GenerationConfig(max_new_tokens=8),
            protocol="fast",
            seed=0,
            results=tmp_path / str(len(list(tmp_path.iterdir()))),
            options={},
        )
        result = run(plan, no_progress)
        answer.unmeasured = result.info["unmeasured"]
        rows = result.estimates.to_pylist()
        return {(row["name"], row["group"]): row for row in rows}

    return answer
