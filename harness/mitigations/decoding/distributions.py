"""What decoding mitigations make of distributions over the next token; each row by itself."""

from __future__ import annotations

import torch

LOOKS = (256, 4096)
"""Likeliest tokens in which a row's nucleus is looked for, before all of them are sorted."""


def likely(logits: torch.Tensor, top_p: float = 1.0, top_k: int = 0) -> torch.Tensor | None:
    """Which tokens are in the nucleus or among the likeliest; None: all of them.

    As transformers' filters: the likeliest tokens until their probability passes `top_p`, the one
    that passes it among them. Tokens that are as likely as the last one are in too.

    Args:
        logits: shape (rows, vocabulary).
        top_p: probability of the nucleus.
        top_k: so many tokens at most; 0: any number.
    """
    mask: torch.Tensor | None = None
    if top_k and top_k < logits.shape[-1]:
        mask = logits >= logits.topk(top_k).values[:, -1:]
    if top_p < 1:
        filtered = logits if mask is None else logits.masked_fill(~mask, -torch.inf)
        probabilities = filtered.softmax(-1)
        mask = probabilities >= _least(probabilities, top_p)[:, None]
    return mask


def _least(probabilities: torch.Tensor, top_p: float) -> torch.Tensor:
    """The probability of the nucleus's least likely token, shape (rows,)."""
    least = probabilities.new_zeros(len(probabilities))
    rows = torch.arange(len(probabilities), device=probabilities.device)
    whole = probabilities.shape[-1]
    for look in (*LOOKS, whole):
        top = probabilities.topk(min(look, whole)).values
        sums = top.cumsum(-1)
        settled = (sums[:, -1] > top_p) | (look >= whole)
        count = (sums - top < top_p).sum(-1)
        least[rows[settled]] = top.gather(1, count[:, None] - 1)[settled, 0]
        if bool(settled.all()):
            break
        rows, probabilities = rows[~settled], probabilities[~settled]
    return least


def capped(probabilities: torch.Tensor, caps: torch.Tensor) -> torch.Tensor:
    """The distribution with no token above its cap, what they lose going to the others.

    What is cut off goes to the tokens below their caps in proportion, again and again until none
    is above; where all caps together hold less than 1, they are the distribution but for scale.

    Args:
        probabilities: shape (rows, vocabulary).
        caps: above 0; the same shape.
    """
    scale = torch.ones_like(probabilities[:, :1])
    for _ in range(50):
        new = torch.minimum(probabilities * scale, caps)
        below = probabilities * scale < caps
        free = (probabilities * below).sum(-1, keepdim=True)
        remaining = 1 - (caps * ~below).sum(-1, keepdim=True)
        next_scale = torch.where(
            (free > 0) & (remaining > 0), remaining / free.clamp(min=1e-30), scale
        )
        next_scale = torch.maximum(next_scale, scale)
        if torch.allclose(next_scale, scale, rtol=1e-6, atol=0):
            break
        scale = next_scale
    return new / new.sum(-1, keepdim=True)
