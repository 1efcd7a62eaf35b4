"""Whether an answer is in the language in which it was asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.models.languages import identity, language_of
from harness.types import Direction, Generation, Metric, Sample, Score, asked, name_of


class LanguageScorer:
    """Gives `answered_in_language`: 1 where an answer is in the language of its request, else 0.

    The request's language is the sample's column `language`, where its task has one, or told from
    its text. Where either is too short or not sure, there is no score.
    """

    metrics: Mapping[str, Metric] = {
        "answered_in_language": Metric(low=0.0, high=1.0, better=Direction.HIGHER),
    }
    rubrics: Mapping[str, str] = {
        "answered_in_language": "Is the answer in the language in which it was asked?",
    }
    device = None
    asides = ("answered_in_language",)

    @property
    def identity(self) -> Mapping[str, str]:
        """The version of the reading, and the identifier."""
        return {"scorer": "language", "version": "1", "told_by": identity()}

    def score(
        self, samples: Sequence[Sample], generations: Sequence[Generation]
    ) -> list[list[Score]]:
        """Compare the language of every answer with that of its request."""
        return [[_score(s, g)] for s, g in zip(samples, generations, strict=True)]


def _score(sample: Sample, generation: Generation) -> Score:
    """The score of one answer."""
    metric = "answered_in_language"
    if not (generation.text or "").strip():
        return Score.missing(metric, "empty answer")
    answer = language_of(generation.text or "")
    if answer.language is None:
        return Score.missing(metric, answer.reason or "")
    stated = sample.metadata.get("language")
    wanted = str(stated) if stated else None
    if wanted is None:
        request = language_of(asked(sample.prompt))
        if request.language is None:
            return Score.missing(metric, f"of its request: {request.reason}")
        wanted = request.language
    explanation = f"{name_of(answer.language)}, asked in {name_of(wanted)}"
    return Score(metric, float(answer.language == wanted), explanation=explanation)
