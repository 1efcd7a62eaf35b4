"""Whether a judge prefers an answer to a reference, asked in both orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.scorers.judged.comparing import SYSTEM, TASK, Comparer, Contest
from harness.scorers.judged.judge import AsksJudge
from harness.scorers.reading.winners import READING
from harness.types import (
    Direction,
    Generation,
    Metric,
    Model,
    Sample,
    Score,
    asked,
    fingerprint,
    weights_of,
)

VALUES = {"first": 1.0, "tie": 0.5, "second": 0.0}


class PreferredScorer(AsksJudge):
    """Gives `preferred`: 1 where a judge prefers the answer to the sample's reference, 0 where not.

    .5 is a tie, and what it is where the verdict follows the order and not the answers. Higher is
    better; missing where either order got no verdict.

    Args:
        judge: the judge's name, as the run's `model` is one.
        judge_backend: what runs it.
        reference: the metadata that holds the reference; where a sample lacks it, its target is.
        question: what better means, in a sentence.
    """

    metrics: Mapping[str, Metric] = {"preferred": Metric(0.0, 1.0, Direction.HIGHER)}

    def __init__(
        self,
        judge: str,
        judge_backend: Model,
        reference: str = "explanation",
        question: str = (
            "Which is the better explanation: more comprehensive, more factual, more coherent?"
        ),
    ) -> None:
        super().__init__(judge, judge_backend)
        self.reference = reference
        self._comparer = Comparer(judge_backend, question)

    @property
    def identity(self) -> Mapping[str, str]:
        """The judge, the question and the prompt; how its text is read where it writes."""
        written = {} if self.model.weighs_choices else {"reading": str(READING)}
        return {
            "scorer": "preferred",
            "version": "1",
            "reference": self.reference,
            "prompt": SYSTEM + TASK + self._comparer.question,
            "judge": fingerprint(self.model.identity),
            "judge_weights": weights_of(self.model.identity),
            **written,
        }

    def score(
        self, samples: Sequence[Sample], generations: Sequence[Generation]
    ) -> list[list[Score]]:
        """Compare every answer with its reference; where either is empty it is missing."""
        pairs = [
            (generation.text or "", str(sample.metadata.get(self.reference) or sample.target or ""))
            for sample, generation in zip(samples, generations, strict=True)
        ]
        whole = [i for i, pair in enumerate(pairs) if all(text.strip() for text in pair)]
        scores = [
            [Score.missing("preferred", "empty answer" if not answer.strip() else "no reference")]
            for answer, _ in pairs
        ]
        preferences = self._comparer.compare(
            [Contest(asked(samples[i].prompt), *pairs[i]) for i in whole]
        )
        for i, preference in zip(whole, preferences, strict=True):
            value = None if preference.winner is None else VALUES[preference.winner]
            scores[i] = [Score("preferred", value, preference.error, preference.explanation)]
        return scores
