"""How often, in which orders and with what proof a judge is asked for one verdict."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from harness.scorers.judged.judge import AsksJudge, Judge, Verdict
from harness.scorers.reading.quotes import misquoted
from harness.types import HarnessError, Message, Model

LEVEL_LINE = re.compile(r"^\d+: .*(?:\n|\Z)", re.MULTILINE)
TEMPERATURE = 1.0
"""Of repeats: at none a judge would write the same again."""
PROOF = (
    ' Before these, give a line that begins with "#quote:" and copies, word for word, the part of '
    "the answer that decides the level."
)


@dataclass(frozen=True)
class Asking:
    """A verdict's repeats; each one has to be readable, or there is no verdict.

    Attributes:
        repeats: how often a judge that writes is asked, each time drawn anew; the mean counts.
        both_orders: whether it is also asked with the levels from the highest down.
        quote: whether it has to copy what decides from the answer, which code then looks for.
    """

    repeats: int = 1
    both_orders: bool = False
    quote: bool = False

    def checked(self, model: Model) -> Asking:
        """Itself, where the judge can be asked so.

        Raises:
            HarnessError: it cannot.
        """
        if self.repeats < 1:
            raise HarnessError(f"repeats={self.repeats} must be at least 1")
        if self.repeats > 1 and self.weighs(model):
            raise HarnessError(
                f"repeats={self.repeats} asks judge {model.name!r} for the same probabilities "
                "again; take repeats=1, both_orders=true, or quote=true, with which it writes"
            )
        return self

    def weighs(self, model: Model) -> bool:
        """Whether the verdict is read from probabilities: a quote has to be written."""
        return model.weighs_choices and not self.quote

    @property
    def identity(self) -> Mapping[str, str]:
        """What of it a scorer's values depend on; nothing where it is asked once and plainly."""
        if self == Asking():
            return {}
        ways = f"repeats {self.repeats} at {TEMPERATURE}, both orders {self.both_orders}"
        return {"asking": ways + (f", quote 2: {PROOF}" if self.quote else "")}

    def orders(self, rubric: str) -> list[str]:
        """The rubric, and its other order where that is asked for and differs."""
        other = LEVEL_LINE.sub("\0", rubric)
        lines = [line.rstrip("\n") + "\n" for line in LEVEL_LINE.findall(rubric)]
        for line in reversed(lines):
            other = other.replace("\0", line, 1)
        turned = other if rubric.endswith("\n") else other.rstrip("\n")
        return [rubric, turned] if self.both_orders and len(lines) > 1 else [rubric]


class AsksAgain(AsksJudge):
    """What every scorer has whose judge may be asked several times for a verdict.

    Args:
        judge: the judge's name, as the run's `model` is one.
        judge_backend: what runs it.
        repeats: how often a judge that writes is asked.
        both_orders: whether it is also asked with the levels from the highest down.
        quote: whether it has to copy what decides from the answer.
    """

    def __init__(
        self,
        judge: str,
        judge_backend: Model,
        repeats: int = 1,
        both_orders: bool = False,
        quote: bool = False,
    ) -> None:
        super().__init__(judge, judge_backend)
        self.asking = Asking(repeats, both_orders, quote).checked(judge_backend)
        self._contested: dict[tuple[str, int, str], bool] = {}

    @property
    def remarks(self) -> Mapping[str, Any]:
        """The share of verdicts that differ, of those that were asked for repeatedly."""
        return contested_share(self._contested)


class Repeated(NamedTuple):
    """A verdict made of several."""

    verdict: Verdict
    levels: Sequence[int]
    """The likeliest one of each that could be read."""

    @property
    def contested(self) -> bool:
        """Whether they differ."""
        return len(set(self.levels)) > 1


def repeated(
    judge: Judge, asking: Asking, orders: Sequence[Sequence[tuple[Message, ...]]],
    answers: Sequence[str],
) -> list[Repeated]:  # fmt: skip
    """One verdict for each answer, in order.

    Args:
        judge: that is asked.
        asking: how.
        orders: of the rubric; for each the prompts of all answers.
        answers: what is judged, for quotes to be found in.
    """
    temperature = TEMPERATURE if asking.repeats > 1 else 0.0
    rounds = [
        judge.verdicts(prompts, seed, temperature)
        for prompts in orders
        for seed in range(asking.repeats)
    ]
    joined = []
    for answer, verdicts in zip(answers, zip(*rounds, strict=True), strict=True):
        proven = [_proven(verdict, answer) if asking.quote else verdict for verdict in verdicts]
        joined.append(_joined(proven))
    return joined


def contested_share(contested: Mapping[Any, bool]) -> Mapping[str, Any]:
    """What `told` says of verdicts that were asked for more than once; nothing where none were."""
    if not contested:
        return {}
    return {"answers": len(contested), "contested": sum(contested.values()) / len(contested)}


def _proven(verdict: Verdict, answer: str) -> Verdict:
    if verdict.expected is None or (reason := misquoted(verdict.explanation, answer)) is None:
        return verdict
    return replace(verdict, expected=None, most_likely=None, error=reason)


def _joined(verdicts: Sequence[Verdict]) -> Repeated:
    levels = [verdict.most_likely for verdict in verdicts if verdict.most_likely is not None]
    if len(verdicts) == 1:
        return Repeated(verdicts[0], levels)
    known = [verdict.expected for verdict in verdicts if verdict.expected is not None]
    text = "\n---\n".join(verdict.explanation for verdict in verdicts)
    explanation = f"levels {', '.join(map(str, levels))}\n---\n{text}"
    if len(known) < len(verdicts):
        reason = next(verdict.error for verdict in verdicts if verdict.expected is None)
        none = f"{len(verdicts) - len(known)} of {len(verdicts)} verdicts are missing: {reason}"
        return Repeated(Verdict(None, None, explanation, none), levels)
    mean, counts = sum(known) / len(known), Counter(levels)
    likeliest = max(counts, key=lambda level: (counts[level], -abs(level - mean)))
    return Repeated(Verdict(mean, likeliest, explanation), levels)
