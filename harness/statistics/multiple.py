"""Many tests at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.statistics.arrays import Floats


def holm(p: Sequence[float] | Floats) -> list[float]:
    """P-values adjusted for having looked at all of them (Holm 1979), in their order.

    The chance that any true hypothesis has one of at most a is at most a, however they depend.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]

    Args:
        p: shape (tests,), each from 0 to 1.

    Returns:
        From 0 to 1, none below its own.
    """
    order = np.argsort(p)
    stepped = np.asarray(p, dtype=float)[order] * (len(p) - np.arange(len(p)))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(stepped), 1.0)
    return [float(value) for value in adjusted]
