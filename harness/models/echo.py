"""A model that answers at once with what it was asked: for tests and for measuring the pipeline."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence

from harness.types import Generation, GenerationConfig, Request


class EchoModel:
    """Answers with the last words of the prompt; weighs choices by a hash of their text.

    Args:
        name: what it is called in tables.
        answer: what it answers instead.
        fail: sample ids to fail on, as a model fails that runs out of memory.
        weighs_choices: False: it always writes, as a server does that gives no probabilities.
    """

    device = device_used = None
    """None: it leaves every device to the scorers, and needs none as a judge."""

    def __init__(
        self,
        name: str = "echo",
        answer: str | None = None,
        fail: Sequence[str] = (),
        weighs_choices: bool = True,
    ) -> None:
        self.name = name
        self.answer = answer
        self.fail = tuple(fail)
        self.weighs_choices = weighs_choices

    @property
    def identity(self) -> Mapping[str, str]:
        """Its options."""
        return {"backend": "echo", "answer": repr(self.answer), "fail": repr(self.fail)}

    def generate(
        self, requests: Sequence[Request], generation: GenerationConfig, seed: int
    ) -> Iterator[list[Generation]]:
        """Answer sixteen requests at a time."""
        for first in range(0, len(requests), 16):
            yield [
                self._answer(request, index, generation)
                for request in requests[first : first + 16]
                for index in request.indices
            ]

    def _answer(self, request: Request, index: int, generation: GenerationConfig) -> Generation:
        if request.sample_id in self.fail:
            return Generation.failed(request.sample_id, index, "told to fail")
        prompt = request.prompt if isinstance(request.prompt, str) else request.prompt[-1].content
        asked = len(prompt.split())
        if request.choices and self.weighs_choices:
            parts = [_hash(prompt + choice) for choice in request.choices]
            weights = tuple(math.log(part / sum(parts)) for part in parts)
            return Generation(
                request.sample_id, index, None, "choices", asked, len(weights), weights
            )
        words = (prompt if self.answer is None else self.answer).split(" ")
        text = " ".join(words[-generation.max_new_tokens :])
        return Generation(request.sample_id, index, text, "stop", asked, len(text.split()))


def _hash(text: str) -> float:
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return 1 + float(int.from_bytes(digest[:4], "little"))
