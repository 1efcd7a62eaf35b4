"""How far the words that an answer quotes are those that people marked."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from harness.scorers.justification.words import words_of
from harness.scorers.reading.marks import unemphasised
from harness.types import Direction, Generation, Metric, Sample, Score, well_formed

SHARE = Metric(low=0.0, high=1.0, better=Direction.HIGHER)
LINE = re.compile(
    r"(?:^|\n|[.;,{]\s*)\W*(?:quote|explanation|evidence|words|span|because|rationale)\b[\"'\s]*[:=]\s*"
    r"(?P<rest>[^\n]*)",
    re.IGNORECASE,
)
QUOTED = re.compile(r"[\"\u201c]([^\"\u201c\u201d\n]{2,})[\"\u201d]")
METRICS = (
    "rationale_f1", "rationale_precision", "rationale_recall", "rationale_iou",
    "rationale_covered", "rationale_verbatim", "rationale_quoted",
)  # fmt: skip
MOST_READ = 20_000
"""Characters of an answer that are read."""


class RationaleScorer:
    r"""Gives the overlap of an answer's quote with the metadata `explanation`, by words.

    `rationale_precision`, `rationale_recall` and `rationale_f1` count words without case, each as
    often as it stands there; `rationale_iou` is the share of all different words of both that both
    hold. `rationale_covered`: 1 where more than half of the marked words are quoted, which is how
    WellDunn counts attention overlap. `rationale_verbatim`: 1 where the quote stands in the
    metadata `text`. All 0 to 1, and missing where nothing is quoted or marked. `rationale_quoted`:
    1 where something is quoted, 0 where nothing is.

    >>> facts = {"text": "I sleep badly and miss my friends.", "explanation": "miss my friends"}
    >>> answer = Generation("1", 0, 'Answer: social\nQuote: "my friends"')
    >>> (scores,) = RationaleScorer().score([Sample("1", "?", metadata=facts)], [answer])
    >>> {score.metric: score.value for score in scores}["rationale_f1"]
    0.8

    Args:
        reference: the metadata that holds the words which people marked.
    """

    metrics: Mapping[str, Metric] = dict.fromkeys(METRICS, SHARE)
    asides = METRICS
    device = None
    exact = True

    def __init__(self, reference: str = "explanation") -> None:
        self.reference = reference

    @property
    def identity(self) -> Mapping[str, str]:
        """The version of the reading, and the reference."""
        return {"scorer": "rationale", "version": "1", "reference": self.reference}

    def score(
        self, samples: Sequence[Sample], generations: Sequence[Generation]
    ) -> list[list[Score]]:
        """Compare every quote with its sample's; where either is empty it is missing."""
        return [
            self._score(sample, generation)
            for sample, generation in zip(samples, generations, strict=True)
        ]

    def _score(self, sample: Sample, generation: Generation) -> list[Score]:
        marked = words_of(str(sample.metadata.get(self.reference) or ""))
        answer = well_formed(generation.text or "")[:MOST_READ]
        if not marked or not answer.strip():
            reason = "empty answer" if marked else f"the sample has no {self.reference}"
            return [Score.missing(metric, reason) for metric in self.metrics]
        quote = quoted(answer)
        words = words_of(quote or "")
        if quote is None or not words:
            scores = [Score.missing(metric, "it quotes nothing") for metric in self.metrics]
            return [*scores[:-1], Score("rationale_quoted", 0.0)]
        text = " ".join(words_of(str(sample.metadata.get("text") or "")))
        values = overlap(words, marked)
        values |= {"verbatim": float(f" {' '.join(words)} " in f" {text} "), "quoted": 1.0}
        return [
            Score(metric, values[metric.removeprefix("rationale_")], explanation=quote)
            for metric in self.metrics
        ]


def quoted(answer: str) -> str | None:
    r"""What an answer quotes: behind "Quote:", or between the last quotation marks.

    >>> quoted("It is social: she writes \u201cno friends\u201d.")
    'no friends'

    Args:
        answer: as it was written.
    """
    answer = unemphasised(answer)
    lines = list(LINE.finditer(answer))
    if lines and lines[-1]["rest"].strip(" \t\"'}]."):
        remainder = lines[-1]["rest"].strip()
        inner = QUOTED.search(remainder)
        return inner[1] if inner else remainder.strip(" \t\"'}]")
    marks = QUOTED.findall(answer)
    return marks[-1] if marks else None


def overlap(words: Sequence[str], marked: Sequence[str]) -> dict[str, float]:
    """Precision, recall, F1, intersection over union, and whether more than half is covered.

    >>> overlap(["my", "friends"], ["my", "old", "friends", "left"])["recall"]
    0.5

    Args:
        words: that were quoted, one at least.
        marked: by people, likewise.
    """
    common = sum((Counter(words) & Counter(marked)).values())
    precision, recall = common / len(words), common / len(marked)
    both, either = set(words) & set(marked), set(words) | set(marked)
    return {
        "precision": precision,
        "recall": recall,
        "f1": 2 * common / (len(words) + len(marked)),
        "iou": len(both) / len(either),
        "covered": float(recall > 0.5),
    }
