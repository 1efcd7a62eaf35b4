"""The scorer `imported`: what the tool that wrote a log made of its answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.bridges.files.stored import Imported
from harness.bridges.logs.log import SECONDS
from harness.types import Generation, Metric, Sample, Score


class ImportedScorer:
    """Gives the scores that stand in a log; computes none.

    Args:
        log: that was read.
    """

    device = None

    def __init__(self, log: Imported) -> None:
        self.log = log
        scores = {name: metric for name, metric in log.metrics.items() if name != SECONDS}
        asides = {name: metric for name, metric in log.metrics.items() if name == SECONDS}
        self.metrics: Mapping[str, Metric] = {**scores, **asides}
        self.asides = tuple(asides)

    @property
    def identity(self) -> Mapping[str, str]:
        """The tool, its version and its task: nothing is known of how it scored."""
        return {"scorer": "imported", "tool": self.log.tool, "tool_version": self.log.version,
                "task": self.log.task, "version": "1"}  # fmt: skip

    def score(
        self, samples: Sequence[Sample], generations: Sequence[Generation]
    ) -> list[list[Score]]:
        """Look each score up; where the log has none, it is missing."""
        known = self.log.scores
        return [
            [
                of_answer.get(metric)
                or Score.missing(metric, f"{self.log.tool} has no {metric} of this answer")
                for metric in self.metrics
            ]
            for generation in generations
            for of_answer in [known.get((generation.sample_id, generation.index), {})]
        ]
