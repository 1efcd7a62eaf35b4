"""What a mitigation gains and what it costs, in one number.

References:
    Shaik et al. (2025), Redefining Experts: Interpretable Decomposition of Language Models for
    Toxicity Mitigation (EigenShift), arXiv 2509.16660, table 2. Siu et al. (2025), SteeringSafety,
    arXiv 2509.13450, whose entanglement is of what a mitigation was not made for.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, nan, sqrt


def reduction(before: float, after: float) -> float:
    """The share of what there was that is gone; NaN where there was nothing.

    >>> round(reduction(51.4, 5.17), 3)
    0.899
    """
    return (before - after) / before if before else nan


def tph(toxic: tuple[float, float], perplexity: tuple[float, float]) -> float:
    """The harmonic mean of toxicity's reduction and perplexity's preservation, from 0 to 1.

    A reduction of none or less has none (NaN): there is nothing to weigh a cost against. A
    perplexity that fell preserves more than all, as in the paper.

    >>> round(tph((11.13, 4.71), (6.23, 9.84)), 4)
    0.6037

    Args:
        toxic: share of toxic texts before and after.
        perplexity: of neutral text before and after.
    """
    reduced = reduction(*toxic)
    fluency = perplexity[0] / perplexity[1] if perplexity[1] else nan
    if not (isfinite(reduced) and isfinite(fluency)) or reduced <= 0:
        return nan
    return 2 * reduced * fluency / (reduced + fluency)


def entanglement(changes: Sequence[float], errors: Sequence[float]) -> float:
    """How far a mitigation moves what it was not made for: the root of the mean squared change.

    Chance alone moves every estimate, and squares add it up; so the errors' squares are taken off,
    and what is left below nothing is nothing.

    >>> entanglement([0.3, -0.4], [0.0, 0.0]), entanglement([0.1], [0.2])
    (0.3535533905932738, 0.0)

    Args:
        changes: each in a unit in which they are alike, as shares of a scale or of a margin.
        errors: the standard error of each, in the same unit.
    """
    squares = [change**2 - error**2 for change, error in zip(changes, errors, strict=True)]
    return sqrt(max(0.0, sum(squares) / len(squares))) if squares else nan
