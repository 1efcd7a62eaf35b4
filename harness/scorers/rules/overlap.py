"""How far an answer's words are those of a reference: BLEU and ROUGE."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

from harness.scorers.justification.words import words_of
from harness.types import Direction, Generation, HarnessError, Metric, Sample, Score, well_formed

SHARE = Metric(low=0.0, high=1.0, better=Direction.HIGHER)
ROUGE = {"rouge_1": "rouge1", "rouge_2": "rouge2", "rouge_longest": "rougeL"}
ASKED = "overlap_asked"
MOST_READ = 10_000
"""Characters of an answer that are compared."""


class OverlapScorer:
    """Gives BLEU and ROUGE of an answer against the reference in the sample's metadata, 0 to 1.

    `bleu`: sacrebleu's of one sentence, with the orders that it has (`effective_order`), over the
    words of `words_of`: each character is one in Chinese. `rouge_1`, `rouge_2`, `rouge_longest`:
    the F1 of words, of pairs of words and of their longest common subsequence, by rouge-score.
    `holds_reference`: 1 where the words of the reference stand in the answer, in one piece.
    `overlap_asked`: 1 where the sample has a reference, 0 where it has none: the others are then
    missing, and nothing has failed.

    None says whether an answer is right: a wrong one in the reference's words is near.

    >>> sample = Sample("1", "?", metadata={"explanation": "it burns the skin"})
    >>> (scores,) = OverlapScorer().score([sample], [Generation("1", 0, "It burns the skin!")])
    >>> [(score.metric, round(score.value, 6)) for score in scores][:2]
    [('bleu', 1.0), ('rouge_1', 1.0)]

    Args:
        reference: the metadata that holds it.

    Raises:
        HarnessError: sacrebleu is not there.
    """

    metrics: Mapping[str, Metric] = dict.fromkeys(("bleu", *ROUGE, "holds_reference", ASKED), SHARE)
    nothing_where = ASKED
    device = None
    exact = True

    def __init__(self, reference: str = "explanation") -> None:
        self.reference = reference
        if find_spec("sacrebleu") is None:
            raise HarnessError('BLEU needs the package sacrebleu: pip install "harness[overlap]"')

    @property
    def identity(self) -> Mapping[str, str]:
        """The reference, and the libraries that count."""
        return {
            "scorer": "overlap",
            "version": "1",
            "reference": self.reference,
            "sacrebleu": version("sacrebleu"),
        }

    def score(
        self, samples: Sequence[Sample], generations: Sequence[Generation]
    ) -> list[list[Score]]:
        """Compare every answer with its sample's reference; where either is empty it is missing."""
        return [
            self._score(generation, str(sample.metadata.get(self.reference) or ""))
            for sample, generation in zip(samples, generations, strict=True)
        ]

    def _score(self, generation: Generation, reference: str) -> list[Score]:
        answer = well_formed(generation.text or "")[:MOST_READ]
        words, reference_words = words_of(answer), words_of(reference)
        if not words or not reference_words:
            reason = "no words to compare" if answer.strip() else "empty answer"
            reason = reason if reference_words else f"the sample has no {self.reference}"
            scores = [Score.missing(metric, reason) for metric in self.metrics]
            if answer.strip() or generation.choice_logprobs is not None:
                scores[-1] = Score(ASKED, float(bool(reference_words and answer.strip())))
            return scores
        plain, right = " ".join(words), " ".join(reference_words)
        bleu, scorer = self._libraries
        rouge = scorer.score(reference, answer)
        values = {metric: float(rouge[name].fmeasure) for metric, name in ROUGE.items()}
        values["bleu"] = min(1.0, bleu.sentence_score(plain, [right]).score / 100)
        values[ASKED] = 1.0
        values["holds_reference"] = float(f" {right} " in f" {plain} ")
        return [Score(metric, values[metric]) for metric in self.metrics]

    @cached_property
    def _libraries(self) -> tuple[Any, Any]:
        from rouge_score.rouge_scorer import RougeScorer
        from sacrebleu.metrics.bleu import BLEU

        bleu = BLEU(tokenize="none", effective_order=True)
        return bleu, RougeScorer(list(ROUGE.values()), tokenizer=_Words())


class _Words:
    """Gives rouge-score the words of a text in any script."""

    def tokenize(self, text: str) -> list[str]:
        return words_of(text)
