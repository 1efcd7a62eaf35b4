"""Whether an answer is right where one option is, several are, or a number, and how sure it is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from string import ascii_uppercase
from typing import NamedTuple

from harness.scorers.reading.letters import content_of, read_confidence, read_letters
from harness.scorers.reading.numbers import read_number
from harness.statistics import calibration_pair
from harness.types import Direction, Generation, Metric, Sample, Score

KINDS = ("one", "several", "number")
MOST_OPTIONS = 26
FLOOR = 0.1
"""Of the probability that weighed letters hold together at least, as for the scorer `choice`."""
TOLERANCE = 0.01
UNIT = Metric(0.0, 1.0, Direction.HIGHER)
LOSS = Metric(0.0, 1.0, Direction.LOWER)


class AnswersScorer:
    """Gives `all_correct` of a sample whose metadata `kind` is `one`, `several` or `number`.

    Its `target` is the right letters ("A", "A,C") or the number, and `tolerance` by what share of
    it an answer may differ. `all_correct` is missing where nothing can be read, and 0 in
    `all_correct_strict`; `hamming` counts options that are named wrongly or not at all, a right
    option (ChemBench's); `answer_read` is 1 where there is an answer. `chance`: what guessing gets,
    each set of options being as likely. `constant`: 1 where the task's commonest answer is right,
    its baseline.

    `stated_confidence` (a level of five, or a percentage) and `letter_confidence` (the probability
    of the heaviest of weighed letters) lie from 0 to 1, each with whether the answer is right; of
    each `..._brier` is the squared and `..._over` the plain difference from right (1) or wrong (0).

    >>> sample = Sample("1", "?", target="A,C", metadata={"kind": "several", "options": 4})
    >>> answer = Generation("1", 0, "[ANSWER]A,B[/ANSWER] Confidence: 4")
    >>> (scores,) = AnswersScorer().score([sample], [answer])
    >>> [(score.metric, score.value) for score in scores[:3]]
    [('all_correct', 0.0), ('all_correct_strict', 0.0), ('hamming', 1.0)]
    """

    metrics: Mapping[str, Metric] = {
        "all_correct": UNIT,
        "all_correct_strict": UNIT,
        "hamming": Metric(0.0, MOST_OPTIONS, Direction.LOWER),
        "answer_read": UNIT,
        "chance": UNIT,
        "constant": UNIT,
        "stated_confidence": UNIT,
        "stated_brier": LOSS,
        "stated_over": Metric(-1.0, 1.0, Direction.LOWER),
        "letter_confidence": UNIT,
        "letter_brier": LOSS,
        "letter_over": Metric(-1.0, 1.0, Direction.LOWER),
    }
    asides = ("hamming", *(name for name in metrics if name.startswith(("stated", "letter"))))
    device = None
    """None: reading letters and numbers needs none."""
    exact = True

    @property
    def identity(self) -> Mapping[str, str]:
        """The version of the reading.

        Version 2 reads "Selected: B" and "Definitely B.", and dictionaries of Python's.
        """
        return {"scorer": "answers", "version": "2", "floor": f"{FLOOR:g}"}

    def score(
        self, samples: Sequence[Sample], generations: Sequence[Generation]
    ) -> list[list[Score]]:
        """Read every answer; what cannot be read is missing, with the reason."""
        return [
            self._score(sample, generation)
            for sample, generation in zip(samples, generations, strict=True)
        ]

    def _score(self, sample: Sample, generation: Generation) -> list[Score]:
        kind, text = sample.metadata.get("kind"), generation.text or ""
        if kind not in KINDS or not sample.target:
            reason = "the sample has no kind of answer, or no target"
            return [Score.missing(metric, reason) for metric in self.metrics]
        if generation.choice_logprobs is None and not text.strip():
            return [Score.missing(metric, "empty answer") for metric in self.metrics]
        if generation.choice_logprobs is not None:
            read = _weighed(sample, generation.choice_logprobs)
        else:
            read = (_number if kind == "number" else _letters)(sample, text)
        known = _values(sample, read)
        return [self._score_of(metric, known, read) for metric in self.metrics]

    def _score_of(self, metric: str, known: Mapping[str, float], read: _Read) -> Score:
        if metric not in known:
            return Score.missing(metric, read.why if read.right is None else "not given")
        if metric in ("stated_confidence", "letter_confidence") and read.right is not None:
            return Score(metric, known[metric], None, calibration_pair(known[metric], read.right))
        return Score(metric, known[metric], explanation=read.why)


class _Read(NamedTuple):
    """What was made of one answer."""

    right: bool | None
    """None: it could not be read."""
    why: str
    hamming: float | None = None
    stated: float | None = None
    weight: float | None = None
    answered: bool = True
    """Whether what was not read is an answer, and so a wrong one in the strict sense."""


def _values(sample: Sample, read: _Read) -> dict[str, float]:
    """Every metric that is known."""
    values = {"chance": _chance(sample), "answer_read": float(read.right is not None)}
    if (constant := sample.metadata.get("constant")) is not None:
        values["constant"] = float(constant)
    if read.right is None:
        return values | ({"all_correct_strict": 0.0} if read.answered else {})
    right = float(read.right)
    values |= {"all_correct": right, "all_correct_strict": right}
    if read.hamming is not None:
        values["hamming"] = read.hamming
    for name, confidence in (("stated", read.stated), ("letter", read.weight)):
        if confidence is not None:
            over = confidence - right
            values |= {f"{name}_confidence": confidence, f"{name}_brier": over**2}
            values[f"{name}_over"] = over
    return values


def _chance(sample: Sample) -> float:
    count = int(sample.metadata.get("options") or 0)
    if sample.metadata["kind"] == "number" or not count:
        return 0.0
    return 1 / count if sample.metadata["kind"] == "one" else 1 / (2**count - 1)


def _target(sample: Sample) -> frozenset[int]:
    return frozenset(ascii_uppercase.index(letter) for letter in (sample.target or "").split(","))


def _letters(sample: Sample, text: str) -> _Read:
    letters, why = read_letters(text, sample, int(sample.metadata.get("options") or 0))
    if letters is None:
        return _Read(None, why)
    target = _target(sample)
    return _Read(letters == target, why, len(letters ^ target) / len(target), read_confidence(text))


def _number(sample: Sample, text: str) -> _Read:
    """Right where all that is named, a range as a whole, lies within the tolerance."""
    content = content_of(text)
    number = read_number(content.rpartition("=")[2])
    if number.low is None or number.high is None:
        return _Read(None, f"{content[:60]!r} is not one number")
    target = float(sample.target or "nan")
    reach = abs(target) * float(sample.metadata.get("tolerance") or TOLERANCE) + 1e-9 * abs(target)
    right = max(abs(number.low - target), abs(number.high - target)) <= reach
    return _Read(right, content[:60], None, read_confidence(text))


def _weighed(sample: Sample, weights: Sequence[float]) -> _Read:
    masses = [math.exp(min(weight, 0.0)) for weight in weights]
    heaviest, mass = max(masses, default=0.0), sum(masses)
    if mass < FLOOR:
        return _Read(None, f"the letters hold {mass:.3g}, less than {FLOOR:g}", answered=False)
    leaders = [place for place, weight in enumerate(masses) if weight == heaviest]
    if len(leaders) > 1:
        return _Read(None, f"{len(leaders)} options are equally probable")
    target = _target(sample)
    wrong = len(target ^ set(leaders)) / len(target)
    why = f"{ascii_uppercase[leaders[0]]}, p={heaviest:.3f} of the {mass:.3f} that letters hold"
    return _Read(not wrong, why, wrong, None, heaviest)
