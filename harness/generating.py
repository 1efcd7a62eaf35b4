"""Asks the model for the answers that are not stored, a window of samples at a time."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from harness.gathered import Gathered
from harness.plan import Plan
from harness.scoring import Overlap, Progress
from harness.stored import Answer, StoredGenerations
from harness.types import HarnessError, Request, Sample

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
    started, tokens, count = time.monotonic(), 0, 0
    todo = generations.todo(plan.retry_failed)
    if todo.any():
        with (
            progress("generating", int(todo.sum())) as advance,
            overlap,
            Gathered(generations.append, GENERATIONS_WAIT) as gathered,
        ):
            for first, window in generations.samples.windows():
                lacking = todo[first : first + len(window)].tolist()
                for answers in _answers(plan, first, window, lacking):
                    gathered.add(answers)
                    overlap.offer(answers)
                    tokens += sum(answer.generation.tokens for answer in answers)
                    count += len(answers)
                    advance(len(answers))
    generations.check_complete()
    return {"generations": count, "tokens": tokens, "seconds": round(time.monotonic() - started, 2)}


def _answers(
    plan: Plan, first: int, window: Sequence[Sample], lacking: Sequence[Sequence[bool]]
) -> Iterator[list[Answer]]:
    """What the model answers of what is lacking in a window whose first sample has this number."""
    wanted: Wanted = {}
    requests = []
    for place, (sample, lacks) in enumerate(zip(window, lacking, strict=True), first):
        indices = tuple(index for index, missing in enumerate(lacks) if missing)
        if indices:
            request = Request(sample.id, sample.prompt, indices, sample.choices)
            requests.append(plan.mitigation.apply(request) if plan.mitigation else request)
        for index in indices:
            wanted[sample.id, index] = place * plan.generation.n + index, sample
    if not requests:
        return
    for finished in plan.model.generate(requests, plan.generation, plan.seed):
        answers = []
        for generation in finished:
            found = wanted.pop((generation.sample_id, generation.index), None)
            if found is None:
                raise HarnessError(
                    f"the model answered index {generation.index} of sample "
                    f"{generation.sample_id!r}, which it was not asked, or not again"
                )
            answers.append(Answer.of(*found, generation))
        yield answers
