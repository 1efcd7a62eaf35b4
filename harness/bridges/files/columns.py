"""Which columns of a file of answers hold the prompts and the answers: asked where two would do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from harness.types import HarnessError

PROMPTS = ("prompt", "request", "question", "input", "instruction", "query", "messages")
ANSWERS = (
    "answer", "response", "reply", "completion", "generation", "prediction", "output", "text",
    "generated_text",
)  # fmt: skip
REFERENCES = {
    "correct", "right", "gold", "golden", "reference", "ref", "expected", "target", "ideal", "true",
    "truth", "human",
}  # fmt: skip
"""Words in a column's name that say that it is not the model's."""
ALPACA = ("instruction", "input")
"""A prompt in two columns, the second of which may be blank (Stanford Alpaca, 2023)."""


@dataclass(frozen=True)
class Columns:
    """What is read from where."""

    prompt: Sequence[str]
    """Columns that make the prompt, one below the other; none: there is no prompt."""
    answer: str

    def sentence(self, name: str) -> str:
        """What a reader must know: which column of the file was taken as what."""
        prompt = " with ".join(map(repr, self.prompt))
        return (
            f"{name}: {prompt or 'no column'} was read as the prompt, {self.answer!r} as the answer"
        )


def choose(names: Sequence[str], prompt: str | None, answer: str | None, where: str) -> Columns:
    """The columns of prompts and answers.

    Args:
        names: of all columns.
        prompt: the user's choice; None: that which is called as prompts are, or none.
        answer: the user's choice; None: that which is called as answers are.
        where: the option and file, for the sentence of an error.

    Raises:
        HarnessError: two would do, or there is none of answers.
    """
    for chosen in (prompt, answer):
        if chosen is not None and chosen not in names:
            raise HarnessError(
                f"{where} has no column {chosen}; it has {', '.join(names)}: name them with "
                "columns.prompt=... and columns.answer=..."
            )
    answers = [name for name in names if name != prompt and _is_answer(name)]
    if answer is None and len(answers) != 1:
        raise HarnessError(_which("answer", answers, names, where))
    prompts = [name for name in names if name != answer and name.casefold() in PROMPTS]
    if prompt is not None:
        prompts = [prompt]
    elif sorted(name.casefold() for name in prompts) == sorted(ALPACA):
        prompts.sort(key=lambda name: ALPACA.index(name.casefold()))
    elif len(prompts) > 1:
        raise HarnessError(_which("prompt", prompts, names, where))
    return Columns(prompts, answer or answers[0])


def _is_answer(name: str) -> bool:
    """Whether a column is called as those of answers are: `response`, `Model_Answer`, `gptOutput`.

    One that ends in such a word would do, unless another word says that it is the reference.
    """
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", name)
    small = [word.casefold() for word in words]
    if name.casefold() in ANSWERS:
        return True
    named = [word for word in small if not word.isdigit()]
    return bool(named) and named[-1] in ANSWERS and not REFERENCES & set(small)


def _which(kind: str, candidates: Sequence[str], names: Sequence[str], where: str) -> str:
    option = f"columns.{kind}"
    if not candidates:
        return (
            f"{where} has no column {' or '.join(ANSWERS)}; it has {', '.join(names)}: name them "
            "with columns.prompt=... and columns.answer=..."
        )
    return (
        f"{where} has {len(candidates)} columns that may hold the {kind}s, "
        f"{', '.join(map(repr, candidates))}: say which with {option}={candidates[0]} or "
        f"{option}={candidates[-1]}"
    )
