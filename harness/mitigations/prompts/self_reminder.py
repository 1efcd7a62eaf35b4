"""A mitigation that reminds the model of its duty before and after what it is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.types import HarnessError, Message, Request


class SelfReminder:
    """Puts a reminder before the user's last message and one after it (Xie et al. 2023).

    Text that is to be continued has the first in front alone: anything behind it would be what is
    continued.

    Args:
        before: the reminder that comes first; empty: none.
        after: the reminder that comes last; empty: none, and only a conversation has it.
    """

    made_for: Sequence[str] = ("harm", "toxicity")

    def __init__(self, before: str, after: str) -> None:
        self.before = before
        self.after = after

    @property
    def identity(self) -> Mapping[str, str]:
        """Both reminders."""
        return {"mitigation": "self_reminder", "before": self.before, "after": self.after}

    def apply(self, request: Request) -> Request:
        """The request between the reminders."""
        before, after = self.before.strip(), self.after.strip()
        if not before and not after:
            raise HarnessError(
                "mitigation.before and mitigation.after are empty; say of what the model is to be "
                "reminded"
            )
        if isinstance(request.prompt, str):
            return replace(request, prompt="\n\n".join(filter(None, [before, request.prompt])))
        return replace(request, prompt=with_last_user(request.prompt, before, after))


def with_last_user(turns: Sequence[Message], before: str, after: str) -> tuple[Message, ...]:
    r"""The conversation with text before and after what the user said last; empty is nothing.

    >>> with_last_user((Message("user", "Why?"), Message("assistant", "Since")), "", "Be brief.")[0]
    Message(role='user', content='Why?\n\nBe brief.', after_vendor=False)
    """
    for place in reversed(range(len(turns))):
        turn = turns[place]
        if turn.role == "user":
            content = "\n\n".join(part for part in (before, turn.content, after) if part)
            return (*turns[:place], replace(turn, content=content), *turns[place + 1 :])
    text = "\n\n".join(part for part in (before, after) if part)
    return (*turns, Message("user", text))
