"""The text and the thinking of a served message, whose content is a text or a list of parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.models.openai.faults import UnansweredError, excerpt, kind

TEXTS = {"text": "text", "output_text": "text", "refusal": "refusal"}
"""Kinds of parts that are the answer, and the key of their text (OpenAI, Anthropic, Mistral)."""
THOUGHTS = {"thinking": ("thinking",), "reasoning": ("reasoning", "text", "summary"),
            "reasoning_text": ("text",), "summary_text": ("text",), "redacted_thinking": (),
            "reasoning.text": ("text",), "reasoning.summary": ("summary",),
            "reasoning.encrypted": ()}  # fmt: skip
"""Kinds that are thinking: Anthropic's, Mistral's, OpenAI's, OpenRouter's `reasoning_details`."""
BESIDE = ("reasoning_content", "reasoning", "thinking", "reasoning_details")
"""Where thinking stands beside the content: vLLM and DeepSeek, OpenRouter, Ollama."""
CALLS = ("tool_calls", "function_call")


def read_message(message: object) -> tuple[str, str]:
    """The answer and the thinking that stands apart, each empty where there is none.

    Raises:
        UnansweredError: the message holds what is no text: a call of a tool, a picture, a number.
    """
    if not isinstance(message, dict):
        raise UnansweredError(f"the server's answer holds no message but {kind(message)}")
    for name in CALLS:
        if message.get(name):
            raise UnansweredError(
                f"the model calls a tool instead of answering: {_called(message[name])}"
            )
    texts, thoughts = read_content(message.get("content"))
    refusal = message.get("refusal")
    if refusal:
        if not isinstance(refusal, str):
            raise UnansweredError(f"the message's refusal is {kind(refusal)}, {excerpt(refusal)}")
        if refusal.strip() != texts.strip():
            texts = f"{texts}\n{refusal}" if texts.strip() else refusal
    if not texts and message.get("audio"):
        raise UnansweredError("the model answers in audio, not in text")
    return texts, thoughts or _beside(message)


def read_content(content: object) -> tuple[str, str]:
    """Text and thinking of a message's content.

    Raises:
        UnansweredError: it is, or holds, something else.
    """
    if content is None:
        return "", ""
    if isinstance(content, str):
        return content, ""
    if isinstance(content, dict):
        content = [content]
    if not isinstance(content, list):
        raise UnansweredError(f"the message's content is {kind(content)}, {excerpt(content)}")
    texts, thoughts = [], []
    for part in content:
        if isinstance(part, str):
            texts.append(part)
            continue
        name = part.get("type") if isinstance(part, dict) else None
        if isinstance(name, str) and name in TEXTS:
            texts.append(_text(part, name, TEXTS[name]))
        elif isinstance(name, str) and name in THOUGHTS:
            thoughts.append(_thought(part, name))
        else:
            named = f"the kind {name!r}" if isinstance(name, str) else f"no kind: {excerpt(part)}"
            raise UnansweredError(f"the message's content holds a part of {named}")
    return "".join(texts), "".join(thoughts)


def _text(part: Mapping[str, Any], name: str, key: str) -> str:
    value = part.get(key)
    if not isinstance(value, str):
        raise UnansweredError(
            f"the text of a part of the kind {name!r} is {kind(value)}, {excerpt(value)}"
        )
    return value


def _thought(part: Mapping[str, Any], name: str) -> str:
    """What a part of thinking says; a text, or parts of their own."""
    for key in THOUGHTS[name]:
        value = part.get(key)
        if isinstance(value, str):
            return value
        if isinstance(value, list):
            return "".join(_loose(item) for item in value)
    return ""


def _loose(item: object) -> str:
    """The text in a part of thinking, which nothing is scored by; empty where there is none."""
    if isinstance(item, str):
        return item
    if not isinstance(item, dict):
        return ""
    return next(
        (item[k] for k in ("text", "thinking", "summary") if isinstance(item.get(k), str)), ""
    )


def _beside(message: Mapping[str, Any]) -> str:
    for name in BESIDE:
        value = message.get(name)
        if isinstance(value, list):
            value = "".join(map(_loose, value))
        if isinstance(value, str) and value:
            return value
    return ""


def _called(calls: object) -> str:
    """The name of the first tool that is called."""
    first = calls[0] if isinstance(calls, list) else calls
    function = first.get("function", first) if isinstance(first, dict) else first
    name = function.get("name") if isinstance(function, dict) else None
    return repr(name) if isinstance(name, str) else excerpt(calls)
