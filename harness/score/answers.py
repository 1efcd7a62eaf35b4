"""Answers that are there already, as a task and a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isinf
from typing import Any

from harness.bridges.files.stored import Stored, to_prompt
from harness.statistics import Mean
from harness.types import (
    Estimand,
    Generation,
    GenerationConfig,
    Metadata,
    Metric,
    Records,
    Request,
    Sample,
)

TWENTIETH = 0.05


class AnswersTask:
    """Every prompt that has answers; estimates are the means of all that is scored.

    Args:
        stored: prompts with answers.
        metrics: of the scorers.
        by: a column whose values have estimates of their own, too.
    """

    name = "answers"
    version = "1"

    def __init__(self, stored: Stored, metrics: Sequence[str], by: str | None = None) -> None:
        self.stored = stored
        self.notes = stored.notes
        parts = [None] if by is None else [None, by]
        theirs = {} if stored.imported is None else stored.imported.metrics
        self.estimands: Sequence[Estimand] = tuple(
            Estimand(m, m, Mean(), by=part, margin=None if part else _margin(theirs.get(m)))
            for part in parts
            for m in metrics
        )

    def records(self) -> Records:
        """The prompts: with other answers to them it is the same question."""
        return Records(self.stored.records.name, self.stored.rows.questions())

    def samples(self, records: Records) -> Iterator[Sample]:
        """One for each prompt."""
        for row in records.rows:
            metadata: Metadata = row["metadata"]  # type: ignore[assignment]
            cluster = row["cluster"]
            yield Sample(
                str(row["id"]),
                to_prompt(row["prompt"]),
                target=row.get("target"),  # type: ignore[arg-type]
                choices=tuple(row.get("choices") or ()),  # type: ignore[arg-type]
                cluster=None if cluster is None else str(cluster),
                metadata=metadata,
            )


def _margin(metric: Metric | None) -> float | None:
    """The loss of another tool's metric that is none: a twentieth of its range, if it has one."""
    if metric is None or isinf(metric.high - metric.low):
        return None
    return TWENTIETH * (metric.high - metric.low)


@dataclass
class StoredModel:
    """Gives the answers that are stored, and asks no model."""

    stored: Stored
    weighs_choices: bool = False
    device_used: str | None = None

    @property
    def name(self) -> str:
        """Of the model that is said to have given them."""
        return self.stored.model

    @property
    def identity(self) -> Mapping[str, str]:
        """A digest of the answers."""
        return {"answers": self.stored.records.digest}

    def generate(
        self, requests: Sequence[Request], generation: GenerationConfig, seed: int
    ) -> Iterator[list[Generation]]:
        """Look each answer up."""
        for request in requests:
            answers = self.stored.rows.answers_to(request.sample_id)
            yield [
                _generation(request.sample_id, i, answers[i] if i < len(answers) else {})
                for i in request.indices
            ]


def _generation(sample_id: str, index: int, answer: Mapping[str, Any]) -> Generation:
    if answer.get("text") is None and not answer.get("choice_logprobs"):
        if answer.get("finish_reason") == "filtered":
            return Generation(sample_id, index, "", "filtered")
        return Generation.failed(sample_id, index, answer.get("error") or "no answer is stored")
    weighed = answer.get("choice_logprobs")
    return Generation(
        sample_id,
        index,
        answer["text"],
        answer.get("finish_reason", "stop"),
        answer.get("prompt_tokens", 0),
        answer.get("tokens", 0),
        tuple(weighed) if weighed else None,
        thinking=answer.get("thinking"),
    )
