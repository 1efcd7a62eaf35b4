"""What lm-eval's own `process_results` says of an answer to one of its documents."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from harness.bridges.lm_eval.aggregated import NOT_OF_IT, pack
from harness.bridges.lm_eval.documents import UNIT, Documents
from harness.bridges.lm_eval.results import is_mean
from harness.types import Direction, Generation, HarnessError, Metric, Sample, Score, Task


class LmEvalScorer:
    """Gives the metrics of a task `lm_eval`, as lm-eval computes them.

    A metric that lm-eval averages has its number as the value. Of any other the value is 1 where
    the document counts in it and 0 where not, and the explanation is what lm-eval aggregates, as
    JSON.

    Args:
        task: whose answers are scored.

    Raises:
        HarnessError: the task is not lm-eval's.
    """

    device = None
    """None: lm-eval's metrics are plain Python."""
    exact = True

    def __init__(self, task: Task) -> None:
        self.documents: Documents = getattr(task, "documents", None)  # type: ignore[assignment]
        if not isinstance(self.documents, Documents):
            raise HarnessError(
                f"scorer lm_eval scores answers to task=lm_eval, and the task is {task.name!r}"
            )

    @cached_property
    def metrics(self) -> Mapping[str, Metric]:
        """lm-eval's, with its direction."""
        return {
            name: Metric(
                *_range(metric, function), Direction.LOWER if higher is False else Direction.HIGHER
            )
            for name, (metric, _, function, higher) in self.documents.metrics.items()
        }

    @property
    def identity(self) -> Mapping[str, str]:
        """The task's version and lm-eval's."""
        task = f"{self.documents.name} {self.documents.version}"
        return {"scorer": "lm_eval", "task": task, "version": "1"}

    def score(
        self, samples: Sequence[Sample], generations: Sequence[Generation]
    ) -> list[list[Score]]:
        """Let lm-eval process every answer."""
        return [
            self._score(sample, generation)
            for sample, generation in zip(samples, generations, strict=True)
        ]

    def _score(self, sample: Sample, generation: Generation) -> list[Score]:
        results = self.documents.results(sample.id, generation)
        if isinstance(results, str):
            return [Score.missing(metric, results) for metric in self.metrics]
        return [
            _value(name, results, is_mean(function))
            for name, (_, _, function, _) in self.documents.metrics.items()
        ]


def _range(metric: str, function: Any) -> tuple[float, float]:
    if not is_mean(function):
        return 0.0, 1.0
    return (0.0, 1.0) if metric in UNIT else (-math.inf, math.inf)


def _value(name: str, results: Mapping[str, Any], averaged: bool) -> Score:
    if averaged:
        if name not in results:
            return Score.missing(name, NOT_OF_IT)
        return Score(name, float(results[name]))
    if name not in results:
        return Score(name, 0.0, explanation=NOT_OF_IT)
    return Score(name, 1.0, explanation=pack(results[name]))
