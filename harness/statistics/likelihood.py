"""How likely a text is to a model, from the log-probability of each of its tokens."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import numpy as np


def min_k(steps: Sequence[float], share: float) -> float:
    """Min-k%: the mean of the least probable tokens' log-probabilities, in nats.

    What a model was trained on has few surprises, and so a higher value (Shi et al. 2024, arXiv
    2310.16789).

    >>> min_k([-1.0, -9.0, -2.0, -3.0], 0.5)
    -6.0

    Args:
        steps: of each token the natural logarithm of its probability, one at least.
        share: of the tokens that counts, above 0 and up to 1; one token at least does.
    """
    count = max(1, ceil(share * len(steps)))
    return float(np.sort(np.asarray(steps, np.float64))[:count].mean())
