"""Estimates among many, drawn towards their mean by as much as chance alone would part them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from harness.statistics.arrays import Floats


class Shrunk(NamedTuple):
    """Estimates, each with the share of its distance from the mean that is kept."""

    values: Floats
    shares: Floats


def shrunk(estimates: Floats, errors: Floats) -> Shrunk:
    """Empirical Bayes: what looks best among many is expected to be less so when asked again.

    The variance between true values is what the estimates vary by beyond their errors (the moment
    estimate of DerSimonian and Laird 1986), and each estimate keeps the share of its distance from
    the weighted mean that this variance has of its own and its error's (Morris 1983, Parametric
    Empirical Bayes Inference, JASA 78).

    >>> values, shares = shrunk(np.array([0.0, 1.0, 2.0]), np.array([1.0, 1.0, 1.0]))
    >>> values.tolist(), shares.tolist()
    ([1.0, 1.0, 1.0], [0.0, 0.0, 0.0])

    Args:
        estimates: shape (rows,); NaN has no part.
        errors: standard error of each.
    """
    known = ~np.isnan(estimates) & ~np.isnan(errors) & (errors > 0)
    values, shares = estimates.copy(), np.ones(len(estimates))
    if known.sum() < 3:  # of two the mean is as unsure as they are
        return Shrunk(values, shares)
    effects, weights = estimates[known], 1 / errors[known] ** 2
    mean = float((weights * effects).sum() / weights.sum())
    excess = float((weights * (effects - mean) ** 2).sum()) - (len(effects) - 1)
    scale = float(weights.sum() - (weights**2).sum() / weights.sum())
    between = max(0.0, excess / scale)
    weights = 1 / (errors[known] ** 2 + between)
    mean = float((weights * effects).sum() / weights.sum())
    shares[known] = between / (between + errors[known] ** 2)
    values[known] = mean + shares[known] * (effects - mean)
    return Shrunk(values, shares)
