"""Which option was chosen, of those samples of a task that have options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.scorers.rules.choice import FLOOR, ChoiceScorer
from harness.types import Direction, Generation, Metric, Sample, Score

ASKED = "choice_asked"
ELSEWHERE = "the sample has no options"


class ChoiceWhereScorer(ChoiceScorer):
    """Gives the metrics of `choice` for samples whose metadata `options` is above 0.

    `choice_asked`: 1 where the sample has options, 0 where it has none: the other metrics are then
    missing, and nothing has failed. For tasks that ask with options and without.

    >>> question = Sample("1", "Why?", metadata={"options": 0})
    >>> (scores,) = ChoiceWhereScorer().score([question], [Generation("1", 0, "It is late.")])
    >>> scores[0].value, scores[-1].metric, scores[-1].value
    (None, 'choice_asked', 0.0)

    Args:
        floor: share of the probability that the letters hold at least, 0 to 1; 0: none.
    """

    metrics: Mapping[str, Metric] = {
        **ChoiceScorer.metrics,
        ASKED: Metric(low=0.0, high=1.0, better=Direction.HIGHER),
    }
    nothing_where = ASKED

    def __init__(self, floor: float = FLOOR) -> None:
        super().__init__(floor)

    @property
    def identity(self) -> Mapping[str, str]:
        """That of `choice`, and that it knows samples without options."""
        return {**super().identity, "scorer": "choice_where"}

    def score(
        self, samples: Sequence[Sample], generations: Sequence[Generation]
    ) -> list[list[Score]]:
        """Read every choice where there is one to make."""
        rows = super().score(samples, generations)
        return [
            self._row(sample, generation, row)
            for sample, generation, row in zip(samples, generations, rows, strict=True)
        ]

    def _row(self, sample: Sample, generation: Generation, row: list[Score]) -> list[Score]:
        scores = [score for score in row if score.metric != ASKED]
        if generation.choice_logprobs is None and not (generation.text or "").strip():
            return [*scores, Score.missing(ASKED, "empty answer")]
        if sample.metadata.get("options") == 0:
            scores = [Score.missing(score.metric, ELSEWHERE) for score in scores]
            return [*scores, Score(ASKED, 0.0)]
        return [*scores, Score(ASKED, 1.0)]
