"""Chats that another library renders and decodes: what must hold for thinking to be told there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from harness.models.checkpoints.check_rendered import Turn, check_open_thought, opened_by
from harness.models.checkpoints.template_text import with_fixed_day
from harness.types import HarnessError, Request, tokens_of_marks


def fix_day(tokenizer: Any, today: date) -> None:
    """Let a tokenizer's template write this day, whatever the calendar says."""
    template = getattr(tokenizer, "chat_template", None)
    if isinstance(template, str):
        tokenizer.chat_template = with_fixed_day(template, today)


def check_marks_stay(tokenizer: Any, subject: str) -> None:
    """Refuse a model whose marks of thinking are left out of texts, for they are special tokens.

    Args:
        tokenizer: by which the library decodes, without special tokens.
        subject: what decodes, for the message: `lm-eval's hf`.

    Raises:
        HarnessError: they are.
    """
    added = getattr(tokenizer, "added_tokens_decoder", {}).values()
    if marks := tokens_of_marks(str(token) for token in added if token.special):
        raise HarnessError(
            f"{subject} leaves special tokens out of answers, and this model's marks of thinking "
            f"are such ({', '.join(sorted(marks))}), so that a thought would be scored as the "
            "answer; use backend=hf or backend=vllm"
        )


def opened_thought(request: Request, turns: Sequence[Turn], text: str, subject: str) -> str | None:
    """The start mark of thinking that a rendered prompt leaves open.

    Args:
        request: that was rendered.
        turns: of it.
        text: that came of it.
        subject: what rendered it, for the message.

    Raises:
        HarnessError: an answer is begun or weighed inside of it.
    """
    opened = opened_by(turns, text)
    check_open_thought(opened, bool(request.choices) or turns[-1]["role"] == "assistant", subject)
    return opened
