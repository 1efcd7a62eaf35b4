"""Whether a text asks what an item asks in other words, by a model that is asked.

The second step of llm-decontaminator (Yang et al. 2023, arXiv 2311.04850) in words of ours. There
an answer that cannot be read is asked again thirty times and then counts as no; here it is
missing, for a silence is no acquittal.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from harness.types import GenerationConfig, Message, Model, Request, fingerprint

KINDS: Mapping[str, str] = {
    "knowledge": "Two questions are the same where knowing the answer to one is knowing the answer "
    "to the other; order, language and wording do not matter.",
    "code": "Two tasks are the same where one program solves both, whatever its names and language "
    "are; tasks that only share a topic are not.",
    "math": "Two problems are the same where one solution, step by step, answers both; other names "
    "and stories do not matter, other numbers do.",
    "numbers": "Two problems are the same where one solution answers both once the numbers of one "
    "are put into the other.",
}
"""What being the same means, by the kind of items."""
VERDICT = re.compile(r"\b(true|false)\b", re.IGNORECASE)
LENGTH = 16
"""Tokens of a verdict."""
VERSION = 1


class Verdict(NamedTuple):
    """What the judge said of an item and one text."""

    same: bool | None
    """None where nothing can be read in what it said, or it failed."""
    error: str | None


def identity_of(judge: Model, kind: str) -> str:
    """A fingerprint of all that changes a verdict."""
    return fingerprint({"judge": dict(judge.identity), "kind": KINDS[kind], "version": VERSION})


def verdicts(judge: Model, pairs: Sequence[tuple[str, str]], kind: str) -> list[Verdict]:
    """One verdict for each pair of an item and a text, in order.

    Args:
        judge: is asked greedily.
        pairs: none of them with an empty text.
        kind: one of `KINDS`.
    """
    requests = [Request(str(n), _prompt(*pair, kind)) for n, pair in enumerate(pairs)]
    answers: dict[str, Verdict] = {}
    for finished in judge.generate(requests, GenerationConfig(max_new_tokens=LENGTH), 0):
        for answer in finished:
            answers[answer.sample_id] = (
                Verdict(None, f"the judge failed: {answer.error}")
                if answer.error is not None
                else read_verdict(answer.text or "")
            )
    return [answers.get(request.sample_id, Verdict(None, "no answer")) for request in requests]


def read_verdict(text: str) -> Verdict:
    """The verdict in what a judge wrote; both words, or neither, is none.

    >>> read_verdict("True.").same, read_verdict("not sure").same, read_verdict("True? False").same
    (True, None, None)
    """
    words = {word.lower() for word in VERDICT.findall(text)}
    if len(words) != 1:
        return Verdict(None, f"no one verdict in {text.strip()[:60]!r}")
    return Verdict(words == {"true"}, None)


def _prompt(item: str, text: str, kind: str) -> tuple[Message, ...]:
    return (
        Message(
            "user",
            f"You compare two texts. {KINDS[kind]}\n\nFirst text:\n{item}\n\nSecond text:\n{text}\n"
            "\nAre they the same in this sense? Answer with one word, True or False.",
        ),
    )
