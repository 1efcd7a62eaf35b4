"""Asks the model for the answers that are not stored, a window of samples at a time."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from harness.runs.dialogues import Ask, Dialogues
from harness.runs.index import Answer, StoredGenerations
from harness.runs.plan import Plan
from harness.runs.requests import Joined, requests_of, stopped
from harness.runs.scoring import Overlap, Progress
from harness.store import Gathered
from harness.types import Generation, HarnessError, Request, Sample

GENERATIONS_WAIT = 1.0
"""Seconds that answers may wait to be stored together."""

Awaited = dict[tuple[str, int], tuple[int, Sample]]
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
    dialogues = Dialogues(generations, plan.person, plan.seed)
    if todo.any():
        with (
            progress("generating", int(todo.sum())) as advance,
            overlap,
            Gathered(generations.append, GENERATIONS_WAIT) as gathered,
        ):
            for first, window in generations.samples.windows():
                lacking = todo[first : first + len(window)].tolist()
                turns = dialogues.turns(first, window, lacking)
                for answers, ends in _turn_by_turn(plan, dialogues, turns):
                    alone += ends
                    gathered.add(answers)
                    overlap.offer(answers)
                    tokens += sum(answer.generation.tokens for answer in answers)
                    count += len(answers)
                    advance(len(answers))
    generations.check_complete()
    spent = {"seconds": round(time.monotonic() - started, 2)}
    thoughts = {"thinking_ended_alone": alone} if alone else {}
    return {"generations": count, "tokens": tokens} | spent | thoughts


def _turn_by_turn(
    plan: Plan, dialogues: Dialogues, turns: Iterable[tuple[Sequence[Ask], Sequence[Answer]]]
) -> Iterator[tuple[list[Answer], int]]:
    """What is answered at each turn of all open dialogues, before the next turn is made of it."""
    for asks, lost in turns:
        if lost:
            yield list(lost), 0
        for answers, alone in _answers(plan, asks) if asks else ():
            dialogues.note(answers)
            yield answers, alone


def _answers(plan: Plan, asks: Sequence[Ask]) -> Iterator[tuple[list[Answer], int]]:
    """What the model answers.

    With it comes how many of the answers ended a thought that none of them began.
    """
    awaited: Awaited = {}
    requests: list[Request] = []
    for ask in asks:
        requests += requests_of(ask.sample, ask.indices, plan.mitigation, ask.open)
        for index in ask.indices:
            awaited[ask.sample.id, index] = ask.first + index, ask.sample
    joined = Joined({sample.id: sample for _, sample in awaited.values() if sample.leads})
    for finished in plan.asked_model.generate(requests, plan.generation, plan.seed):
        answers, alone = [], 0
        for whole in joined.take(finished):
            cut = stopped(whole, plan.generation.stop)
            generation = plan.thinking.part(cut)
            if generation is not cut:
                alone += plan.thinking.ended_alone(cut, generation)
            asked = awaited.pop((generation.sample_id, generation.index), None)
            if asked is None:
                raise HarnessError(
                    f"the model answered index {generation.index} of sample "
                    f"{generation.sample_id!r}, which it was not asked, or not again"
                )
            answers.append(Answer.of(*asked, _with_language(generation)))
        yield answers, alone


def _with_language(generation: Generation) -> Generation:
    """The answer with the language that it is in."""
    if not generation.text or generation.text.isspace():
        return generation
    from harness.models.languages import language_of

    language, confidence, _ = language_of(generation.text)
    return replace(generation, language=language, language_confidence=confidence)
