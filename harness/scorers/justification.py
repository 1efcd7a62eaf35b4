"""How near an explanation comes to a reference: same words, same meaning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.identity import digest_files
from harness.scorers.offline import encoder_digest
from harness.text import well_formed
from harness.types import Direction, Generation, HarnessError, Metric, Sample, Score

if TYPE_CHECKING:
    from harness.scorers.minilm import SentenceEncoder

UNIT = Metric(low=0.0, high=1.0, better=Direction.HIGHER)
SIGNED = Metric(low=-1.0, high=1.0, better=Direction.HIGHER)


class JustificationScorer:
    """Gives how near an answer comes to the reference in the sample's metadata; higher is nearer.

    `rouge_l`: the F1 of their longest common subsequence of words (Lin 2004, by rouge-score, no
    stemmer), 0 to 1. `similarity`: the cosine of their sentence embeddings by all-MiniLM-L6-v2, -1
    to 1 (its first 256 tokens). With `bertscore_model` also `bertscore`: BERTScore's F1 (Zhang et
    al. 2020, arXiv 1904.09675, by bert-score), not rescaled, -1 to 1.

    None of them says whether an explanation is right: a wrong one in the reference's words is near.

    Args:
        reference: the metadata that holds it.
        bertscore_model: the folder of an encoder in the hub's format; null: no `bertscore`.
        bertscore_layer: which of its layers; null: the last.
        device: of the encoder, as torch writes it.
    """

    def __init__(
        self,
        reference: str = "explanation",
        bertscore_model: str | None = None,
        bertscore_layer: int | None = None,
        device: str = "auto",
    ) -> None:
        self.reference = reference
        self.bertscore_model = bertscore_model
        self.bertscore_layer = bertscore_layer
        self.device = device
        self.metrics: Mapping[str, Metric] = {"rouge_l": UNIT, "similarity": SIGNED} | (
            {"bertscore": SIGNED} if bertscore_model else {}
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
        """The reference, and the digests of the encoders."""
        identity = {
            "scorer": "justification",
            "version": "1",
            "reference": self.reference,
            "weights": encoder_digest(),
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
            (well_formed(generation.text or ""), str(sample.metadata.get(self.reference) or ""))
            for sample, generation in zip(samples, generations, strict=True)
        ]
        whole = [i for i, pair in enumerate(pairs) if all(map(_has_words, pair))]
        scores = [
            [Score.missing(metric, self._lacking(*pair)) for metric in self.metrics]
            for pair in pairs
        ]
        compared = [pairs[i] for i in whole]
        values = [self._rouge(compared), self._similarity(compared)]
        if self.bertscore_model:
            values.append(self._bertscore(compared))
        for place, metric in enumerate(self.metrics):
            for i, value in zip(whole, values[place], strict=True):
                scores[i][place] = Score(metric, value)
        return scores

    def _lacking(self, answer: str, reference: str) -> str:
        if not _has_words(reference):
            return f"the sample has no {self.reference}"
        return "empty answer" if not answer.strip() else "no words to compare"

    @staticmethod
    def _rouge(pairs: Sequence[tuple[str, str]]) -> list[float]:
        from rouge_score.rouge_scorer import RougeScorer

        scorer = RougeScorer(["rougeL"])
        return [scorer.score(ref, answer[:READ])["rougeL"].fmeasure for answer, ref in pairs]

    def _similarity(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        if not pairs:
            return []
        vectors = self._encoder([text for pair in pairs for text in pair])
        cosines = (vectors[0::2] * vectors[1::2]).sum(axis=1)
        return [max(-1.0, min(1.0, float(cosine))) for cosine in cosines]

    @cached_property
    def _encoder(self) -> SentenceEncoder:
        from harness.scorers.minilm import SentenceEncoder

        return SentenceEncoder(self.device)

    def _bertscore(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        if not pairs:
            return []
        found = self._bert.score([answer for answer, _ in pairs], [ref for _, ref in pairs])[2]
        return [max(-1.0, min(1.0, float(value))) for value in found]

    @cached_property
    def _bert(self) -> Any:
        try:
            from bert_score import BERTScorer
        except ImportError as error:
            raise HarnessError(
                'BERTScore needs the package bert-score: pip install "harness[bertscore]"'
            ) from error
        from transformers import AutoConfig

        from harness.weights import check_encoder

        where = f"scorers.justification.bertscore_model={self.bertscore_model!r}"
        check_encoder(Path(str(self.bertscore_model)), where)
        layers = AutoConfig.from_pretrained(self.bertscore_model).num_hidden_layers
        return BERTScorer(
            model_type=self.bertscore_model,
            num_layers=self.bertscore_layer or layers,
            device=None if self.device == "auto" else self.device,
        )


READ = 20_000
"""Characters of an answer whose words are compared."""


def _has_words(text: str) -> bool:
    return any(map(str.isalnum, text))
