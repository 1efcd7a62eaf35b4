"""How far a rewritten text's words and characters are those of people's rewriting."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

from harness.scorers.rewriting.texts import UNSPACED, Rewriting
from harness.types import Direction, Generation, HarnessError, Metric, Sample, Score, well_formed

SHARE = Metric(low=0.0, high=1.0, better=Direction.HIGHER)
MEASURES = ("rewrite_bleu", "rewrite_chrf")
BASELINES = ("unchanged", "deleted")
OF_BASELINES = tuple(f"{measure}_{b}" for b in BASELINES for measure in MEASURES)
MOST_READ = 10_000
"""Characters of an answer that are compared."""


class RewriteOverlapScorer:
    """Gives BLEU and chrF++ of a rewriting against people's, 0 to 1; higher is nearer.

    `rewrite_bleu`: sacrebleu's of one sentence, without case, over the words of its tokenizer `zh`
    in Chinese, of `char` in other languages without spaces, and else of `13a`. `rewrite_chrf`:
    sacrebleu's chrF with words up to pairs (chrF++). Their explanations are the counts that
    `CorpusOverlap` sums over texts. Both again with `_unchanged` for the text as it was asked and
    `_deleted` for what is left of it without the marked words. `left_unchanged`: 1 where the answer
    is the text as it was asked.

    Neither says that nothing toxic is left: a text that is merely repeated is near.

    >>> facts = {"text": "You silly ass.", "reference": "You annoy me.", "language": "en"}
    >>> answer = Generation("1", 0, "You annoy me.")
    >>> (scores,) = RewriteOverlapScorer().score([Sample("1", "?", metadata=facts)], [answer])
    >>> [(score.metric, round(score.value, 6)) for score in scores][:2]
    [('rewrite_bleu', 1.0), ('rewrite_chrf', 1.0)]

    Raises:
        HarnessError: sacrebleu is not there.
    """

    metrics: Mapping[str, Metric] = {
        **dict.fromkeys(MEASURES, SHARE),
        "left_unchanged": Metric(low=0.0, high=1.0, better=Direction.LOWER),
        **dict.fromkeys(OF_BASELINES, SHARE),
    }
    asides = OF_BASELINES
    device = None
    exact = True

    def __init__(self) -> None:
        if find_spec("sacrebleu") is None:
            raise HarnessError(
                'BLEU and chrF++ need the package sacrebleu: pip install "harness[rewriting]"'
            )

    @property
    def identity(self) -> Mapping[str, str]:
        """The library that counts."""
        return {"scorer": "rewrite_overlap", "version": "1", "sacrebleu": version("sacrebleu")}

    def score(
        self, samples: Sequence[Sample], generations: Sequence[Generation]
    ) -> list[list[Score]]:
        """Compare every answer with its sample's reference; an empty one is missing."""
        return [
            self._score(Rewriting.of(sample), well_formed(generation.text or "")[:MOST_READ])
            for sample, generation in zip(samples, generations, strict=True)
        ]

    def _score(self, asked: Rewriting | None, answer: str) -> list[Score]:
        reason = "empty answer" if asked else "the sample has no text with its rewriting"
        if asked is None or not answer.strip():
            return [Score.missing(metric, reason) for metric in self.metrics]
        scores = _of(asked, answer.strip(), "")
        scores.append(Score("left_unchanged", float(answer.strip() == asked.text.strip())))
        baselines = asked.baselines()
        for name in BASELINES:
            scores += _of(asked, baselines[name], f"_{name}")
        return scores


def _of(asked: Rewriting, text: str, ending: str) -> list[Score]:
    """Both measures of a text, with their counts."""
    bleu, chrf = _libraries(_tokenizer(asked.language))
    by_words = bleu.sentence_score(text, [asked.reference])
    counts = [*by_words.counts, *by_words.totals, by_words.sys_len, by_words.ref_len]
    by_characters = chrf.sentence_score(text, [asked.reference]).score / 100
    (parts,) = chrf._extract_corpus_statistics([text], [[asked.reference]])
    values = (min(1.0, by_words.score / 100), min(1.0, by_characters))
    return [
        Score(f"{name}{ending}", value, explanation=json.dumps(counted))
        for name, value, counted in zip(MEASURES, values, (counts, parts), strict=True)
    ]


def _tokenizer(language: str) -> str:
    """Which of sacrebleu's finds the words of a language."""
    return "zh" if language == "zh" else "char" if language in UNSPACED else "13a"


@lru_cache(maxsize=4)
def _libraries(tokenizer: str) -> tuple[Any, Any]:
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    return BLEU(lowercase=True, tokenize=tokenizer, effective_order=True), CHRF(word_order=2)
