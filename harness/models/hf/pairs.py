"""Encoder-decoder models: the prompt is read whole, and the answer is a text of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from harness.models.hf.loaded import LoadedModel
from harness.models.hf.plain_lanes import padded
from harness.models.hf.rows import Weighing
from harness.types import HarnessError


def begun(loaded: LoadedModel) -> dict[str, Any]:
    """What transformers' `generate` is told of how an answer begins.

    Raises:
        HarnessError: the checkpoint does not say by which token.
    """
    if loaded.first is None:
        raise HarnessError(
            f"model={loaded.encoder.name!r} is an encoder-decoder model whose config names no "
            "decoder_start_token_id; write it into its config.json"
        )
    return {"decoder_start_token_id": loaded.first, "forced_bos_token_id": loaded.forced}


def weigh_pairs(loaded: LoadedModel, batch: Sequence[Weighing]) -> None:
    """Weigh choices as answers of the decoder, each with its whole prompt in the encoder."""
    first = begun(loaded)["decoder_start_token_id"]
    rows = [(weighing, n) for weighing in batch for n in range(len(weighing.choices))]
    ids, mask = padded(loaded, [weighing.prompt for weighing, _ in rows], pad_left=False)
    answers, _ = padded(loaded, [(first, *w.choices[n][:-1]) for w, n in rows], pad_left=False)
    logits = loaded.model(
        ids, attention_mask=mask, decoder_input_ids=answers, use_cache=False
    ).logits
    for (weighing, number), of_row in zip(rows, logits, strict=True):
        choice = list(weighing.choices[number])
        steps = of_row[: len(choice), : loaded.vocabulary].float().log_softmax(-1)
        weighing.greedy[number] = steps.argmax(-1).tolist() == choice
        weighed = steps[torch.arange(len(choice)), choice]
        weighing.steps[number] = tuple(weighed.tolist())
        weighing.logprobs[number] = float(weighed.sum())
