"""Labels that are each said to hold or not, as fields of JSON or YAML: organs that are harmed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from harness.scorers.reading.structured import read_fields
from harness.types import Direction, Generation, Metric, Sample, Score

ENDINGS = ("", "_toxicity", "_toxic", "_prediction", "_label", "_answer", "_value", "_result")
"""What models add to a label's name, or put inside of it as a field."""
SYNONYMS = {
    "cardio": ("heart", "cardiac", "cardiotoxicity", "cardiovascular"),
    "hematological": ("blood", "haematological", "hematotoxicity", "haematotoxicity",
                      "hematologic", "bone_marrow"),
    "infertility": ("fertility", "reproductive"),
    "liver": ("hepatotoxicity", "hepatic", "hepato"),
    "pulmonary": ("lung", "lungs", "pulmonary_toxicity", "respiratory"),
    "renal": ("kidney", "kidneys", "nephrotoxicity", "nephro"),
}  # fmt: skip
YES = re.compile(r"(?i)\W*(?:1(?:\.0)?|yes|true|toxic|positive|present|high)\b(?!\W*(?:or|/)\b).*")
NO = re.compile(
    r"(?i)\W*(?:0(?:\.0)?|no|false|none|non[- ]?toxic|not toxic|negative|absent|low)\b"
    r"(?!\W*(?:or|/|data|information|evidence|known)\b).*"
)
MOST_LABELS = 20
SHORT = 200
"""Letters of a value; what is longer is prose."""
UNIT = Metric(0.0, 1.0, Direction.HIGHER)


class YesFieldsScorer:
    """Gives which labels of a sample an answer says yes to; `target` is JSON of label to 0 or 1.

    `labels_right`: the share of the labels that are as they should be, 0 to 1; missing where any
    label cannot be read, and 0 in `labels_right_strict`. `labels_all`: 1 where all are right,
    `labels_all_strict` likewise. `labels_read`: 1 where all can be read. `labels_said`: those that
    are said to hold as a sum of powers of two, the first label's being 1, which `LabelMeasure`
    reads. `labels_yes`, `labels_true`: how many are said to hold, and do.

    >>> sample = Sample("1", "?", target='{"liver": 1, "renal": 0}')
    >>> answer = Generation("1", 0, "{'Liver toxicity': 'Yes', 'renal': 'yes'}")
    >>> (scores,) = YesFieldsScorer().score([sample], [answer])
    >>> scores[0].value, scores[0].explanation
    (0.5, 'yes: liver, renal')
    """

    metrics: Mapping[str, Metric] = {
        "labels_right": UNIT,
        "labels_right_strict": UNIT,
        "labels_read": UNIT,
        "labels_all": UNIT,
        "labels_all_strict": UNIT,
        "labels_said": Metric(0.0, 2.0**MOST_LABELS, Direction.HIGHER),
        "labels_yes": Metric(0.0, MOST_LABELS, Direction.LOWER),
        "labels_true": Metric(0.0, MOST_LABELS, Direction.LOWER),
    }
    device = None
    """None: reading fields needs none."""
    exact = True

    @property
    def identity(self) -> Mapping[str, str]:
        """The version of the reading."""
        return {"scorer": "yes_fields", "version": "1"}

    def score(
        self, samples: Sequence[Sample], generations: Sequence[Generation]
    ) -> list[list[Score]]:
        """Read every answer; what is neither yes nor no is missing."""
        return [
            self._score(sample, generation.text or "")
            for sample, generation in zip(samples, generations, strict=True)
        ]

    def _score(self, sample: Sample, text: str) -> list[Score]:
        truth = _truth(sample)
        if truth is None:
            reason = "the sample's target is no JSON object of labels"
            return [Score.missing(metric, reason) for metric in self.metrics]
        if not text.strip():
            return [Score.missing(metric, "empty answer") for metric in self.metrics]
        fields, reason = _read(text, list(truth))
        values = {
            "labels_right_strict": 0.0,
            "labels_read": 0.0,
            "labels_all_strict": 0.0,
            "labels_true": float(sum(truth.values())),
        }
        if fields is not None:
            right = sum(fields[name] == known for name, known in truth.items()) / len(truth)
            whole = float(right == 1)
            values |= {"labels_right": right, "labels_right_strict": right, "labels_read": 1.0}
            values |= {"labels_all": whole, "labels_all_strict": whole}
            values["labels_yes"] = float(sum(fields.values()))
            values["labels_said"] = float(sum(2**n for n, name in enumerate(truth) if fields[name]))
            reason = f"yes: {', '.join(name for name in truth if fields[name]) or 'none'}"
        return [
            Score(metric, values[metric], explanation=reason)
            if metric in values
            else Score.missing(metric, reason)
            for metric in self.metrics
        ]


def _truth(sample: Sample) -> dict[str, bool] | None:
    try:
        target = json.loads(sample.target or "")
    except (ValueError, RecursionError):
        return None
    if not isinstance(target, dict) or not target:
        return None
    return {str(name): bool(value) for name, value in target.items()}


def _read(text: str, labels: Sequence[str]) -> tuple[dict[str, bool] | None, str]:
    """Each label's yes or no, or None and why they cannot be read."""
    spellings = {
        f"{spelling}{ending}": label
        for label in labels
        for spelling in (label, *SYNONYMS.get(label, ()))
        for ending in ENDINGS
    }
    written = read_fields(text, spellings)
    if not written:
        return None, "no object with the labels that were asked for"
    fields: dict[str, bool] = {}
    for name, value in written.items():
        yes = len(value) <= SHORT and YES.fullmatch(value) is not None
        no = len(value) <= SHORT and NO.fullmatch(value) is not None
        if yes == no:
            return None, f"{name} is {value[:40]!r}, neither yes nor no"
        if fields.setdefault(spellings[name], yes) != yes:
            return None, f"{spellings[name]} is both yes and no"
    lacking = [label for label in labels if label not in fields]
    return (None, f"{lacking[0]} is not there") if lacking else (fields, "")
