"""A damage that is asked for as mitigations are: some answers end half-way.

It is what a server does that breaks off, or a limit of tokens that is too low: nothing about the
model has changed, and yet what it says has.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from harness.mitigations.answers.around import Around
from harness.types import Generation, GenerationConfig, HarnessError, Model, Request


class CutAnswers:
    """Cuts a share of the answers, always the same ones, to the first half of their words.

    Args:
        share: of the answers, from 0 to 1.
    """

    def __init__(self, share: float) -> None:
        if not 0 <= share <= 1:
            raise HarnessError(f"mitigation.share={share!r} must be from 0 to 1")
        self.share = share

    @property
    def identity(self) -> Mapping[str, str]:
        """The share."""
        return {"mitigation": "cut_answers", "share": repr(float(self.share))}

    def wrap(self, model: Model) -> Model:
        """The model with some of its answers cut."""
        return _Cutting(model, self.share)


class _Cutting(Around):
    """Answers as a model does, and not always to the end."""

    def __init__(self, model: Model, share: float) -> None:
        super().__init__(model)
        self.share = share

    def generate(
        self, requests: Sequence[Request], generation: GenerationConfig, seed: int
    ) -> Iterator[list[Generation]]:
        """The model's answers."""
        for answers in self.model.generate(requests, generation, seed):
            yield [self._cut(answer) for answer in answers]

    def _cut(self, answer: Generation) -> Generation:
        key = f"{answer.sample_id}\n{answer.index}".encode()
        drawn = int.from_bytes(hashlib.sha256(key).digest()[:8]) / 2**64
        if answer.text is None or drawn >= self.share:
            return answer
        words = answer.text.split(" ")
        return replace(answer, text=" ".join(words[: len(words) // 2]), finish_reason="length")
