"""An answer that came as a stream of events, put together as if it had come whole."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from harness.models.openai.faults import UnansweredError, excerpt

KIND = "text/event-stream"
DONE = "[DONE]"
"""What the last event holds."""
GROWS = ("content", "reasoning_content", "reasoning", "thinking", "refusal", "text")
"""Fields of a piece that go on with those of the piece before; of others the last one counts."""


def is_stream(kind: str, text: str) -> bool:
    """Whether a body is a stream of events, by its type or by how it begins."""
    return kind == KIND or text.startswith(("data:", "event:", ": ", ":\n"))


def joined(text: str) -> dict[str, Any]:
    r"""The answer whose pieces a stream brought.

    >>> piece = '{"choices": [{"index": 0, "delta": {"content": "So"}, "finish_reason": "stop"}]}'
    >>> joined(f"data: {piece}\n\ndata: [DONE]\n\n")["choices"][0]["message"]
    {'content': 'So'}

    Args:
        text: the whole body.

    Raises:
        UnansweredError: it holds no piece of an answer, or broke off before its end.
    """
    whole: dict[str, Any] = {}
    choices: dict[int, dict[str, Any]] = {}
    ended = False
    for data in _events(text):
        if data == DONE:
            ended = True
            break
        piece = _parse(data)
        for name, value in piece.items():
            if name != "choices" and value is not None:
                whole[name] = value
        pieces = piece.get("choices")
        for part in pieces if isinstance(pieces, list) else ():
            if isinstance(part, dict):
                _add(choices.setdefault(_place(part), {}), part)
    if whole.get("error"):
        return whole
    if not choices:
        raise UnansweredError(
            f"the stream of events ({KIND}) holds no piece of an answer: {excerpt(text)}",
            again=True,
        )
    if not ended and not all(choice.get("finish_reason") for choice in choices.values()):
        raise UnansweredError("the stream of events broke off before its end", again=True)
    return whole | {"choices": [choices[place] for place in sorted(choices)]}


def _events(text: str) -> Iterator[str]:
    """The data of each event; comments and other fields are none."""
    lines: list[str] = []
    for line in [*text.splitlines(), ""]:
        if line.startswith("data:"):
            lines.append(line.removeprefix("data:").removeprefix(" "))
        elif not line and lines:
            yield "\n".join(lines)
            lines = []


def _parse(data: str) -> dict[str, Any]:
    try:
        piece = json.loads(data)
    except (ValueError, RecursionError):
        piece = None
    if not isinstance(piece, dict):
        raise UnansweredError(
            f"the stream of events holds what cannot be read: {excerpt(data)}", again=True
        )
    return piece


def _place(part: Mapping[str, Any]) -> int:
    index = part.get("index")
    return index if type(index) is int else 0


def _add(choice: dict[str, Any], part: Mapping[str, Any]) -> None:
    """Go on with a choice by a piece of it."""
    for name, value in part.items():
        if name == "delta" and isinstance(value, dict):
            _grow(choice.setdefault("message", {}), value)
        elif name == "logprobs" and isinstance(value, dict):
            _grow(choice.setdefault(name, {}), value)
        elif name == "text":
            _grow(choice, {name: value})
        elif value is not None:
            choice[name] = value


def _grow(grown: dict[str, Any], piece: Mapping[str, Any]) -> None:
    """Go on with texts and lists; what is of another kind takes the place of what was there."""
    for name, value in piece.items():
        before = grown.get(name)
        texts = isinstance(before, str) and isinstance(value, str) and name in GROWS
        lists = isinstance(before, list) and isinstance(value, list)
        if texts or lists:
            grown[name] = before + value
        elif value is not None:
            grown[name] = value
