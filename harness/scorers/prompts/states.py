"""A model's states at the end of what it is asked, after several of its layers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from harness.models.hf.loaded import LoadedModel
from harness.types import Message, Request

BATCH_TOKENS = 1024
"""Tokens of a batch, padding included."""


def layers_of(depth: int) -> list[int]:
    """The layers that are read: six from the middle of a model of so many to its last."""
    return [round(depth * (0.5 + step / 10)) for step in range(6)]


def last_states(
    loaded: LoadedModel, prompts: Sequence[str], layers: Sequence[int]
) -> NDArray[np.float32]:
    """The states of each prompt's last token, as a user's message in the model's template.

    Args:
        loaded: the model.
        prompts: of any length that its context holds.
        layers: after which; 0 is the embedding.

    Returns:
        Of shape (prompts, layers, width).
    """
    turn = _turn(loaded)
    rows = [_tokens(loaded, prompt)[turn:] for prompt in prompts]
    width = int(loaded.model.config.get_text_config().hidden_size)
    states = np.zeros((len(rows), len(layers), width), np.float32)
    loaded.use_cascade(False)  # its own attention takes padding
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    batch: list[int] = []
    for number in order:
        if batch and (len(batch) + 1) * len(rows[number]) > BATCH_TOKENS:
            states[batch] = _forward(loaded, [rows[i] for i in batch], layers)
            batch = []
        batch.append(number)
    if batch:
        states[batch] = _forward(loaded, [rows[i] for i in batch], layers)
    return states


def token_row(loaded: LoadedModel, prompt: str) -> Sequence[int]:
    """A prompt in tokens, from its turn's begin to where the model would begin to answer."""
    return _tokens(loaded, prompt)[_turn(loaded) :]


def _tokens(loaded: LoadedModel, prompt: str) -> Sequence[int]:
    return loaded.tokens(Request("prompt", (Message("user", prompt),)))[0]


def _turn(loaded: LoadedModel) -> int:
    """Where the user's turn begins: a system text that a template writes itself is left out.

    Turns begin with the token that a rendered prompt begins with; where they do not, all is read.
    """
    first, second = _tokens(loaded, "a"), _tokens(loaded, "b")
    alike = next(i for i, pair in enumerate(zip(first, second, strict=False)) if pair[0] != pair[1])
    return max(i for i in range(max(alike, 1)) if first[i] == first[0])


@torch.inference_mode()
def _forward(
    loaded: LoadedModel, rows: Sequence[Sequence[int]], layers: Sequence[int]
) -> NDArray[np.float32]:
    longest = max(map(len, rows))
    tokens = torch.tensor([[*row, *[loaded.pad] * (longest - len(row))] for row in rows])
    lengths = torch.tensor([len(row) for row in rows])
    output = loaded.model.get_decoder()(
        input_ids=tokens.to(loaded.device),
        attention_mask=(torch.arange(longest) < lengths[:, None]).long().to(loaded.device),
        output_hidden_states=True,
        use_cache=False,
    )
    places = torch.arange(len(rows)), lengths - 1
    chosen = [output.hidden_states[layer].cpu()[places].float() for layer in layers]
    read: NDArray[np.float32] = torch.stack(chosen, 1).numpy()
    return read
