"""What a mitigation notes of each answer, as a scorer and estimates of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.statistics import Mean
from harness.types import (
    Estimand,
    Generation,
    Metric,
    Mitigation,
    Sample,
    Score,
    ScorerRegistry,
    trait,
)

NAME = "mitigation"
"""Of the scorer, in tables."""


class Noted:
    """Gives what a mitigation noted of each answer: whether it was replaced, how many calls."""

    device = None
    exact = True

    def __init__(self, metrics: Mapping[str, Metric]) -> None:
        self.metrics = metrics

    @property
    def identity(self) -> Mapping[str, str]:
        """The names of what is noted."""
        return {"scorer": NAME, "version": "1", "notes": ", ".join(self.metrics)}

    def score(
        self, samples: Sequence[Sample], generations: Sequence[Generation]
    ) -> list[list[Score]]:
        """What stands with each generation; what does not is missing."""
        return [[self._score(g, metric) for metric in self.metrics] for g in generations]

    def _score(self, generation: Generation, metric: str) -> Score:
        value = (generation.noted or {}).get(metric)
        if value is None:
            return Score.missing(metric, "the mitigation noted nothing of it")
        return Score(metric, value)


def with_reports(scorers: ScorerRegistry, mitigation: Mitigation | None) -> ScorerRegistry:
    """The scorers, and that of what the mitigation reports.

    Raises:
        HarnessError: a scorer gives a metric of the same name.
    """
    reports = {} if mitigation is None else dict(trait(mitigation, "reports"))
    if not reports or NAME in scorers:
        return scorers
    return ScorerRegistry({**scorers, NAME: Noted(reports)}, scorers.span)


def reported(mitigation: Mitigation | None) -> tuple[Estimand, ...]:
    """Of each number that a mitigation reports its mean."""
    reports = {} if mitigation is None else trait(mitigation, "reports")
    return tuple(Estimand(name.replace("_", " "), name, Mean()) for name in reports)
