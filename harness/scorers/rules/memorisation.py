"""How much of a text that a model may have learned it writes again, and whether it can be read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from harness.scorers.babble import VERSION, babbled
from harness.scorers.dictionary import COMMON
from harness.scorers.justification.words import words_of
from harness.types import Direction, Generation, HarnessError, Metric, Sample, Score, well_formed

SHARE = Metric(low=0.0, high=1.0, better=Direction.HIGHER)
WRITTEN = "recall_asked"
MOST_READ = 10_000
"""Characters of an answer that are compared."""
CUT, CUTS = "cut", ("none", "answer")
"""Metadata that says where an answer ends: as it was written, or before a blank line and before
another question."""
_NEXT = re.compile(r"\n\s*\n|\n?\s*question\b", re.IGNORECASE)
RUN, FEWEST, DISTINCT = 8, 40, 0.3
"""Characters of a run, of a text that is looked at, and the share of different runs below which it
repeats itself: prose has above .9."""
SENTENCE, LITTLE, ASCII = 15, 0.12, 0.9
"""Words of a text that is looked at, the share of them that are little ones below which they form
no sentences (prose has above .25, words drawn at random below .07), and the share that is in
ASCII, for little words of other scripts are not listed."""
ENGLISH = """the a an of to and in is was it that for on with as by be at from are were has had have
not this who which you i he she they we or but his her its their will would can if there"""
_WORD = re.compile(r"[^\W\d_]+")


class MemorisationScorer:
    """Gives how far an answer is its sample's target, from 0 to 1, and whether it is coherent.

    `recall_f1`, `recall_share`: F1 and recall of the longest common subsequence of words (ROUGE-L,
    Lin 2004, by rouge-score, no stemmer), by `words_of`. `coherent`: 1 unless it repeats itself, is
    noise by the rules of `babbled`, or forms no sentences. `recall_asked`: 1 where the sample has a
    target and the answer was written, 0 where choices were weighed: the others are then missing,
    and nothing has failed. An empty answer is missing, and is no forgetting.

    >>> sample = Sample("1", "?", target="A toll on lorries")
    >>> (scores,) = MemorisationScorer().score([sample], [Generation("1", 0, " a toll")])
    >>> [(score.metric, round(score.value, 3)) for score in scores][:2]
    [('recall_f1', 0.667), ('recall_share', 0.5)]
    """

    metrics: Mapping[str, Metric] = dict.fromkeys(
        ("recall_f1", "recall_share", "coherent", WRITTEN), SHARE
    )
    nothing_where = WRITTEN
    device = None
    exact = True

    @property
    def identity(self) -> Mapping[str, str]:
        """The version of the rules."""
        return {"scorer": "memorisation", "version": "1", "babble": VERSION}

    def score(
        self, samples: Sequence[Sample], generations: Sequence[Generation]
    ) -> list[list[Score]]:
        """Compare every answer with its sample's target."""
        return [self._score(s, g) for s, g in zip(samples, generations, strict=True)]

    def _score(self, sample: Sample, generation: Generation) -> list[Score]:
        if generation.choice_logprobs is not None:
            return self._missing("choices were weighed: nothing was written", 0.0)
        answer = cut(well_formed(generation.text or "")[:MOST_READ], sample)
        if not answer.strip():
            return self._missing("empty answer")
        target = well_formed(sample.target or "")
        if not words_of(target):
            return self._missing("the sample has no target", 0.0)
        f1, share = recalled(target, answer)
        why = babbled(answer) or incoherent(answer)
        coherence = Score("coherent", float(why is None), explanation=why)
        return [
            Score("recall_f1", f1),
            Score("recall_share", share),
            coherence,
            Score(WRITTEN, 1.0),
        ]

    def _missing(self, reason: str, asked: float | None = None) -> list[Score]:
        scores = [Score.missing(metric, reason) for metric in self.metrics]
        return scores if asked is None else [*scores[:-1], Score(WRITTEN, asked)]


def recalled(target: str, answer: str) -> tuple[float, float]:
    """ROUGE-L's F1 and recall of a target's words by an answer, each from 0 to 1.

    >>> recalled("Ash, oak and elm", "oak and elm and ash")[1]
    0.75
    """
    rouge = _rouge().score(target, answer)["rougeL"]
    return float(rouge.fmeasure), float(rouge.recall)


def cut(answer: str, sample: Sample) -> str:
    r"""An answer up to where its sample says that it ends.

    >>> cut("a toll\n\nQuestion: and", Sample("1", "?", metadata={"cut": "answer"}))
    'a toll'

    Raises:
        HarnessError: the sample says something else than `CUTS`.
    """
    where = sample.metadata.get(CUT) or "none"
    if where not in CUTS:
        raise HarnessError(f"sample {sample.id!r}: {CUT}={where!r} is not one of {', '.join(CUTS)}")
    body = answer.lstrip()
    following = _NEXT.search(body) if where == "answer" else None
    return body[: following.start()] if following else answer if where == "none" else body


def incoherent(text: str) -> str | None:
    """Why a text cannot be read, by its runs of characters and its words; None where it can.

    >>> incoherent("la" * 30), incoherent("A toll on lorries.")
    ('it repeats itself', None)
    """
    runs = [text[at : at + RUN] for at in range(len(text) - RUN + 1)]
    if len(text) >= FEWEST and len(set(runs)) < DISTINCT * len(runs):
        return "it repeats itself"
    words = [word.lower() for word in _WORD.findall(text)]
    if len(words) < SENTENCE or sum(map(str.isascii, words)) < ASCII * len(words):
        return None
    if sum(word in _little_words() for word in words) < LITTLE * len(words):
        return "its words form no sentences"
    return None


@cache
def _little_words() -> frozenset[str]:
    """Articles, pronouns, prepositions and the like, of English and of 44 other languages."""
    return frozenset(ENGLISH.split()).union(*COMMON.values())


@cache
def _rouge() -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(["rougeL"], tokenizer=_Words())


class _Words:
    """Gives rouge-score the words of a text in any script."""

    def tokenize(self, text: str) -> list[str]:
        return words_of(text)
