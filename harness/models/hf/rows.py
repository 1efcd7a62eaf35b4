"""What is being worked on: answers that are written, and choices that are weighed."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf, isnan

import numpy as np
from numpy.typing import NDArray

from harness.models.hf.prefixes import Tokens
from harness.types import Generation, Request

NO_NUMBERS = "the model's logits are not numbers"
"""How the reason begins where weights or activations are NaN or infinite."""


@dataclass(eq=False, slots=True)
class Row:
    """One answer that is being written."""

    sample_id: str
    index: int
    prompt: Tokens
    width: int
    """Tokens of prompt and answer at most."""
    draws: NDArray[np.float64] | None = None
    """One for each step; None where the most probable token is taken."""
    tokens: list[int] = field(default_factory=list)
    """What is written so far."""
    opened: str | None = None
    """The mark of thinking that the prompt ends with."""
    beside: tuple[Tokens, ...] = ()
    """What each auxiliary model is asked."""
    after: str | None = None
    """The sample whose answer stands before this one in its dialogue."""
    open: bool = False
    """Whether the dialogue goes on after it."""

    @property
    def widest(self) -> int:
        """Tokens of prompt and answer at most, of whichever model is asked most."""
        longest = max(map(len, self.beside), default=0)
        return self.width + max(0, longest - len(self.prompt))

    def failed(self, reason: str) -> list[Generation]:
        """What is said of an answer that could not be had."""
        return [Generation.failed(self.sample_id, self.index, reason)]


@dataclass(eq=False, slots=True)
class Weighing:
    """The choices of one request."""

    request: Request
    prompt: Tokens
    choices: tuple[Tokens, ...]
    logprobs: dict[int, float] = field(default_factory=dict)
    """Of each choice that is done."""
    greedy: dict[int, bool] = field(default_factory=dict)
    """Of each choice that is done whether greedy decoding would write it."""
    steps: dict[int, tuple[float, ...]] = field(default_factory=dict)
    """Of each choice that is done the log-probability of each of its tokens."""
    beside: tuple[Tokens, ...] = ()
    """What each auxiliary model is asked."""

    @property
    def width(self) -> int:
        """Tokens of its longest row."""
        return len(self.prompt) + max(map(len, self.choices)) - 1

    @property
    def rows(self) -> list[Tokens]:
        """What is run through the model for each choice: the last token's logits are not needed."""
        return [self.prompt + choice[:-1] for choice in self.choices]

    @property
    def done(self) -> bool:
        """Whether every choice has its log-probability."""
        return len(self.logprobs) == len(self.choices)

    def generations(self) -> list[Generation]:
        """The answer, the same for each index: nothing is drawn."""
        if any(map(isnan, self.logprobs.values())):
            return self.failed(f"{NO_NUMBERS} where a choice is weighed")
        if all(weight == -inf for weight in self.logprobs.values()):
            return self.failed("none of the choices has any probability")
        weights = tuple(self.logprobs[number] for number in range(len(self.choices)))
        greedy = tuple(self.greedy[number] for number in range(len(self.choices)))
        steps = tuple(self.steps[number] for number in range(len(self.choices)))
        tokens = sum(map(len, self.choices))
        return [
            Generation(
                self.request.sample_id,
                index,
                None,
                "choices",
                len(self.prompt),
                tokens,
                weights,
                choice_greedy=greedy,
                choice_steps=steps,
            )
            for index in self.request.indices
        ]

    def failed(self, reason: str) -> list[Generation]:
        """What is said of choices that could not be weighed."""
        return [
            Generation.failed(self.request.sample_id, index, reason)
            for index in self.request.indices
        ]
