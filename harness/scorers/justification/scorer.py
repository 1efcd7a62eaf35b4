"""How near an explanation comes to a reference: same words, same meaning."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from importlib.util import find_spec
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING

from harness.scorers.encoder import encoder_digest
from harness.scorers.justification.words import other_script, script_of, words_of
from harness.scorers.readable import reading_identity, unreadable
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

if TYPE_CHECKING:
    from harness.scorers.justification.bertscore import BertScore
    from harness.scorers.offline.minilm import SentenceEncoder


Pair = tuple[str, str]
"""An answer and the reference."""
Measured = float | str
"""A value, or why there is none."""
UNIT = Metric(low=0.0, high=1.0, better=Direction.HIGHER)
SIGNED = Metric(low=-1.0, high=1.0, better=Direction.HIGHER)


class JustificationScorer:
    """Gives how near an answer comes to the reference in the sample's metadata; higher is nearer.

    `rouge_l`: the F1 of their longest common subsequence of words (Lin 2004, by rouge-score, no
    stemmer), 0 to 1; words are those of `words` beside it, in any script, and it is missing where
    the two are written in different ones. `similarity`: the cosine of their sentence embeddings by
    all-MiniLM-L6-v2, -1 to 1 (its first 256 tokens), which reads English: of other texts it is
    missing. With `bertscore_model` also `bertscore`: BERTScore's F1 (Zhang et al. 2020, arXiv
    1904.09675, by bert-score), not rescaled, -1 to 1, of as many tokens as the encoder reads;
    missing where its tokenizer does not know a tenth of a text's tokens.

    None of them says whether an explanation is right: a wrong one in the reference's words is near.
    One that fails leaves the others as they are.

    >>> question = Sample("1", "Why?", metadata={"explanation": "it burns the skin"})
    >>> scorer = JustificationScorer(similarity=False)
    >>> (scores,) = scorer.score([question], [Generation("1", 0, "It burns skin.")])
    >>> scores[0].metric, round(scores[0].value, 3)  # 3 of 3 and of 4 words: 6 / 7
    ('rouge_l', 0.857)

    Args:
        reference: the metadata that holds it.
        similarity: whether to give it; false for texts that are not in English.
        bertscore_model: the folder of an encoder in the hub's format; null: no `bertscore`.
        bertscore_layer: which of its layers; null: the last.
        device: of the encoder, as torch writes it.

    Raises:
        HarnessError: BERTScore is asked for and its package or the encoder's weights are not there.
    """

    def __init__(
        self,
        reference: str = "explanation",
        bertscore_model: str | None = None,
        bertscore_layer: int | None = None,
        device: str = "auto",
        similarity: bool = True,
    ) -> None:
        self.reference = reference
        self.bertscore_model = bertscore_model
        self.bertscore_layer = bertscore_layer
        self.device = device
        self.metrics: Mapping[str, Metric] = (
            {"rouge_l": UNIT}
            | ({"similarity": SIGNED} if similarity else {})
            | ({"bertscore": SIGNED} if bertscore_model else {})
        )
        if bertscore_model and find_spec("bert_score") is None:
            raise HarnessError(
                'BERTScore needs the package bert-score: pip install "harness[bertscore]"'
            )
        if bertscore_model and not Path(bertscore_model).is_dir():
            raise HarnessError(
                f"scorers.justification.bertscore_model={bertscore_model!r} is no folder; download "
                "the encoder and give its folder"
            )
        if bertscore_model and not list(Path(bertscore_model).glob("*.safetensors")):
            raise HarnessError(
                f"scorers.justification.bertscore_model={bertscore_model!r} holds no weights as "
                "safetensors; other formats can run code and are not read"
            )

    @cached_property
    def identity(self) -> Mapping[str, str]:
        """The reference, and the digests of the encoders.

        Version 2 reads words in every script, and similarity of English alone.
        """
        identity = {
            "scorer": "justification",
            "version": "2",
            "reference": self.reference,
            "weights": encoder_digest(),
            "languages": reading_identity(),
        }
        if self.bertscore_model:
            folder = Path(self.bertscore_model)
            identity["bertscore"] = digest_files(sorted(folder.glob("*.safetensors")))
            identity["bertscore_layer"] = str(self.bertscore_layer)
        return identity

    def score(
        self, samples: Sequence[Sample], generations: Sequence[Generation]
    ) -> list[list[Score]]:
        """Compare every answer with its sample's reference; where either is empty it is missing."""
        pairs = [
            (
                well_formed(generation.text or "")[:READ],
                str(sample.metadata.get(self.reference) or ""),
            )
            for sample, generation in zip(samples, generations, strict=True)
        ]
        columns = [self._column(metric, pairs) for metric in self.metrics]
        return [list(row) for row in zip(*columns, strict=True)]

    def _column(self, metric: str, pairs: Sequence[Pair]) -> Iterator[Score]:
        """One metric of every pair; what keeps it from being had is its own."""
        measure = {
            "rouge_l": self._rouge,
            "similarity": self._similarity,
            "bertscore": self._bertscore,
        }[metric]
        reasons = [self._lacking(*pair) for pair in pairs]
        whole = [pair for pair, reason in zip(pairs, reasons, strict=True) if reason is None]
        values = iter(_measured(measure, whole))
        for reason in reasons:
            value = next(values) if reason is None else reason
            if isinstance(value, str):
                yield Score.missing(metric, value)
            else:
                yield Score(metric, value)

    def _lacking(self, answer: str, reference: str) -> str | None:
        if not words_of(reference):
            return f"the sample has no {self.reference}"
        if not words_of(answer):
            return "no words to compare" if answer.strip() else "empty answer"
        return None

    @staticmethod
    def _rouge(pairs: Sequence[Pair]) -> Sequence[Measured]:
        from rouge_score.rouge_scorer import RougeScorer

        scorer = RougeScorer(["rougeL"], tokenizer=_Words())
        return [
            other_script(answer, ref) or float(scorer.score(ref, answer)["rougeL"].fmeasure)
            for answer, ref in pairs
        ]

    def _similarity(self, pairs: Sequence[Pair]) -> Sequence[Measured]:
        return _where_known(pairs, [_not_english(*pair) for pair in pairs], self._cosines)

    def _cosines(self, pairs: Sequence[Pair]) -> list[float]:
        texts = list(dict.fromkeys(text for pair in pairs for text in pair))
        vectors = dict(zip(texts, self._encoder(texts), strict=True))
        return [float((vectors[answer] * vectors[other]).sum()) for answer, other in pairs]

    @cached_property
    def _encoder(self) -> SentenceEncoder:
        from harness.scorers.offline.minilm import SentenceEncoder

        return SentenceEncoder(self.device)

    def _bertscore(self, pairs: Sequence[Pair]) -> Sequence[Measured]:
        return _where_known(pairs, [self._bert.unknown(*pair) for pair in pairs], self._bert.f1)

    @cached_property
    def _bert(self) -> BertScore:
        from harness.scorers.justification.bertscore import BertScore

        return BertScore(str(self.bertscore_model), self.bertscore_layer, self.device)


READ = 20_000
"""Characters of an answer that are compared."""
FAILURES = (RuntimeError, ValueError, TypeError, IndexError, OverflowError, OSError)
"""What encoders and tokenizers of a user's raise on texts that they cannot take."""


class _Words:
    """Gives rouge-score the words of a text in any script."""

    def tokenize(self, text: str) -> list[str]:
        return words_of(text)


def _measured(
    measure: Callable[[Sequence[Pair]], Sequence[Measured]], pairs: Sequence[Pair]
) -> Sequence[Measured]:
    """A value for each pair, or why it failed; one bad pair does not cost the others theirs."""
    try:
        return measure(pairs)
    except FAILURES as error:
        if len(pairs) == 1:
            return [f"it failed with {type(error).__name__}: {error}"]
        return [value for pair in pairs for value in _measured(measure, [pair])]


def _where_known(
    pairs: Sequence[Pair],
    reasons: Sequence[str | None],
    cosines: Callable[[Sequence[Pair]], list[float]],
) -> Sequence[Measured]:
    """The cosine of each pair without a reason against it, and the reason of the others."""
    whole = [pair for pair, reason in zip(pairs, reasons, strict=True) if reason is None]
    values = iter(cosines(whole) if whole else [])
    return [_cosine(next(values)) if reason is None else reason for reason in reasons]


def _cosine(value: float) -> Measured:
    """The value within the range that rounding may leave; what is no number has none."""
    return "the encoder gave no number" if isnan(value) else max(-1.0, min(1.0, value))


def _not_english(answer: str, reference: str) -> str | None:
    """Which of two texts a sentence encoder of English does not read, if any."""
    for name, text in (("answer", answer), ("reference", reference)):
        script, reason = script_of(text), unreadable(text)
        if reason is None and script not in (None, "Latin"):
            reason = f"it is written in {script}"
        if reason is not None:
            return f"the encoder reads English, and not the {name}: {reason}"
    return None
