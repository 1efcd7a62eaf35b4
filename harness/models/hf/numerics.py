"""How far log-probabilities move when the same requests are computed in other company."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from harness.models.hf.loaded import LoadedModel
from harness.models.hf.rows import Weighing
from harness.models.hf.weighing import weigh
from harness.types import Request

REQUESTS = 32
LAST = 8
"""Tokens of a prompt that stand for its answer where there are no choices."""


def measure(loaded: LoadedModel, requests: Sequence[Request]) -> Mapping[str, float | int | str]:
    """Weigh some requests alone, in pairs, and all together, and compare.

    Returns:
        `mean` and `max`: absolute difference of the log-probability of a choice (where requests
        have none: of the prompt's last tokens) from what it is alone, in nats.
    """
    weighings = [_weighing(loaded, request) for request in requests[:REQUESTS]]
    weighings = [w for w in weighings if w.prompt and w.width <= min(loaded.widest, loaded.context)]
    if not weighings:
        return {"requests": 0, "why": "none fits the attention whose arrangements are compared"}
    loaded.use_cascade(True)
    alone, *others = (_logprobs(loaded, weighings, size) for size in (1, 2, len(weighings)))
    moved = np.abs(np.concatenate([other - alone for other in others]))
    return {
        "requests": len(weighings),
        "dtype": str(loaded.model.dtype).removeprefix("torch."),
        "mean": float(moved.mean()),
        "max": float(moved.max()),
        "unit": "nats",
    }


def _weighing(loaded: LoadedModel, request: Request) -> Weighing:
    prompt, choices = loaded.tokens(request)
    beside = tuple(auxiliary.prompt(request, prompt) for auxiliary in loaded.auxiliaries)
    if choices:
        return Weighing(request, prompt, choices, beside=beside)
    begun = tuple(asked[:-LAST] for asked in beside)
    return Weighing(request, prompt[:-LAST], (prompt[-LAST:],), beside=begun)


def _logprobs(
    loaded: LoadedModel, weighings: Sequence[Weighing], together: int
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    fresh = [replace(weighing, logprobs={}, greedy={}, steps={}) for weighing in weighings]
    for first in range(0, len(fresh), together):
        for _ in weigh(loaded, fresh[first : first + together]):
            pass
    return np.array(
        [weighing.logprobs[n] for weighing in fresh for n in range(len(weighing.choices))]
    )
