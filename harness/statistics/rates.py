"""Differences of paired rates: McNemar's and Tango's tests."""

from __future__ import annotations

from math import copysign, inf, isinf, sqrt
from typing import TYPE_CHECKING

from harness.statistics.hidden_changes import LEVEL

if TYPE_CHECKING:
    pass


def mcnemar(worse: int, better: int) -> float:
    """McNemar's exact test (1947), one-sided: so many changes to the worse, or more, by chance."""
    from scipy.stats import binom

    changed = worse + better
    return float(binom.sf(worse - 1, changed, 0.5)) if changed else 1.0


def tango(worse: float, better: float, n: float, margin: float, freedom: float = inf) -> float:
    """Tango's score test (1998) of a difference of paired rates of `margin` or more; one-sided.

    Args:
        worse: pairs of which only the candidate failed.
        better: pairs of which only the baseline failed.
        n: all pairs.
        margin: between -1 and 1.
        freedom: degrees of freedom, where clusters are few.
    """
    return _below(_score(worse, better, n, margin), freedom)


def tango_interval(
    worse: float, better: float, n: float, freedom: float = inf
) -> tuple[float, float]:
    """The 95 % interval of a difference of paired rates that Tango's score test (1998) leaves."""
    from scipy.optimize import brentq

    found = (worse - better) / n

    def end(side: float) -> float:
        def off(value: float) -> float:
            return _score(worse, better, n, value) + side * _quantile(freedom)

        edge = side * (1 - 1e-9)
        return side if off(edge) * side > 0 else float(brentq(off, found, edge))

    return (-1.0 if found == -1 else end(-1.0)), (1.0 if found == 1 else end(1.0))


def _score(worse: float, better: float, n: float, margin: float) -> float:
    """Tango's statistic: the difference less `margin`, over its error if the margin were true."""
    a, b = 2 * n, -worse - better + (2 * n - worse + better) * margin
    c = -better * margin * (1 - margin)
    nuisance = (sqrt(max(b * b - 4 * a * c, 0.0)) - b) / (2 * a)
    variance = n * (2 * nuisance + margin * (1 - margin))
    above = worse - better - n * margin
    if variance <= 0:
        return 0.0 if above == 0 else copysign(inf, above)
    return above / sqrt(variance)


def _below(score: float, freedom: float) -> float:
    """The chance of a score this low or lower."""
    from scipy.special import ndtr, stdtr

    return float(ndtr(score) if isinf(freedom) else stdtr(freedom, score))


def _quantile(freedom: float) -> float:
    """What a score reaches by chance once in 40 times."""
    from scipy.special import ndtri, stdtrit

    return float(ndtri(1 - LEVEL) if isinf(freedom) else stdtrit(freedom, 1 - LEVEL))
