"""Which spans of a text an answer names, against those that are right."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from harness.scorers.reading.written_spans import FORMS, Span, read_spans
from harness.types import Direction, Generation, Metric, Sample, Score

SHARE = Metric(low=0.0, high=1.0, better=Direction.HIGHER)
KINDS: Mapping[str, Sequence[str]] = {
    "drug": ("drug", "medicine", "medication"),
    "effect": ("adverse event", "adverse effect", "side effect", "effect", "event", "reaction"),
}


class SpansScorer:
    """Gives F1 of the spans that an answer names, of a sample with metadata `text` and `spans`.

    `span_strict`: a span is right where its kind and both its ends are; `span_lenient`: where its
    kind is and it shares a character with one that is right. Both are the F1 of one answer, 0 to 1,
    and 1 where there is nothing to name and nothing was named; their explanations hold the counts
    that `SpanMeasure` sums over samples: of each kind the spans given that are right, given, right
    and found, and right. `span_parsed`: 1 where spans, or that there are none, could be read;
    `span_exact`: 1 where all are right and none is missing. `span_invented`: the share of the named
    spans that do not stand in the text. `span_strict_unparsed` has 0 for what could not be read.

    >>> facts = {"text": "Rash after penicillin.", "spans": '[["drug", 11, 21]]'}
    >>> answer = Generation("1", 0, "drug: penicillin, aspirin")
    >>> (scores,) = SpansScorer().score([Sample("1", "?", metadata=facts)], [answer])
    >>> scores[0].metric, round(scores[0].value, 3)
    ('span_strict', 0.667)

    Args:
        kinds: of each kind of span the words that an answer may have for it.
    """

    metrics: Mapping[str, Metric] = {
        "span_strict": SHARE,
        "span_lenient": SHARE,
        "span_strict_unparsed": SHARE,
        "span_parsed": SHARE,
        "span_exact": SHARE,
        "span_invented": Metric(low=0.0, high=1.0, better=Direction.LOWER),
    }
    asides = ("span_invented",)
    device = None
    exact = True

    def __init__(self, kinds: Mapping[str, Sequence[str]] | None = None) -> None:
        self.kinds = {kind: tuple(words) for kind, words in (kinds or KINDS).items()}

    @property
    def identity(self) -> Mapping[str, str]:
        """The version of the reading, and the kinds."""
        kinds = json.dumps(self.kinds, sort_keys=True)
        return {"scorer": "spans", "version": "1", "forms": str(FORMS), "kinds": kinds}

    def score(
        self, samples: Sequence[Sample], generations: Sequence[Generation]
    ) -> list[list[Score]]:
        """Read every answer; what cannot be read is missing, with the reason."""
        return [
            self._score(sample, generation)
            for sample, generation in zip(samples, generations, strict=True)
        ]

    def _score(self, sample: Sample, generation: Generation) -> list[Score]:
        text, spans = sample.metadata.get("text"), sample.metadata.get("spans")
        if not isinstance(text, str) or not isinstance(spans, str):
            return self._missing("the sample has no text with spans")
        answer = generation.text or ""
        if not answer.strip():
            return self._missing("empty answer")
        predicted = read_spans(answer, text, self.kinds)
        right = [Span(*span) for span in json.loads(spans)]
        if predicted is None:
            scores = self._missing("it names no spans, and does not say that there are none")
            scores[2] = Score("span_strict_unparsed", 0.0)
            scores[3] = Score("span_parsed", 0.0)
            return scores
        strict, lenient = (_counts(predicted, right, self.kinds, same) for same in (_equal, _touch))
        invented = sum(span.start < 0 for span in predicted)
        exact = float(sorted(predicted) == sorted(right))
        return [
            Score("span_strict", f1(strict), explanation=json.dumps(strict)),
            Score("span_lenient", f1(lenient), explanation=json.dumps(lenient)),
            Score("span_strict_unparsed", f1(strict)),
            Score("span_parsed", 1.0),
            Score("span_exact", exact),
            Score("span_invented", invented / len(predicted)) if predicted
            else Score.missing("span_invented", "it names no spans"),
        ]  # fmt: skip

    def _missing(self, reason: str) -> list[Score]:
        return [Score.missing(metric, reason) for metric in self.metrics]


def _equal(span: Span, other: Span) -> bool:
    return span == other


def _touch(span: Span, other: Span) -> bool:
    return span.kind == other.kind and span.start < other.end and other.start < span.end


def _counts(
    predicted: Sequence[Span], right: Sequence[Span], kinds: Mapping[str, object], same: object
) -> dict[str, list[int]]:
    """Of each kind: predicted and right, predicted, right and found, right.

    A span that is named twice is predicted twice; as a whole span it is right once.
    """
    counts = {}
    for kind in kinds:
        named = [span for span in predicted if span.kind == kind]
        right_of_kind = [span for span in right if span.kind == kind]
        if same is _equal:
            unmatched = list(right_of_kind)
            met = 0
            for span in named:
                if span in unmatched:
                    unmatched.remove(span)
                    met += 1
            reached = met
        else:
            met = sum(any(_touch(span, other) for other in right_of_kind) for span in named)
            reached = sum(any(_touch(span, other) for other in named) for span in right_of_kind)
        counts[kind] = [met, len(named), reached, len(right_of_kind)]
    return counts


def f1(counts: Mapping[str, Sequence[int]]) -> float:
    """The harmonic mean of precision and recall over all kinds; 1 where nothing is and was named.

    >>> f1({"drug": [1, 2, 1, 1], "effect": [0, 0, 0, 0]})
    0.6666666666666666

    Args:
        counts: of each kind: predicted and right, predicted, right and found, right.
    """
    met, predicted, reached, right = (sum(column) for column in zip(*counts.values(), strict=True))
    if not predicted and not right:
        return 1.0
    precision, recall = met / predicted if predicted else 0.0, reached / right if right else 0.0
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
