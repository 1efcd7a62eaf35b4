"""Which option of a multiple-choice question was chosen, by probabilities or as it was written."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase

from harness.scorers.reading.written_choice import read_choice
from harness.types import Direction, Generation, HarnessError, Metric, Sample, Score

MOST = 26
"""Options of a question at most."""
WHOLE = 1.01
"""Probability that choices can hold together, up to rounding; with more they overlap."""
WRITTEN = "an answer that was written has no probabilities"
FLOOR = 0.1
"""Where letters hold less of the probability than this, none was chosen; the judge's floor too."""


class ChoiceScorer:
    """Gives which option was chosen of a sample whose `target` is a letter.

    `accuracy`: 1 where it is the target, 0 where another; missing where no single option can be
    read, so that its worst bound counts those as wrong. `accuracy_strict` counts them as wrong
    itself. `parsed`: 1 where one was read. `position`: the letter's number from 1. `offset`: by how
    many places it lies after the target, round the end; 0 is right. `target_position`: that of
    the target, and `chance`: what guessing gives; both are of the question alone. `choice_mass`:
    the share of the probability that all choices hold together, 0 to 1; of a written answer it is
    not known.

    Letters that hold next to none of the probability are no answer: a model that would write
    something else first was not asked for it. Below the floor `parsed` is 0 and all that says which
    option was chosen is missing, `accuracy_strict` too. Choices that are whole texts are improbable
    by their length, and have no floor.

    The number of options is that of the sample's choices, or its metadata `options`; the texts of
    options, which an answer may name instead of a letter, are its metadata `option_A` and so on.

    >>> question = Sample("1", "Which is a fruit?", target="B", choices=("A", "B"))
    >>> (scores,) = ChoiceScorer().score([question], [Generation("1", 0, "The answer is B.")])
    >>> scores[0].metric, scores[0].value, scores[0].explanation
    ('accuracy', 1.0, 'answer is B')

    Args:
        floor: share of the probability that the letters hold at least, 0 to 1; 0: none.

    Raises:
        HarnessError: the floor is no share.
    """

    metrics: Mapping[str, Metric] = {
        "accuracy": Metric(low=0.0, high=1.0, better=Direction.HIGHER),
        "accuracy_strict": Metric(low=0.0, high=1.0, better=Direction.HIGHER),
        "parsed": Metric(low=0.0, high=1.0, better=Direction.HIGHER),
        "position": Metric(low=1.0, high=MOST, better=Direction.LOWER),
        "offset": Metric(low=0.0, high=MOST - 1, better=Direction.LOWER),
        "target_position": Metric(low=1.0, high=MOST, better=Direction.LOWER),
        "chance": Metric(low=0.0, high=1.0, better=Direction.HIGHER),
        "choice_mass": Metric(low=0.0, high=1.0, better=Direction.HIGHER),
    }
    asides = ("choice_mass",)
    device = None
    """None: reading letters needs none."""
    exact = True

    def __init__(self, floor: float = FLOOR) -> None:
        if not 0 <= floor <= 1:
            raise HarnessError(f"scorers.choice.floor={floor} must be from 0 to 1")
        self.floor = floor

    @property
    def identity(self) -> Mapping[str, str]:
        """The version of the reading, and the floor.

        Version 2 has the floor and reads more forms of a written choice, and none that is denied;
        version 3 none that is taken back ("A. Wait, no: B"). Version 4 reads "Selected: B" and
        "Definitely B.", and dictionaries of Python's.
        """
        return {"scorer": "choice", "version": "4", "floor": f"{self.floor:g}"}

    def score(
        self, samples: Sequence[Sample], generations: Sequence[Generation]
    ) -> list[list[Score]]:
        """Read every choice; what cannot be read is missing, with the reason."""
        return [
            self._score(sample, generation)
            for sample, generation in zip(samples, generations, strict=True)
        ]

    def _score(self, sample: Sample, generation: Generation) -> list[Score]:
        count = len(sample.choices) or int(sample.metadata.get("options") or 0)
        target = ascii_uppercase.find(sample.target) if sample.target else -1
        if not 2 <= count <= MOST or not 0 <= target < count:
            reason = "the sample has no options, or no letter of one as its target"
            return [Score.missing(metric, reason) for metric in self.metrics]
        weights, text = generation.choice_logprobs, generation.text or ""
        if weights is None and not text.strip():
            return [Score.missing(metric, "empty answer") for metric in self.metrics]
        if weights is None:
            read = _Read(*read_choice(text, sample, count), why_no_mass=WRITTEN)
        else:
            read = self._weighed(weights, sample.choices, count)
        return [
            _score(metric, read.values(target, count).get(metric), read) for metric in self.metrics
        ]

    def _weighed(self, weights: Sequence[float], choices: Sequence[str], count: int) -> _Read:
        masses = [math.exp(min(weight, 1.0)) for weight in weights]
        mass = sum(masses)
        if len(weights) != count or not mass <= WHOLE:
            reason = f"the weights {list(weights)} are no probabilities of {count} choices"
            return _Read(None, reason, why_no_mass=reason, answered=False)
        why = f"the letters hold {mass:.3g} of the probability"
        letters = all(choice.strip(" (.)") in ascii_uppercase for choice in choices)
        if letters and mass < self.floor:
            return _Read(None, f"{why}, less than {self.floor:g}", mass, answered=False)
        most = max(masses)
        why = f"p={most / mass if mass else 0:.3f} of the {mass:.3f} that the letters hold"
        leaders = [place for place, weight in enumerate(weights) if weight == max(weights)]
        if len(leaders) > 1:
            return _Read(None, f"{len(leaders)} options are equally probable: {why}", mass)
        return _Read(leaders[0], f"{ascii_uppercase[leaders[0]]}, {why}", mass)


@dataclass(frozen=True, slots=True)
class _Read:
    """What was made of one answer."""

    chosen: int | None
    why: str
    mass: float | None = None
    why_no_mass: str = ""
    answered: bool = True
    """Whether what was not read is an answer, and so a wrong one in the strict sense."""

    def values(self, target: int, count: int) -> dict[str, float]:
        """Every metric that is known."""
        known = {"target_position": target + 1.0, "chance": 1 / count, "parsed": 0.0}
        if self.mass is not None:
            known["choice_mass"] = min(1.0, self.mass)
        if self.chosen is not None:
            right = float(self.chosen == target)
            offset = float((self.chosen - target) % count)
            known |= {"accuracy": right, "accuracy_strict": right, "parsed": 1.0}
            known |= {"position": self.chosen + 1.0, "offset": offset}
        elif self.answered:
            known["accuracy_strict"] = 0.0
        return known


def _score(metric: str, value: float | None, read: _Read) -> Score:
    if value is None:
        reason = read.why_no_mass if metric == "choice_mass" else read.why
        return Score.missing(metric, reason)
    of_the_question = metric in ("target_position", "chance")
    return Score(metric, value, explanation=None if of_the_question else read.why)
