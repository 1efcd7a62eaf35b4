"""Asks the model for the answers that are not stored, a window of samples at a time."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from harness.gathered import Gathered
from harness.plan import Plan
from harness.scoring import Overlap, Progress
from harness.stored import Answer, StoredGenerations
from harness.text import cut_at
from harness.types import Generation, HarnessError, Mitigation, Request, Sample

GENERATIONS_WAIT = 1.0
"""Seconds that answers may wait to be stored together."""

Wanted = dict[tuple[str, int], tuple[int, Sample]]
"""By sample id and index: the generation's number, and its sample."""


def generate(
    plan: Plan, generations: StoredGenerations, overlap: Overlap, progress: Progress
) -> dict[str, float]:
    """Ask for what is not stored, store it as it comes, and hand it to the scorers that overlap.

    Raises:
        HarnessError: the model left something unanswered, or answered what it was not asked.
    """
    started, tokens, count, alone = time.monotonic(), 0, 0, 0
    todo = generations.todo(plan.retry_failed)
    if todo.any():
        with (
            progress("generating", int(todo.sum())) as advance,
            overlap,
            Gathered(generations.append, GENERATIONS_WAIT) as gathered,
        ):
            for first, window in generations.samples.windows():
                lacking = todo[first : first + len(window)].tolist()
                for answers, ends in _answers(plan, first, window, lacking):
                    alone += ends
                    gathered.add(answers)
                    overlap.offer(answers)
                    tokens += sum(answer.generation.tokens for answer in answers)
                    count += len(answers)
                    advance(len(answers))
    generations.check_complete()
    spent = {"seconds": round(time.monotonic() - started, 2)}
    told = {"thinking_ended_alone": alone} if alone else {}
    return {"generations": count, "tokens": tokens} | spent | told


def _answers(
    plan: Plan, first: int, window: Sequence[Sample], lacking: Sequence[Sequence[bool]]
) -> Iterator[tuple[list[Answer], int]]:
    """What the model answers of what is lacking in a window whose first sample has this number.

    With it comes how many of the answers ended a thought that none of them began.
    """
    wanted: Wanted = {}
    requests: list[Request] = []
    for place, (sample, lacks) in enumerate(zip(window, lacking, strict=True), first):
        indices = tuple(index for index, missing in enumerate(lacks) if missing)
        if indices:
            requests += requests_of(sample, indices, plan.mitigation)
        for index in indices:
            wanted[sample.id, index] = place * plan.generation.n + index, sample
    if not requests:
        return
    joined = Joined({sample.id: sample for _, sample in wanted.values() if sample.leads})
    for finished in plan.model.generate(requests, plan.generation, plan.seed):
        answers, alone = [], 0
        for whole in joined.take(finished):
            given = stopped(whole, plan.generation.stop)
            generation = plan.thinking.part(given)
            if generation is not given:
                alone += plan.thinking.ended_alone(given, generation)
            found = wanted.pop((generation.sample_id, generation.index), None)
            if found is None:
                raise HarnessError(
                    f"the model answered index {generation.index} of sample "
                    f"{generation.sample_id!r}, which it was not asked, or not again"
                )
            answers.append(Answer.of(*found, generation))
        yield answers, alone


def requests_of(
    sample: Sample, indices: tuple[int, ...], mitigation: Mitigation | None
) -> list[Request]:
    """The sample as it is asked: one request, or one for each text that its choices continue."""
    asked = _plainly(sample, indices)
    return [mitigation.apply(request) for request in asked] if mitigation else asked


def stopped(generation: Generation, stops: Sequence[str]) -> Generation:
    """The generation without the first stop string and what follows it.

    Some servers hand on the whole token that a stop string ended in, or more. What was cut here has
    come to its stop, whatever the backend says of the end; a filter's end stays one.
    """
    if not stops or generation.text is None:
        return generation
    text = cut_at(generation.text, stops)
    if text == generation.text:
        return generation
    if generation.finish_reason == "filtered":
        return replace(generation, text=text)
    return replace(generation, text=text, finish_reason="stop")


def _plainly(sample: Sample, indices: tuple[int, ...]) -> list[Request]:
    if not sample.leads:
        return [
            Request(sample.id, sample.prompt, indices, sample.choices, encoded_as=sample.encoded_as)
        ]
    return [
        Request(
            _part(sample, number),
            lead,
            indices,
            tuple(c for c, own in zip(sample.choices, sample.leads, strict=True) if own == lead),
            encoded_as=sample.encoded_as,
        )
        for number, lead in enumerate(dict.fromkeys(sample.leads))
    ]


def _part(sample: Sample, number: int) -> str:
    return f"{sample.id}\x1f{number}"


class Joined:
    """Puts together again what was asked in parts because its choices continue different texts.

    Args:
        samples: by id, those that have leads.
    """

    def __init__(self, samples: Mapping[str, Sample]) -> None:
        self._sample = {
            _part(sample, number): (sample, lead)
            for sample in samples.values()
            for number, lead in enumerate(dict.fromkeys(sample.leads))
        }
        self._parts: dict[tuple[str, int], dict[str, Generation]] = {}

    def take(self, generations: Iterable[Generation]) -> Iterator[Generation]:
        """What is whole, or needs no joining."""
        for generation in generations:
            known = self._sample.get(generation.sample_id)
            if known is None:
                yield generation
                continue
            sample, lead = known
            key = sample.id, generation.index
            parts = self._parts.setdefault(key, {})
            parts[lead] = generation
            if len(parts) == len(set(sample.leads)):
                yield _join(sample, self._parts.pop(key), generation.index)


def _join(sample: Sample, parts: Mapping[str, Generation], index: int) -> Generation:
    """One generation of all choices, in the sample's order; failed where one part is."""
    for part in parts.values():
        if part.choice_logprobs is None:
            return Generation.failed(sample.id, index, part.error or "its choices were not weighed")
    weights = {lead: iter(part.choice_logprobs or ()) for lead, part in parts.items()}
    known = all(part.choice_greedy is not None for part in parts.values())
    greedy = {lead: iter(part.choice_greedy or ()) for lead, part in parts.items()}
    return Generation(
        sample.id, index, None, "choices",
        sum(part.prompt_tokens for part in parts.values()),
        sum(part.tokens for part in parts.values()),
        tuple(next(weights[lead]) for lead in sample.leads),
        choice_greedy=tuple(next(greedy[lead]) for lead in sample.leads) if known else None,
    )  # fmt: skip
