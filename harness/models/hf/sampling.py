"""Sampling whose noise is keyed by request, so that nothing about a batch changes what is drawn."""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from numpy.typing import NDArray

from harness.types import GenerationConfig

NO_TOKEN = -1
"""Stands where no token can be chosen."""
LOOKS = (256, 4096)
"""Likeliest tokens in which a row's nucleus is looked for, before all of them are sorted."""


def choose(logits: torch.Tensor, generation: GenerationConfig, draws: torch.Tensor) -> torch.Tensor:
    """The next token of each row: the most probable one, or one drawn.

    Temperature, then top-k, then top-p (Holtzman et al. 2020) warp the distribution as in
    transformers; the token is where the cumulative sum of what is left passes the row's draw.
    Where logits are not numbers (NaN, or an infinite largest one) there is none: `NO_TOKEN`.

    Args:
        logits: shape (rows, vocabulary).
        generation: temperature 0 takes the most probable token.
        draws: shape (rows,), uniform in [0, 1); not looked at when temperature is 0.
    """
    if generation.temperature == 0:
        # A NaN counts as the largest. In bfloat16 a fourth of the time that `argmax` takes.
        largest, likeliest = logits.max(-1)
        return likeliest.masked_fill(~largest.isfinite(), NO_TOKEN)
    whole = logits.amax(-1).isfinite()
    if not bool(whole.all()):
        tokens = torch.full_like(whole, NO_TOKEN, dtype=torch.long)
        if bool(whole.any()):
            tokens[whole] = choose(logits[whole], generation, draws[whole])
        return tokens
    warped = logits.float()
    if generation.temperature != 1:
        warped = warped / generation.temperature
    probabilities = warped.softmax(-1)
    if not generation.top_k and generation.top_p == 1:
        return _drawn(probabilities.cumsum(-1), draws)
    if generation.top_k:
        top, tokens = probabilities.topk(min(generation.top_k, probabilities.shape[-1]))
        whole = top.sum(-1, keepdim=True)
        return _of_nucleus(top, tokens, generation.top_p * whole, draws)
    chosen = torch.empty(len(draws), dtype=torch.long, device=logits.device)
    rows = torch.arange(len(draws), device=logits.device)
    for look in (*LOOKS, probabilities.shape[-1]):
        top, tokens = probabilities.topk(min(look, probabilities.shape[-1]))
        settled = (top.sum(-1) > generation.top_p) | (look >= probabilities.shape[-1])
        settled_rows = rows[settled]
        chosen[settled_rows] = _of_nucleus(
            top[settled], tokens[settled], generation.top_p, draws[settled_rows]
        )
        if bool(settled.all()):
            break
        rows, probabilities = rows[~settled], probabilities[~settled]
    return chosen


def uniforms(seed: int, sample_id: str, index: int, steps: int) -> NDArray[np.float64]:
    """The draws of one generation, shape (steps,), uniform in [0, 1).

    A counter-based generator (Philox, Salmon et al. 2011) keyed by (seed, sample id, index).
    """
    key = hashlib.sha256(f"{seed}\0{index}\0{sample_id}".encode()).digest()[:16]
    return np.random.Generator(np.random.Philox(key=int.from_bytes(key, "little"))).random(steps)


def _of_nucleus(
    top: torch.Tensor, tokens: torch.Tensor, mass: torch.Tensor | float, draws: torch.Tensor
) -> torch.Tensor:
    """Draw from the smallest set of the likeliest tokens that holds this mass.

    Args:
        top: probabilities, the largest first, shape (rows, looked at).
        tokens: whose they are.
        mass: of the nucleus; broadcasts to (rows, 1).
        draws: shape (rows,).
    """
    sums = top.cumsum(-1)
    # Whoever comes after the mass is reached is out.
    sums = top.masked_fill(sums - top >= mass, 0.0).cumsum(-1)
    return tokens.gather(1, _drawn(sums, draws)[:, None])[:, 0]


def _drawn(sums: torch.Tensor, draws: torch.Tensor) -> torch.Tensor:
    """Where the cumulative sum passes the draw: never at a token of no probability."""
    total = sums[:, -1:]
    below = draws.to(sums)[:, None] * total
    below = torch.minimum(below, torch.nextafter(total, torch.zeros_like(total)))
    return torch.searchsorted(sums, below, right=True)[:, 0]
