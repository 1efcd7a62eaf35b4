"""A mitigation that shows the model safe answers before it is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from harness.data import read_file, text_field
from harness.types import HarnessError, Message, Request, fingerprint

OURS = Path(__file__).parent / "demonstrations.jsonl"
Pairs = Sequence[tuple[str, str]]


class InContext:
    """Puts k demonstrations of safe answers in front (in-context defence, Wei et al. 2023).

    A conversation has them as turns of its own, behind any system message; text that is to be
    continued has as many beginnings in front that end well.

    Args:
        k: how many demonstrations, the first ones of the file.
        data: `ours`, or a JSONL file of your own: of each row `request` and `answer`, or `text` and
            `continuation`.
    """

    made_for: Sequence[str] = ("harm", "toxicity")

    def __init__(self, k: int = 3, data: str = "ours") -> None:
        if k < 1:
            raise HarnessError(f"mitigation.k={k} must be at least 1 demonstration")
        self.k = k
        self.data = data

    @property
    def identity(self) -> Mapping[str, str]:
        """How many, and a fingerprint of what they say."""
        demonstrations = {
            "requests": [*self._chosen(chat=True)],
            "texts": [*self._chosen(chat=False)],
        }
        return {"mitigation": "in_context", "k": str(self.k), "data": fingerprint(demonstrations)}

    def apply(self, request: Request) -> Request:
        """The request with demonstrations in front of it."""
        if isinstance(request.prompt, str):
            demonstrations = [
                f"{text} {continuation}" for text, continuation in self._needed(chat=False)
            ]
            return replace(request, prompt="\n\n".join([*demonstrations, request.prompt]))
        turns = [
            message
            for asked, answer in self._needed(chat=True)
            for message in (Message("user", asked), Message("assistant", answer))
        ]
        systems = 1 if request.prompt[:1] and request.prompt[0].role == "system" else 0
        prompt = (*request.prompt[:systems], *turns, *request.prompt[systems:])
        return replace(request, prompt=prompt)

    def _needed(self, *, chat: bool) -> Pairs:
        """The demonstrations of a kind.

        Raises:
            HarnessError: there are not enough.
        """
        chosen = self._chosen(chat=chat)
        if len(chosen) < self.k:
            fields = "request and answer" if chat else "text and continuation"
            raise HarnessError(
                f"mitigation.k={self.k}: {self.data!r} has {len(chosen)} demonstrations with "
                f"{fields}, which this task needs"
            )
        return chosen

    def _chosen(self, *, chat: bool) -> Pairs:
        return self._pairs[chat][: self.k]

    @cached_property
    def _pairs(self) -> Mapping[bool, Pairs]:
        """Whether of conversations or of texts, what begins and what follows."""
        rows = read_file(OURS if self.data == "ours" else Path(self.data), "mitigation.data")
        pairs: dict[bool, list[tuple[str, str]]] = {True: [], False: []}
        for number, row in enumerate(rows, 1):
            where = f"demonstration {number} of {self.data!r}"
            chat = "request" in row
            names = ("request", "answer") if chat else ("text", "continuation")
            begins, follows = (text_field(row, (name,), where) for name in names)
            pairs[chat].append((begins, follows))
        return pairs
