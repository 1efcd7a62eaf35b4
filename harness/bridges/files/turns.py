"""Texts and turns as files have them: plain, as objects, or as objects that stand as text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from harness.data import blank, nested
from harness.types import HarnessError, up_to

Content = str | list[dict[str, str]]
"""A text, or turns with their role and content."""
ROLES = ("system", "user", "assistant")
TEXT_PARTS = ("text", "input_text", "output_text")
"""Kinds of parts that hold text (OpenAI's Chat Completions and Responses, openai 2.x)."""
OBJECT = re.compile(r"\s*\[?\s*\{\s*[\"'](?:role|content|from|value|type|text|messages)[\"']\s*:")
"""How turns, messages and parts begin that stand as text; no sentence does."""
LONGEST_SHOWN = 80


def excerpt(value: object) -> str:
    """A value as an error names it: not more of it than a line."""
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{up_to(text, LONGEST_SHOWN)}..."


def prompt_content(value: object, where: str) -> Content:
    """A prompt as text or turns.

    Args:
        value: as it stands in the file: a text, turns, a message, or one of these as text.
        where: the record, for the sentence of an error.

    Raises:
        HarnessError: it is something else, or holds what is no text.
    """
    if blank(value):
        return ""
    if isinstance(value, str):
        if not OBJECT.match(value):
            return value
        read = nested(value)
        if read is None:
            raise HarnessError(
                f"{where}: the prompt {excerpt(value)} begins as turns do but can be read neither "
                "as JSON nor as Python's literal; write it as JSON"
            )
        return prompt_content(read, where)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, Mapping) and isinstance(value.get("messages"), list):
        value = value["messages"]
    elif isinstance(value, Mapping) and "role" in value:
        value = [value]
    if isinstance(value, list) and value:
        if all(isinstance(part, Mapping) and "role" not in part for part in value):
            return joined(value, f"{where}: the prompt")
        return [_turn(turn, where) for turn in value]
    raise HarnessError(f"{where}: the prompt is {excerpt(value)}, neither a text nor turns")


def _turn(turn: object, where: str) -> dict[str, str]:
    """A role and a text.

    Raises:
        HarnessError: it is no turn, or none of a known role.
    """
    if not isinstance(turn, Mapping) or not {"role", "content"} <= turn.keys():
        raise HarnessError(
            f"{where}: the prompt holds {excerpt(turn)}, which is no turn with role and content"
        )
    if turn["role"] not in ROLES:
        raise HarnessError(
            f"{where}: the prompt holds a turn of role {turn['role']!r}, none of {', '.join(ROLES)}"
        )
    content = turn["content"]
    if isinstance(content, list):
        content = joined(content, f"{where}: a turn of the prompt")
    if not isinstance(content, str):
        raise HarnessError(f"{where}: the content of a turn is {excerpt(content)}, not a text")
    return {"role": str(turn["role"]), "content": content}


def joined(parts: Sequence[object], where: str) -> str:
    """The text of content parts.

    Raises:
        HarnessError: one of them is none of text.
    """
    texts = []
    for part in parts:
        kind = part.get("type") if isinstance(part, Mapping) else None
        text = part.get("text") if isinstance(part, Mapping) else None
        if kind not in TEXT_PARTS or not isinstance(text, str):
            description = f"a part of type {kind!r}" if kind else excerpt(part)
            raise HarnessError(f"{where} holds {description}, which is no text")
        texts.append(text)
    return "".join(texts)


def answer_text(value: object) -> str | None:
    """The text of an answer that stands as a message or as content parts; None: it is none."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping) and value.get("role", "assistant") == "assistant":
        content = value.get("content")
        return None if isinstance(content, Mapping) else answer_text(content)
    if isinstance(value, list) and value:
        if len(value) == 1 and isinstance(value[0], Mapping) and "role" in value[0]:
            return answer_text(value[0])
        try:
            return joined(value, "the answer")
        except HarnessError:
            return None
    return None
