"""What a server makes of parameters that some take and ignore: n, seed, stop and logprobs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from harness.models.openai.asking import Asks
from harness.models.openai.bodies import Parameters
from harness.models.openai.faults import UnansweredError
from harness.models.openai.reading import choices_of, read
from harness.models.openai.spellings import likeliest
from harness.types import Generation, GenerationConfig, HarnessError, Message, Request

DRAW = "Write twelve random words."
DRAW_BEGUN = "Twelve random words are:"
ASK = "Explain in one sentence why the sky is blue."
ASK_BEGUN = "The sky is blue because"
VOWELS = ["a", "e", "i", "o"]
"""Strings one of which stands in nearly every answer; OpenAI takes no more than four."""
SEEDS = (101, 101, 202)
"""Of three draws: two that are to be alike, and one that is not."""
SHORT = 16
"""Tokens of a draw: so many random words are hardly written twice by chance."""
YES, UNSENT = "yes", "not sent"
IGNORED, REFUSED, UNKNOWN = "ignored", "refused", "not known"
"""How a finding begins that is none of these; the reason follows."""
ALIKE = "draws of two seeds were the same"
Answer = object | UnansweredError


async def honoured(
    asker: Asks, concurrency: int, parameters: Parameters, name: str, first: Request
) -> dict[str, str]:
    """By parameter whether a server does what it says; where it does not, how that showed.

    Each is asked by small requests of its own, so that a refusal of one says nothing of another.

    Args:
        asker: asks the server.
        concurrency: requests under way at once.
        parameters: how bodies are put together.
        name: of the model.
        first: a request of the run, whose form these have: a chat, or a text.
    """
    chat = not isinstance(first.prompt, str)
    draw, ask = (_request(*texts, chat) for texts in ((DRAW, DRAW_BEGUN), (ASK, ASK_BEGUN)))
    drawn = GenerationConfig(max_new_tokens=SHORT, temperature=1.0)
    greedy = replace(drawn, temperature=0.0)
    top = parameters.top_logprobs
    weighed = {"logprobs": True, "top_logprobs": top} if chat else {"logprobs": top}
    room = asyncio.Semaphore(concurrency)

    async def answer(
        request: Request, settings: GenerationConfig, changed: dict[str, Any]
    ) -> Answer:
        body = parameters.body(name, request, (0,), settings, 0) | changed
        try:
            async with room:
                return await asker.ask(body)
        except UnansweredError as why:
            return why

    seeded = parameters.seeds and "seed" not in parameters.omit
    *draws, several, cut, listed = await asyncio.gather(
        *(answer(draw, drawn, {"seed": seed}) for seed in SEEDS if seeded),
        answer(draw, drawn, {"n": 2}),
        answer(ask, replace(greedy, stop=VOWELS), {}),
        answer(ask, replace(greedy, max_new_tokens=1), weighed),
    )
    texts = [_text(each, draw) for each in draws]
    return {
        "n": _of_n(several, draw, varied=len(set(texts)) > 1),
        "seed": _of_seed(texts, draws) if seeded else UNSENT,
        "stop": UNSENT if "stop" in parameters.omit else _of_stop(cut, ask),
        "logprobs": _of_logprobs(listed),
    }


def note_of(heeds: Mapping[str, str], generation: GenerationConfig, together: bool) -> str:
    """What was found, in a sentence.

    >>> heeds = {"n": "yes", "seed": "ignored: one seed gave two answers", "stop": "yes"}
    >>> note_of(heeds, GenerationConfig(), False)
    'asked at the start, the server honours n, stop; seed ignored: one seed gave two answers'

    Args:
        heeds: as `honoured` gives it.
        generation: how the run's answers are written.
        together: whether the run asks for several answers in one request.

    Raises:
        HarnessError: the run relies on what the server does not do.
    """
    if together and heeds["n"].startswith(IGNORED):
        raise HarnessError(
            f"backend.together=true asks for several answers in one request, but n is "
            f"{heeds['n']}; set backend.together=false"
        )
    honoured = [name for name, finding in heeds.items() if finding.startswith(YES)]
    parts = [f"the server honours {', '.join(honoured) or 'none of what was asked for'}"]
    parts += [
        f"{name} {finding}"
        for name, finding in heeds.items()
        if not finding.startswith((YES, UNSENT))
    ]
    if generation.temperature and heeds["seed"].startswith(IGNORED):
        parts.append("what is asked again is drawn anew")
    if generation.temperature and heeds["seed"].endswith(ALIKE):
        parts.append("it may be that the server draws nothing and writes the likeliest tokens")
    if generation.stop and heeds["stop"].startswith(IGNORED):
        parts.append("answers are cut at stop strings after the server has written them")
    return f"asked at the start, {'; '.join(parts)}"


def _request(question: str, begun: str, chat: bool) -> Request:
    return Request("probe", (Message("user", question),) if chat else begun)


def _first(answer: Answer, request: Request) -> Generation:
    """The first answer.

    Raises:
        UnansweredError: there is none.
    """
    if isinstance(answer, UnansweredError):
        raise answer
    return read(choices_of(answer)[0], request, 0, (0, 0), ends=False)


def _text(answer: Answer, request: Request) -> str | None:
    """The text of an answer; None where there is none."""
    try:
        return _first(answer, request).text or None
    except UnansweredError:
        return None


def _unanswered(why: UnansweredError) -> str:
    """What is known of a parameter whose question has no answer."""
    refused = why.fault is not None and not why.again and not why.fault.withheld
    return f"{REFUSED if refused else UNKNOWN}: {why.reason[:160]}"


def _of_n(answer: Answer, request: Request, varied: bool) -> str:
    """Of two answers asked for in one request; `varied`: draws of other seeds differ."""
    if isinstance(answer, UnansweredError):
        return _unanswered(answer)
    try:
        choices = choices_of(answer)
        texts = [read(choice, request, 0, (0, 0), ends=False).text for choice in choices]
    except UnansweredError as why:
        return _unanswered(why)
    if len(choices) < 2:
        return f"{IGNORED}: one answer came where two were asked for"
    if varied and texts[0] and len(set(texts)) == 1:
        return f"{IGNORED}: the same answer came twice where two draws were asked for"
    return YES


def _of_seed(texts: Sequence[str | None], draws: Sequence[Answer]) -> str:
    """Of three draws, the first two of one seed."""
    for draw in draws:
        if isinstance(draw, UnansweredError):
            return _unanswered(draw)
    if not all(texts):
        return f"{UNKNOWN}: a draw held no text"
    first, again, other = texts
    if first != again:
        return f"{IGNORED}: one seed gave two answers"
    return YES if first != other else f"{UNKNOWN}: {ALIKE}"


def _of_stop(answer: Answer, request: Request) -> str:
    """Of an answer that is to end before its first vowel."""
    try:
        cut = _first(answer, request)
    except UnansweredError as why:
        return _unanswered(why)
    *before, _ = (cut.text or "").split() or [""]  # some hand on the whole token of a stop string
    if any(vowel in word for vowel in VOWELS for word in before):
        return f"{IGNORED}: an answer went on behind a stop string"
    return YES if cut.finish_reason == "stop" else f"{UNKNOWN}: no stop string was met"


def _of_logprobs(answer: Answer) -> str:
    """Of one token whose likeliest alternatives were asked for."""
    if isinstance(answer, UnansweredError):
        return _unanswered(answer)
    try:
        (choice, *_) = choices_of(answer)
        return f"{YES}: {len(likeliest(choice.get('logprobs')))} likeliest tokens"
    except UnansweredError as why:
        return f"{IGNORED}: {why.reason[:160]}"
