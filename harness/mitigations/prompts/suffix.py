"""A mitigation that asks, behind the question, not to discriminate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.data import interventions
from harness.mitigations.prompts.self_reminder import with_last_user
from harness.types import HarnessError, Request


class Suffix:
    """Adds a text to what the user said last (Tamkin et al. 2023).

    Text that is to be continued has it in front: behind it, it would be what is continued.

    Args:
        intervention: which of the texts that the task `discrimination` knows, by name.
        text: of your own, instead of one of them.
    """

    made_for: Sequence[str] = ("discrimination",)

    def __init__(self, intervention: str = "illegal_ignore", text: str | None = None) -> None:
        known = interventions()
        if text is None and intervention not in known:
            raise HarnessError(
                f"mitigation.intervention={intervention!r} is not one of {', '.join(known)}; or "
                "give a text of your own with mitigation.text"
            )
        if text is not None and not text.strip():
            raise HarnessError("mitigation.text is empty; say what is to stand behind the question")
        self.intervention = intervention
        self.text = known[intervention] if text is None else text

    @property
    def identity(self) -> Mapping[str, str]:
        """The text, whatever name it goes by."""
        return {"mitigation": "suffix", "text": self.text}

    def apply(self, request: Request) -> Request:
        """The request with the text behind it."""
        if isinstance(request.prompt, str):
            return replace(request, prompt=f"{self.text}\n\n{request.prompt}")
        return replace(request, prompt=with_last_user(request.prompt, "", self.text))
