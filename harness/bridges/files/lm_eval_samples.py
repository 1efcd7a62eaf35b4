"""Samples that lm-eval's `--log_samples` wrote for tasks whose answers are written."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from harness.bridges.files.turns import Content, prompt_content
from harness.types import HarnessError


def is_sample(row: Mapping[str, object]) -> bool:
    """Whether a row is one of lm-eval's."""
    return "resps" in row and "arguments" in row


class Filters:
    """Which rows are of documents that an earlier row has by another filter.

    lm-eval writes a document once for each filter of its task, with the same answers.
    """

    def __init__(self) -> None:
        self._first: dict[bytes, object] = {}
        self.left_out: Counter[str] = Counter()
        """By filter how many rows were of documents that were there already."""

    def repeats(self, row: Mapping[str, object]) -> bool:
        """Whether this row repeats a document; counts it if so."""
        names = ("file", "doc_id", "doc_hash", "arguments", "resps")
        content = json.dumps([row.get(name) for name in names], sort_keys=True, default=str)
        key = hashlib.sha256(content.encode()).digest()
        name = row.get("filter")
        if self._first.setdefault(key, name) == name:
            return False
        self.left_out[str(name)] += 1
        return True


def prompt_and_answers(row: Mapping[str, Any], where: str) -> tuple[Content, Sequence[object]]:
    """What was asked in a row, and what was answered.

    Raises:
        HarnessError: it holds log-probabilities, or several prompts.
    """
    try:
        arguments = row["arguments"]
        requests = list(arguments.values()) if isinstance(arguments, dict) else list(arguments)
        prompts = [r["arg_0"] if isinstance(r, dict) else r[0] for r in requests]
        answers = [text for group in row["resps"] for text in group]
        if not prompts:
            raise IndexError("no arguments")
        if any(isinstance(text, list) for text in answers):
            raise TypeError("log-probabilities")
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise HarnessError(
            f"{where} holds no written answer of lm-eval ({error}); tasks that weigh choices have "
            "none to score"
        ) from error
    if any(prompt != prompts[0] for prompt in prompts):
        raise HarnessError(
            f"{where} holds answers to {len(prompts)} prompts of one document, which are no "
            "answers to one question: write each into a record of its own"
        )
    return prompt_content(_chat(prompts[0]), where), answers


def _chat(prompt: object) -> object:
    """A prompt without the list that JSON makes of lm-eval's texts of chats (`JsonChatStr`)."""
    if isinstance(prompt, list) and len(prompt) == 1 and isinstance(prompt[0], str):
        return prompt[0]
    return prompt
