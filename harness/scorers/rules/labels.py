"""Which of a sample's labels an answer gives, by probabilities or as it was written."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.scorers.reading.written_labels import FORMS, read_label, read_labels
from harness.types import Direction, Generation, HarnessError, Metric, Sample, Score

MOST = 2**16 - 1
"""The highest number of a label, and of a set of 16."""
SHARE = Metric(low=0.0, high=1.0, better=Direction.HIGHER)
NUMBER = Metric(low=-1.0, high=MOST, better=Direction.HIGHER)
FLOOR = 0.01
"""Where the labels hold less of the probability than this, none was chosen."""
WRITTEN = "an answer that was written has no probabilities"


class LabelsScorer:
    """Gives which label an answer is, of a sample whose metadata has `labels` and `label_number`.

    `label`: its number from 1, missing where no single one can be read; `label_strict`: the same,
    and 0 for an answer that is none of them. `label_right`: 1 where it is the sample's, 0 where
    another; `label_right_strict` counts what could not be read as wrong. `label_parsed`: 1 where
    one was read. `label_target`: the number of the right one. `label_confidence`: the share of the
    labels' probability that the likeliest holds, below zero where that is wrong, -1 to 1;
    `label_mass`: what all of them hold, 0 to 1; of a written answer neither is known.

    Where a sample can have several labels (its metadata `several`) the number is the sum of
    2^(n - 1) over the labels n, 0 for none of them, and -1 in `label_strict` for what names
    nothing; it is right where the whole set is.

    >>> sample = Sample("1", "?", metadata={"labels": "no|yes", "label_number": 2})
    >>> (scores,) = LabelsScorer().score([sample], [Generation("1", 0, "Answer: yes")])
    >>> scores[0].value, scores[2].metric, scores[2].value
    (2.0, 'label_right', 1.0)

    Args:
        floor: share of the probability that the labels hold at least, 0 to 1; 0: none.

    Raises:
        HarnessError: the floor is no share.
    """

    metrics: Mapping[str, Metric] = {
        "label": NUMBER,
        "label_strict": NUMBER,
        "label_right": SHARE,
        "label_right_strict": SHARE,
        "label_parsed": SHARE,
        "label_target": NUMBER,
        "label_confidence": Metric(low=-1.0, high=1.0, better=Direction.HIGHER),
        "label_mass": SHARE,
    }
    asides = ("label_confidence", "label_mass")
    device = None
    exact = True

    def __init__(self, floor: float = FLOOR) -> None:
        if not 0 <= floor <= 1:
            raise HarnessError(f"scorers.labels.floor={floor} must be from 0 to 1")
        self.floor = floor

    @property
    def identity(self) -> Mapping[str, str]:
        """The version of the reading, and the floor."""
        return {
            "scorer": "labels", "version": "1", "forms": str(FORMS), "floor": f"{self.floor:g}"
        }  # fmt: skip

    def score(
        self, samples: Sequence[Sample], generations: Sequence[Generation]
    ) -> list[list[Score]]:
        """Read every answer; what cannot be read is missing, with the reason."""
        return [
            self._score(sample, generation)
            for sample, generation in zip(samples, generations, strict=True)
        ]

    def _score(self, sample: Sample, generation: Generation) -> list[Score]:
        labels = [name for name in str(sample.metadata.get("labels") or "").split("|") if name]
        number, several = sample.metadata.get("label_number"), bool(sample.metadata.get("several"))
        if not labels or not isinstance(number, int):
            return self._missing("the sample has no labels, or none that is right")
        weights, text = generation.choice_logprobs, generation.text or ""
        if weights is None and not text.strip():
            return self._missing("empty answer")
        if weights is not None:
            read = self._weighed(weights, labels)
        elif several:
            chosen, why = read_labels(text, labels)
            read = _Read(None if chosen is None else sum(2**place for place in chosen), why)
        else:
            place, why = read_label(text, labels, generation.finish_reason == "length")
            read = _Read(None if place is None else place + 1, why)
        known = read.values(number, several)
        return [
            Score(metric, known[metric], explanation=None if metric == "label_target" else read.why)
            if metric in known
            else Score.missing(metric, read.no_weights if metric in self.asides else read.why)
            for metric in self.metrics
        ]

    def _missing(self, reason: str) -> list[Score]:
        return [Score.missing(metric, reason) for metric in self.metrics]

    def _weighed(self, weights: Sequence[float], labels: Sequence[str]) -> _Read:
        masses = [math.exp(min(weight, 1.0)) for weight in weights]
        mass = sum(masses)
        if len(weights) != len(labels) or not mass <= 1.01:
            why = f"the weights {list(weights)} are no probabilities of {len(labels)} labels"
            return _Read(None, why, answered=False, no_weights=why)
        weighed = {"label_mass": min(1.0, mass)}
        if mass < self.floor:
            why = f"the labels hold {mass:.3g} of the probability, less than {self.floor:g}"
            return _Read(None, why, answered=False, weighed=weighed, no_weights=why)
        leaders = [place for place, weight in enumerate(weights) if weight == max(weights)]
        share = max(masses) / mass if mass else 0.0
        why = f"p={share:.3f} of the {mass:.3f} that the labels hold"
        if len(leaders) > 1:
            why = f"{len(leaders)} labels are equally probable: {why}"
            return _Read(None, why, weighed=weighed, no_weights=why)
        place = leaders[0]
        weighed["label_confidence"] = share
        return _Read(place + 1, f"{labels[place]}, {why}", weighed=weighed)


@dataclass(frozen=True, slots=True)
class _Read:
    """What was made of one answer."""

    number: int | None
    why: str
    answered: bool = True
    """Whether what was not read is an answer, and so a wrong one in the strict sense."""
    weighed: Mapping[str, float] = field(default_factory=dict)
    no_weights: str = WRITTEN

    def values(self, target: int, several: bool) -> dict[str, float]:
        """Every metric that is known."""
        known = {"label_target": float(target), "label_parsed": 0.0, **self.weighed}
        if self.number is not None:
            right = float(self.number == target)
            known |= {"label": float(self.number), "label_strict": float(self.number)}
            known |= {"label_right": right, "label_right_strict": right, "label_parsed": 1.0}
            if "label_confidence" in known and not right:
                known["label_confidence"] *= -1
        elif self.answered:
            known |= {"label_strict": -1.0 if several else 0.0, "label_right_strict": 0.0}
        return known
