"""What a model holds of texts: states before its output layer, and probes that read them."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from harness.mitigations.fitting.base import Base, Row, by_length
from harness.mitigations.fitting.method import Fit

PASS_TOKENS = 2048
"""Tokens of one forward."""
PENALTY = 1.0
"""Of a probe's squared weights, beside the sum of its losses; states are standardised."""
STEPS = 30
"""Of Newton's method at most; it has one solution and is there within ten."""

Floats = NDArray[np.float64]


@torch.inference_mode()
def mean_states(base: Base, rows: Sequence[Row], fit: Fit, only_text: bool = False) -> Floats:
    """Of each text the mean of its tokens' last states, shape (texts, width).

    Args:
        base: that reads.
        rows: the texts.
        fit: is told how far it is; where it is a forecast, the first texts are read and no others.
        only_text: means over the states that the text's tokens were chosen from.
    """
    means = np.zeros((len(rows), base.network.config.get_text_config().hidden_size))
    done, batches, started = 0, list(by_length(rows, PASS_TOKENS)), time.monotonic()
    with torch.autocast(base.network.device.type, torch.bfloat16, enabled=fast_halves(base)):
        for number, numbers in enumerate(batches, 1):
            batch = base.batch([rows[n] for n in numbers])
            states = base.network.base_model(
                input_ids=batch.tokens, attention_mask=batch.mask, use_cache=False
            ).last_hidden_state.float()
            mask = batch.mask.bool()
            if only_text:
                mask = torch.zeros_like(batch.learned)
                mask[:, :-1] = batch.learned[:, 1:]
            weights = mask.float()[..., None]
            sums = (states * weights).sum(1) / weights.sum(1).clamp(min=1)
            means[numbers] = sums.double().cpu().numpy()
            done += len(numbers)
            if number == 1 or number % 20 == 0 or number == len(batches):
                minutes = (time.monotonic() - started) / number * (len(batches) - number) / 60
                fit.log(f"read {done} of {len(rows)} texts; about {minutes:.1f} min left")
            if fit.forecast:
                break
    return means


def fast_halves(base: Base) -> bool:
    """Whether the processor multiplies in bfloat16 faster than in float32."""
    if base.network.device.type == "cpu":
        return bool(torch.cpu._is_avx512_bf16_supported())
    return bool(torch.cuda.is_bf16_supported())


def logistic_probe(states: Floats, positive: NDArray[np.bool_]) -> Floats:
    """The weights of a logistic regression, in the states' own units, shape (width,).

    States are standardised, classes weigh the same, and the squared weights are penalised, so that
    there is one solution whatever the order of the texts.

    Args:
        states: shape (texts, width).
        positive: of each text.
    """
    centre, spread = states.mean(0), states.std(0) + 1e-9
    x = np.column_stack([(states - centre) / spread, np.ones(len(states))])
    shares = np.where(positive, positive.mean(), 1 - positive.mean())
    penalty = np.full(x.shape[1], PENALTY)
    penalty[-1] = 0.0
    w = np.zeros(x.shape[1])
    for _ in range(STEPS):
        p = 1 / (1 + np.exp(-np.clip(x @ w, -30, 30)))
        gradient = x.T @ ((p - positive) * 0.5 / shares) + penalty * w
        curvature = (x.T * (p * (1 - p) * 0.5 / shares)) @ x + np.diag(penalty + 1e-9)
        step = np.linalg.solve(curvature, gradient)
        w -= step
        if np.abs(step).max() < 1e-8:
            break
    weights: Floats = w[:-1] / spread
    return weights
