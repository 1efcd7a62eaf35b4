"""A mitigation that tells the model how to behave before it is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from harness.types import HarnessError, Message, Request


class SystemPrompt:
    """Puts a system message in front; text that is to be continued has it in front as it stands.

    A system message that the task sets itself is kept, after this one.

    Args:
        text: of the message.
        keep: put it after the system text that a vendor wrote into the chat template, which any
            system message would otherwise take the place of.
    """

    def __init__(self, text: str, keep: bool = False) -> None:
        self.text = text
        self.keep = keep

    @property
    def identity(self) -> Mapping[str, str]:
        """The text, and whether the vendor's is kept before it."""
        options = {"keep": "true"} if self.keep else {}
        return {"mitigation": "system_prompt", "text": self.text, **options}

    def apply(self, request: Request) -> Request:
        """The request with the text in front of it."""
        if not self.text.strip():
            raise HarnessError("mitigation.text is empty; say how the model is to behave")
        if isinstance(request.prompt, str):
            return replace(request, prompt=f"{self.text}\n\n{request.prompt}")
        first, *messages = request.prompt
        if first.role == "system":
            return replace(
                request, prompt=(self._message(f"{self.text}\n\n{first.content}"), *messages)
            )
        return replace(request, prompt=(self._message(self.text), *request.prompt))

    def _message(self, content: str) -> Message:
        return Message("system", content, after_vendor=self.keep)
