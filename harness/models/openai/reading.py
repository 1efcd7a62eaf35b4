"""Generations from the JSON that a server answered; of what it left out nothing is made up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf
from typing import Any

from harness.models.openai.ends import finish_of
from harness.models.openai.faults import UnansweredError, excerpt, fault_of, kind
from harness.models.openai.parts import read_content, read_message
from harness.models.openai.spellings import floor_of, weigh
from harness.types import Generation, Request, well_formed

MOST_TOKENS = 2**31 - 1


def read_all(
    answer: object, request: Request, indices: Sequence[int], top: int = 20, ends: bool = True
) -> list[Generation]:
    """One generation for each index, failed where the server gave nothing that can be read.

    Args:
        answer: the JSON of one request's answer, which holds no error object.
        request: that was asked.
        indices: that it was asked for.
        top: how many likely tokens it was asked for where choices are weighed.
        ends: every answer has to say why it ends.

    Raises:
        UnansweredError: it holds no answer at all.
    """
    choices = choices_of(answer)
    usage = answer.get("usage") if isinstance(answer, dict) else None
    placed = _placed(choices, len(indices))
    counts = _counts(usage, len(placed))
    reason = f"the server gave {len(placed)} of the {len(indices)} answers that it was asked for"
    generations = []
    for place, index in enumerate(indices):
        try:
            if place not in placed:
                raise UnansweredError(reason)
            generations.append(read(placed[place], request, index, counts, top, ends))
        except UnansweredError as why:
            generations.append(unanswered(request, index, why))
    return generations


def unanswered(request: Request, index: int, why: UnansweredError) -> Generation:
    """The generation of a request that has no answer: withheld by a filter, or failed."""
    if why.fault is not None and why.fault.withheld:
        return Generation(request.sample_id, index, "", "filtered")
    return Generation.failed(request.sample_id, index, why.reason)


def choices_of(answer: object) -> list[Any]:
    """The answers in what a server answered.

    Raises:
        UnansweredError: there are none.
    """
    if not isinstance(answer, dict):
        raise UnansweredError(
            f"the server's answer cannot be read: it is {kind(answer)}", again=True
        )
    choices = answer.get("choices")
    if not isinstance(choices, list) or not choices:
        raise UnansweredError(
            f"the server's answer cannot be read: it has no choices, {excerpt(answer)}", again=True
        )
    return choices


def read(
    choice: object,
    request: Request,
    index: int,
    counts: tuple[int, int],
    top: int = 20,
    ends: bool = True,
) -> Generation:
    """A generation from one of the answers that a server gave.

    Raises:
        UnansweredError: it is no answer.
    """
    if not isinstance(choice, dict):
        raise UnansweredError(f"the server's answer is {kind(choice)}, {excerpt(choice)}")
    message = choice.get("message")
    for holder in (choice, message):
        error = holder.get("error") if isinstance(holder, dict) else None
        if error:
            fault = fault_of(None, error if isinstance(error, dict) else {"error": excerpt(error)})
            raise UnansweredError(f"the server broke the answer off: {fault.words}", fault=fault)
    reason = choice.get("finish_reason")
    finish = finish_of(reason, ends and not request.choices)
    if request.choices:
        if finish == "filtered":
            return Generation(request.sample_id, index, "", finish, *counts)
        weights = weigh(choice.get("logprobs"), request.choices, top)
        floor = floor_of(choice.get("logprobs"), top) if -inf in weights else None
        return Generation(
            request.sample_id,
            index,
            None,
            "choices",
            *counts,
            choice_logprobs=weights,
            choice_floor=None if floor == -inf else floor,
        )
    if isinstance(request.prompt, str):
        if "text" not in choice:
            raise UnansweredError(f"the server's answer holds no text: {excerpt(choice)}")
        text, thinking = read_content(choice["text"])
    else:
        text, thinking = _message(choice)
    return Generation(
        request.sample_id,
        index,
        well_formed(text),
        finish,
        *counts,
        thinking=well_formed(thinking) or None,
    )


def _message(choice: Mapping[str, Any]) -> tuple[str, str]:
    """Text and thinking; a filter may leave no message at all."""
    message = choice.get("message")
    if message is None and finish_of(choice.get("finish_reason"), ends=False) == "filtered":
        return "", ""
    return read_message(message)


def _placed(choices: Sequence[Any], count: int) -> dict[int, Any]:
    """The answers by their place among those asked for; what bears no place has none."""
    if count == 1:
        return {0: choices[0]}
    return {
        choice["index"]: choice
        for choice in reversed(choices)
        if isinstance(choice, dict) and type(choice.get("index")) is int
    }


def _counts(usage: object, answers: int) -> tuple[int, int]:
    """Tokens of the prompt and of each answer; 0 where the server does not count."""
    if not isinstance(usage, dict):
        return 0, 0
    prompt, written = (_count(usage.get(f"{kind}_tokens")) for kind in ("prompt", "completion"))
    return prompt, written // max(answers, 1)


def _count(value: object) -> int:
    if type(value) is int and 0 <= value <= MOST_TOKENS:
        return value
    return 0
