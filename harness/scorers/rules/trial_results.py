"""The numbers of a trial's two arms as an answer gives them, against those that are known."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from harness.scorers.reading.numbers import NumberRead, read_number
from harness.scorers.reading.structured import read_fields
from harness.scorers.rules.effects import log_odds_ratio, standardised_mean_difference
from harness.types import Direction, Generation, HarnessError, Metric, Sample, Score

UNKNOWN = "x"
"""What an answer and a reference write where a number is not known; it is never 0."""
MOST_FIELDS = 6
MOST_ERROR = 1000.0
"""Of an effect; what numbers of people can give stays far inside, what is made up need not."""
SYNONYMS = {
    "events": ("event", "number_of_events", "n_events"),
    "group_size": ("n", "size", "sample_size", "total", "group_total"),
    "mean": ("average",),
    "standard_deviation": ("sd", "std", "standard_dev"),
}
COMPARED = ("plain", "published")
BOTH_ZERO = ("add", "drop")
HIGHER, LOWER = Direction.HIGHER, Direction.LOWER


class TrialResultsScorer:
    r"""Gives how far the fields of an answer are those of a sample whose `target` is their JSON.

    `parsed`: 1 where every field is a number or is said to be unknown ("x", "N/A"); what is neither
    (a range, a percentage in the place of a count, a field that is not there) makes the answer one
    that cannot be read. `exact_match`: 1 where all fields are equal, unknown ones too; missing
    where it cannot be read, and 0 in `exact_match_strict`. `fields_equal`: how many are, and
    `fields_equal_strict` likewise. `unknown`, `unknown_wrongly`: how many are said to be unknown,
    and are though the reference has them; `reference_unknown`: how many it has not.
    `all_unknown`: the baseline, 1 where who always says unknown is exactly right.

    `reference_effect`: 1 where the reference's numbers give an effect, and `effect_computed` where
    the answer's do too; `effect_error` is then how far one is from the other, of log odds ratios or
    of standardised mean differences.

    >>> target = '{"intervention_events": "3", "intervention_group_size": "x"}'
    >>> sample = Sample("1", "?", target=target, metadata={"asked": "binary"})
    >>> answer = Generation("1", 0, "intervention:\n  events: 3\n  group_size: N/A")
    >>> (scores,) = TrialResultsScorer().score([sample], [answer])
    >>> scores[0].value, scores[1].value
    (1.0, 1.0)

    Args:
        compared: `plain` (numbers), or `published`: as the authors' code does, to which a
            reference with a comma is a text, and an arm with a negative mean or deviation unknown.
        both_zero: `add` .5 to each cell of a table with two zeros, as with one, or `drop` it.

    Raises:
        HarnessError: an option has no such value.
    """

    metrics: Mapping[str, Metric] = {
        "parsed_fields": Metric(0.0, 1.0, HIGHER),
        "exact_match": Metric(0.0, 1.0, HIGHER),
        "exact_match_strict": Metric(0.0, 1.0, HIGHER),
        "fields_equal": Metric(0.0, MOST_FIELDS, HIGHER),
        "fields_equal_strict": Metric(0.0, MOST_FIELDS, HIGHER),
        "unknown": Metric(0.0, MOST_FIELDS, LOWER),
        "unknown_wrongly": Metric(0.0, MOST_FIELDS, LOWER),
        "reference_unknown": Metric(0.0, MOST_FIELDS, LOWER),
        "all_unknown": Metric(0.0, 1.0, HIGHER),
        "reference_effect": Metric(0.0, 1.0, HIGHER),
        "effect_computed": Metric(0.0, 1.0, HIGHER),
        "effect_error": Metric(0.0, MOST_ERROR, LOWER),
    }
    asides = ("effect_error",)
    device = None
    """None: reading fields needs none."""
    exact = True

    def __init__(self, compared: str = "plain", both_zero: str = "add") -> None:
        for option, value, known in (
            ("compared", compared, COMPARED),
            ("both_zero", both_zero, BOTH_ZERO),
        ):
            if value not in known:
                raise HarnessError(
                    f"scorers.trial_results.{option}={value!r} is not one of {', '.join(known)}"
                )
        self.compared = compared
        self.both_zero = both_zero

    @property
    def identity(self) -> Mapping[str, str]:
        """The version of the reading, and what is compared how."""
        return {
            "scorer": "trial_results",
            "version": "1",
            "compared": self.compared,
            "both_zero": self.both_zero,
        }

    def score(
        self, samples: Sequence[Sample], generations: Sequence[Generation]
    ) -> list[list[Score]]:
        """Compare every answer; what cannot be read is missing, with the reason."""
        return [
            self._score(sample, generation.text or "")
            for sample, generation in zip(samples, generations, strict=True)
        ]

    def _score(self, sample: Sample, text: str) -> list[Score]:
        reference = _reference(sample)
        if reference is None:
            reason = "the sample's target is no JSON object of fields"
            return [Score.missing(metric, reason) for metric in self.metrics]
        if not text.strip():
            return [Score.missing(metric, "empty answer") for metric in self.metrics]
        read = _read(text, reference, published=self.compared == "published")
        known = self._values(reference, read)
        return [
            Score(metric, known[metric], explanation=read.summary)
            if metric in known
            else Score.missing(metric, read.reason or "no effect of both", read.summary)
            for metric in self.metrics
        ]

    def _values(self, reference: Mapping[str, str], read: _Read) -> dict[str, float]:
        unknown = [name for name, text in reference.items() if read_number(text).unknown]
        values = {
            "parsed_fields": 0.0,
            "exact_match_strict": 0.0,
            "fields_equal_strict": 0.0,
            "reference_unknown": float(len(unknown)),
            "all_unknown": float(len(unknown) == len(reference)),
        }
        reference_effect = self._effect(
            {name: read_number(text).value for name, text in reference.items()}
        )
        values |= {"reference_effect": float(reference_effect is not None), "effect_computed": 0.0}
        if read.reason:
            return values
        equal = sum(self._equal(text, read.fields[name]) for name, text in reference.items())
        unknown_given = [name for name, text in read.fields.items() if read_number(text).unknown]
        exact = float(equal == len(reference))
        values |= {
            "parsed_fields": 1.0,
            "exact_match": exact,
            "exact_match_strict": exact,
            "fields_equal": float(equal),
            "fields_equal_strict": float(equal),
            "unknown": float(len(unknown_given)),
            "unknown_wrongly": float(len(set(unknown_given) - set(unknown))),
        }
        effect = self._effect({name: read_number(text).value for name, text in read.fields.items()})
        if reference_effect is not None and effect is not None:
            values["effect_computed"] = 1.0
            values["effect_error"] = min(MOST_ERROR, abs(effect - reference_effect))
        return values

    def _equal(self, reference: str, written: str) -> bool:
        truth, other = read_number(reference), read_number(written)
        if truth.unknown or other.unknown:
            return truth.unknown and other.unknown
        if self.compared == "published" and "," in reference + written:
            return reference == written
        return truth.value is not None and truth.value == other.value

    def _effect(self, fields: Mapping[str, float | None]) -> float | None:
        """The effect, where all that it needs is known."""
        numbers = [value for value in fields.values() if value is not None]
        if len(numbers) < len(fields):
            return None
        if len(fields) == MOST_FIELDS:
            return standardised_mean_difference(numbers)
        return log_odds_ratio(numbers, self.both_zero) if len(fields) == 4 else None


class _Read(NamedTuple):
    """The fields of an answer, or why they cannot be read."""

    fields: Mapping[str, str]
    reason: str = ""

    @property
    def summary(self) -> str:
        """What was read, for people."""
        return ", ".join(f"{name} {text}" for name, text in self.fields.items())


def _reference(sample: Sample) -> dict[str, str] | None:
    try:
        target = json.loads(sample.target or "")
    except (ValueError, RecursionError):
        return None
    if not isinstance(target, dict) or not target:
        return None
    return {str(name): str(value) for name, value in target.items()}


def _read(text: str, reference: Mapping[str, str], published: bool) -> _Read:
    spellings = {spelling: name for name in reference for spelling in _spellings(name)}
    written = read_fields(text, spellings)
    if not written:
        return _Read({}, "no object with the fields that were asked for")
    named: dict[str, str] = {}
    for spelling, value in written.items():
        if named.setdefault(spellings[spelling], value) != value:
            return _Read(named, f"{spellings[spelling]} stands twice, with values that differ")
    lacking = [name for name in reference if name not in named]
    if lacking:
        return _Read(named, f"{lacking[0]} is not there")
    for name, value in named.items():
        if not _is_field(read_number(value), name):
            return _Read(named, f"{name} is {value[:40]!r}, not one number")
    fields = {name: named[name] for name in reference}
    return _Read(_without_negative_arms(fields) if published else fields)


def _is_field(number: NumberRead, name: str) -> bool:
    """Whether something is unknown or a number, which a percentage is not in a count's place."""
    counted = name.endswith(("events", "group_size"))
    return number.unknown or (
        number.value is not None and not (counted and number.unit.startswith("%"))
    )


def _spellings(name: str) -> list[str]:
    arm, _, field = name.partition("_")
    arms = (arm, "control") if arm == "comparator" else (arm,)
    return [f"{a}_{spelling}" for a in arms for spelling in (field, *SYNONYMS.get(field, ()))]


def _without_negative_arms(fields: dict[str, str]) -> dict[str, str]:
    negative = {
        name.partition("_")[0]
        for name, text in fields.items()
        if re.search("mean|deviation", name) and (read_number(text).value or 0) < 0
    }
    return {n: UNKNOWN if n.partition("_")[0] in negative else t for n, t in fields.items()}
