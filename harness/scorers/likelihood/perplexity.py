"""How likely what was written is to a model that reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.scorers.likelihood.text_likelihood import LOSS, per_token
from harness.types import (
    Generation,
    GenerationConfig,
    HarnessError,
    Metric,
    Model,
    Request,
    Sample,
    Score,
    fingerprint,
    notes_of,
    trait,
    weights_of,
)


class PerplexityScorer:
    """Gives `answer_nll`, the mean negative log-likelihood of an answer's token, in nats.

    A reader that no mitigation acts on weighs each answer as what follows its prompt, as the task
    asks it. exp of it is the answer's perplexity; lower is more fluent to the reader, and repeating
    oneself is the most fluent of all, so read it beside distinct n-grams.

    Args:
        reader: the reader's name, as the run's `model` is one.
        reader_backend: what runs it; it must weigh choices.
    """

    metrics: Mapping[str, Metric] = {"answer_nll": LOSS}
    exact = True

    def __init__(self, reader: str, reader_backend: Model) -> None:
        if not reader_backend.weighs_choices:
            raise HarnessError(
                f"scorers.perplexity.reader={reader!r}: {type(reader_backend).__name__} gives no "
                "log-probabilities of texts; choose a backend that does, as hf"
            )
        self.reader = reader
        self.model = reader_backend

    @property
    def identity(self) -> Mapping[str, str]:
        """The reader, by the fingerprint that a run's own model has too."""
        return {
            "scorer": "perplexity",
            "version": "1",
            "reader": fingerprint(self.model.identity),
            "reader_weights": weights_of(self.model.identity),
        }

    @property
    def notes(self) -> Sequence[str]:
        """What the reader's backend found out, each note naming it."""
        return [f"reader {self.model.name!r}: {note}" for note in notes_of(self.model)]

    @property
    def device(self) -> str | None:
        """Where the reader runs, or is to run where it has not been loaded."""
        used: str | None = trait(self.model, "device_used")
        return trait(self.model, "device") if used is None else used

    def score(
        self, samples: Sequence[Sample], generations: Sequence[Generation]
    ) -> list[list[Score]]:
        """Have every answer weighed; an empty one is missing."""
        requests = [
            Request(str(number), sample.prompt, choices=(generation.text,))
            for number, (sample, generation) in enumerate(zip(samples, generations, strict=True))
            if generation.text and generation.text.strip()
        ]
        scores = [[Score.missing("answer_nll", "empty answer")] for _ in generations]
        if requests:
            for finished in self.model.generate(requests, GenerationConfig(max_new_tokens=1), 0):
                for weighed in finished:
                    scores[int(weighed.sample_id)] = [per_token("answer_nll", weighed)]
        return scores
