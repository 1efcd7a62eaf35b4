"""The attention of a model's last layer over a text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from harness.models.hf.loaded import LoadedModel
from harness.types import HarnessError


def tokens_at(loaded: LoadedModel, text: str) -> tuple[list[int], list[tuple[int, int]]]:
    """A text's tokens without any special ones, and where each stands in it.

    Raises:
        HarnessError: the tokenizer does not say where tokens stand.
    """
    tokenizer = loaded.encoder.tokenizer
    if not tokenizer.is_fast:
        raise HarnessError(
            f"the scorer 'attention' needs to know where tokens stand in a text, which the slow "
            f"tokenizer of {loaded.encoder.name!r} does not say; leave the scorer out"
        )
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    return list(encoded["input_ids"]), [tuple(place) for place in encoded["offset_mapping"]]


@torch.inference_mode()
def head_attention(loaded: LoadedModel, tokens: Sequence[int], head: int) -> NDArray[np.float32]:
    """What each token gives to each in one head of the last layer.

    Args:
        loaded: the model, which is left with the attention that it had.
        tokens: of one text.
        head: from 0.

    Returns:
        Of shape (tokens, tokens); each row sums to 1.

    Raises:
        HarnessError: there is no such head, or the architecture gives no attention.
    """
    model, before = loaded.model, loaded.model.config._attn_implementation
    heads = int(model.config.get_text_config().num_attention_heads)
    if head >= heads:
        raise HarnessError(
            f"scorers.attention.head={head}, but the last layer of {loaded.encoder.name!r} has the "
            f"heads 0 to {heads - 1}"
        )
    model.set_attn_implementation("eager")  # the others keep no weights
    try:
        output = model.get_decoder()(
            input_ids=torch.tensor([tokens], device=loaded.device),
            output_attentions=True,
            use_cache=False,
        )
    finally:
        model.set_attn_implementation(before)
    attentions = getattr(output, "attentions", None)
    if not attentions or attentions[-1] is None:
        raise HarnessError(
            f"{loaded.encoder.name!r} gives no attention of its last layer; leave the scorer "
            "'attention' out"
        )
    weights: NDArray[np.float32] = attentions[-1][0, head].float().cpu().numpy()
    return weights
