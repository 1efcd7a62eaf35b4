"""Messages of other tools as turns of ours: text, tool calls and what stands for other media."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from harness.bridges.files.turns import TEXT_PARTS

ROLES = {
    "system": "system", "developer": "system", "user": "user", "human": "user",
    "assistant": "assistant", "ai": "assistant", "model": "assistant",
    "tool": "user", "function": "user",
}  # fmt: skip
"""The role that a turn of ours has for each of theirs."""
REASONING = ("reasoning", "thinking")


class MessageText(NamedTuple):
    """What stands in a message."""

    text: str
    thinking: str | None = None


def message_text(content: object) -> MessageText:
    """The text and the thinking of a message's content: a text, or parts.

    A part that is neither text nor thinking stands as its kind in square brackets.
    """
    if content is None:
        return MessageText("")
    if isinstance(content, str):
        return MessageText(content)
    if not isinstance(content, Sequence):
        return MessageText(json.dumps(content, ensure_ascii=False, default=str))
    texts, thoughts = [], []
    for part in content:
        kind = part.get("type") if isinstance(part, Mapping) else None
        if isinstance(part, str):
            texts.append(part)
        elif kind in TEXT_PARTS and isinstance(part.get("text"), str):
            texts.append(part["text"])
        elif kind in REASONING:
            thoughts.append(str(part.get("reasoning") or part.get("thinking") or ""))
        else:
            texts.append(f"[{kind or 'a part without a type'}]")
    return MessageText("".join(texts), "".join(thoughts) or None)


def turn(message: Mapping[str, Any]) -> dict[str, str]:
    """A message as a turn with role and content; calls of tools and their results stay readable."""
    role = str(message.get("role"))
    text = message_text(message.get("content")).text
    for call in message.get("tool_calls") or ():
        text += f"\n[calls {_call(call)}]"
    if role in ("tool", "function"):
        name = message.get("function") or message.get("name") or "tool"
        text = f"[{name} gives] {text}"
    return {"role": ROLES.get(role, "user"), "content": text.lstrip("\n")}


def turns(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Messages as turns."""
    return [turn(message) for message in messages]


def _call(call: Mapping[str, Any]) -> str:
    function = call.get("function")
    name = function.get("name") if isinstance(function, Mapping) else function
    arguments = (
        function.get("arguments") if isinstance(function, Mapping) else call.get("arguments")
    )
    written = arguments if isinstance(arguments, str) else json.dumps(arguments, default=str)
    return f"{name or call.get('name')}({written})"
