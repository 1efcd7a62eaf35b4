"""The log-probability of each choice from a server's likeliest first tokens."""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.models.openai.faults import UnansweredError, excerpt, kind

MARKS = " \t\r\n\u0120\u2581\u010a\u0109"
"""Spaces, and what tokenizers write for them: byte-level BPE's G, C and c with a dot, and
SentencePiece's low line."""
SLACK = 1.01
"""What rounding may make of a whole probability."""


def weigh(logprobs: object, choices: Sequence[str], top: int) -> tuple[float, ...]:
    """The log-probability of each choice as the first token, in all its spellings together.

    The first token is one of many, so that spellings which differ in the spaces around them are
    disjoint: the probabilities of " A" and "A" add up. A token that is listed twice with the same
    weight is listed once too often and counts once.

    Args:
        logprobs: of one answer, as a chat's or as a completion's.
        choices: of which each is one word.
        top: how many tokens the server was asked for.

    Raises:
        UnansweredError: there are none, they are no probabilities, or no choice is among them.
    """
    masses: dict[str, float] = {}
    for token, weight in likeliest(logprobs):
        word = token.strip(MARKS)
        masses[word] = masses.get(word, 0.0) + math.exp(weight)
    weights = [masses.get(choice.strip(MARKS), 0.0) for choice in choices]
    if not any(weights):
        raise UnansweredError(f"none of {', '.join(choices)} is among the {top} likeliest tokens")
    return tuple(min(0.0, math.log(mass)) if mass else -math.inf for mass in weights)


def floor_of(logprobs: object, top: int) -> float:
    """The weight of the least likely token that is listed: of what is not, none has more.

    Args:
        logprobs: as in `weigh`.
        top: how many tokens the server was asked for; the one that it wrote may be listed beyond.

    Raises:
        UnansweredError: there are none, or they are no probabilities.
    """
    weights = sorted((weight for _, weight in likeliest(logprobs)), reverse=True)
    return min(0.0, weights[:top][-1])


def likeliest(logprobs: object) -> list[tuple[str, float]]:
    """The likeliest first tokens with their log-probabilities, each once.

    Raises:
        UnansweredError: there are none, or they are no probabilities.
    """
    listed = _listed(logprobs)
    pairs: dict[tuple[str, float], None] = {}
    for token, weight in listed:
        if not isinstance(token, str):
            raise UnansweredError(f"a likely token is {kind(token)}, {excerpt(token)}")
        if isinstance(weight, bool) or not isinstance(weight, int | float) or math.isnan(weight):
            raise UnansweredError(f"the log-probability of {token!r} is {excerpt(weight)}")
        if weight > math.log(SLACK):
            raise UnansweredError(f"the log-probability of {token!r} is above 0: {excerpt(weight)}")
        pairs[token, float(weight)] = None
    whole = sum(math.exp(weight) for _, weight in pairs)
    if whole > SLACK:
        raise UnansweredError(
            f"the likeliest tokens hold {whole:.3f} of the probability, more than all"
        )
    return list(pairs)


def _listed(logprobs: object) -> list[tuple[object, object]]:
    """Token and weight as they stand there."""
    if isinstance(logprobs, dict):
        content = logprobs.get("content")
        if isinstance(content, list) and content and isinstance(content[0], dict):
            tops = content[0].get("top_logprobs")
            if isinstance(tops, list) and all(isinstance(top, dict) for top in tops) and tops:
                return [(top.get("token"), top.get("logprob")) for top in tops]
        tops = logprobs.get("top_logprobs")
        if isinstance(tops, list) and tops and isinstance(tops[0], dict) and tops[0]:
            return list(tops[0].items())
    raise UnansweredError("the server's answer holds no log-probabilities of likely tokens")
