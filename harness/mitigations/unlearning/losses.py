"""What forgetting makes smaller, as functions of tensors."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import relu, softplus


def npo(now: Tensor, before: Tensor, beta: float) -> Tensor:
    """The loss of negative preference optimisation (Zhang and others 2024, equation 3), a text.

    It is `2 / beta * log(1 + (p / p_before) ** beta)`; at a small `beta` its gradient is that of
    gradient ascent, at a larger one it vanishes for texts that are forgotten already.

    Args:
        now: log-probabilities of the texts to forget, sums over tokens, shape (texts,).
        before: likewise, by the model as it was.
        beta: above 0.
    """
    return 2 / beta * softplus(beta * (now - before))


def simnpo(now: Tensor, tokens: Tensor, beta: float, margin: float) -> Tensor:
    """The loss of SimNPO (Fan and others 2024, equation 4), a text.

    It is NPO's without a reference: the mean log-probability of a token stands in its place.

    Args:
        now: log-probabilities of the texts to forget, sums over tokens, shape (texts,).
        tokens: of each text how many are learned, shape (texts,).
        beta: above 0.
        margin: the paper's gamma; 0: none.
    """
    return 2 / beta * softplus(beta * now / tokens + margin)


def generic(before: Tensor, reinforced: Tensor, strength: float) -> Tensor:
    """Logits without what a reinforced model knows better (Eldan and Russinovich 2023, equation 1).

    Args:
        before: logits of the model as it was, shape (tokens, vocabulary).
        reinforced: of the one that learned the texts to forget once more.
        strength: the paper's alpha.
    """
    return before - strength * relu(reinforced - before)


def distance(states: Tensor, target: Tensor, counted: Tensor) -> Tensor:
    """Sum over the counted tokens of the mean squared difference of their states.

    Args:
        states: shape (rows, tokens, width).
        target: what they should be; of the same shape, or one state of shape (width,).
        counted: which tokens count, shape (rows, tokens).
    """
    squares = (states - target).square().mean(-1)
    return torch.where(counted, squares, 0.0).sum()
