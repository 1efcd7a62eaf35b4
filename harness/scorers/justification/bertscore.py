"""BERTScore with an encoder of the user's, within its positions and what its tokenizer knows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bert_score import BERTScorer
from transformers import AutoConfig

from harness.models.checkpoints.others import check_files
from harness.models.checkpoints.weights import check_encoder

UNKNOWN = 0.1
"""Share of a text's tokens that the tokenizer may not know: they are all alike to the encoder."""
UNBOUNDED = 512
"""Tokens that are read of a text where neither the tokenizer nor the positions set an end."""
NO_END = 10**6
"""From this on a tokenizer's longest input says that it has none: transformers writes 1e30."""


class BertScore:
    """BERTScore's F1 (Zhang et al. 2020, arXiv 1904.09675), not rescaled.

    Args:
        folder: of the encoder.
        layer: whose states are compared; None: the last.
        device: as torch writes it, or `auto`.
    """

    def __init__(self, folder: str, layer: int | None, device: str) -> None:
        where = f"scorers.justification.bertscore_model={folder!r}"
        check_files(Path(folder), where)
        check_encoder(Path(folder), where)
        layers = AutoConfig.from_pretrained(folder).num_hidden_layers
        self.scorer = BERTScorer(
            model_type=folder,
            num_layers=layer or layers,
            device=None if device == "auto" else device,
        )
        self.tokenizer = self.scorer._tokenizer
        self.tokenizer.model_max_length = longest_input(self.scorer._model, self.tokenizer)

    def f1(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """One for each answer and its reference; NaN where the encoder gives no numbers.

        bert-score itself makes 0 of what is NaN.
        """
        answers, references = zip(*pairs, strict=True)
        parts = self.scorer.score(list(answers), list(references))
        return [
            math.nan if math.isnan(precision + recall) else f1
            for precision, recall, f1 in zip(*(part.tolist() for part in parts), strict=True)
        ]

    def unknown(self, answer: str, reference: str) -> str | None:
        """Which of two texts the tokenizer does not know, if any."""
        for name, text in (("answer", answer), ("reference", reference)):
            tokens = self.tokenizer(text, add_special_tokens=False, truncation=True)["input_ids"]
            lost = tokens.count(self.tokenizer.unk_token_id)
            if lost > UNKNOWN * len(tokens):
                return f"the encoder does not know {lost} of the {name}'s {len(tokens)} tokens"
        return None


def longest_input(model: Any, tokenizer: Any) -> int:
    """The smaller of the tokenizer's longest input and what the encoder has positions for.

    Encoders of RoBERTa's kind count positions from behind the one that they pad with, so that the
    table of positions is longer than any input.
    """
    ends = [int(tokenizer.model_max_length)] if tokenizer.model_max_length < NO_END else []
    for name, module in model.named_modules():
        rows = getattr(module, "num_embeddings", None)
        if rows and name.rpartition(".")[2] in ("position_embeddings", "wpe"):
            padding = module.padding_idx
            ends.append(rows if padding is None else rows - padding - 1)
    return min(ends, default=UNBOUNDED)
