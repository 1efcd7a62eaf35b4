"""Differences of paired rates: McNemar's and Tango's tests."""

from __future__ import annotations

from math import copysign, inf, isinf, sqrt
from typing import TYPE_CHECKING

from harness.statistics.intervals import ONE_SIDED_LEVEL, Ends, critical_value
from harness.statistics.paired_data import Tested

if TYPE_CHECKING:
    from harness.statistics.paired_data import PairedData


def by_rates(data: PairedData, needed: float) -> Tested:
    """Tango's score test and interval; of no difference McNemar's, where each pair is alone.

    Args:
        data: of differences that are -1, 0 or 1.
        needed: standard errors that the margin must be off to be ruled out with the power wanted.
    """
    worse, better, trials, margin = data.worse, data.better, data.trials, data.margin
    ends = tango_interval(worse, better, trials, data.freedom)
    p_worse = 1 - tango(worse, better, trials, 0.0, data.freedom)
    p_margin = tango(worse, better, trials, margin, data.freedom)
    method = "Tango score"
    if data.alone:
        p_worse, method = mcnemar(round(worse), round(better)), f"McNemar exact, {method}"
    if not better:  # then it is the rate of getting worse alone, of which the exact is known
        p_margin = max(p_margin, binomial(worse, trials, margin))
    width = min(ends.high, data.reach) - data.mean  # which the error alone understates
    return Tested(
        low=ends.low,
        high=ends.high,
        p_worse=p_worse,
        p_margin=p_margin,
        method=method,
        enough=data.pairs * (needed / critical_value(inf) * width / margin) ** 2,
    )


def mcnemar(worse: int, better: int) -> float:
    """McNemar's exact test (1947), one-sided: so many changes to the worse, or more, by chance.

    >>> mcnemar(7, 1) == 9 / 256
    True

    Args:
        worse: pairs of which only the candidate failed.
        better: pairs of which only the baseline failed.

    Returns:
        A p-value; 1 where nothing changed.
    """
    from scipy.stats import binom

    changed = worse + better
    return float(binom.sf(worse - 1, changed, 0.5)) if changed else 1.0


def binomial(changed: float, n: float, share: float) -> float:
    """The chance of so few or fewer among n, where each changes with this chance.

    >>> round(binomial(0, 10, 0.1), 6) == round(0.9**10, 6)
    True
    """
    from scipy.special import betainc

    if share >= 1:
        return 0.0
    return float(betainc(n - changed, changed + 1, 1 - share)) if changed < n else 1.0


def exact_share(count: int, n: int) -> Ends:
    """The exact 95 % interval of a share (Clopper and Pearson 1934).

    >>> [round(end, 4) for end in exact_share(0, 10)]
    [0.0, 0.3085]

    Args:
        count: of n, from 0 to n.
        n: at least 1.
    """
    from scipy.special import betaincinv

    low = float(betaincinv(count, n - count + 1, ONE_SIDED_LEVEL)) if count else 0.0
    high = float(betaincinv(count + 1, n - count, 1 - ONE_SIDED_LEVEL)) if count < n else 1.0
    return Ends(low, high)


def tango(worse: float, better: float, n: float, margin: float, freedom: float = inf) -> float:
    """Tango's score test (1998) of a difference of paired rates of `margin` or more; one-sided.

    Tango, Equivalence test and confidence interval for the difference in proportions for the
    paired-sample design, Statistics in Medicine 17.

    >>> tango(5, 5, 100, 0.0)
    0.5

    Args:
        worse: pairs of which only the candidate failed.
        better: pairs of which only the baseline failed.
        n: all pairs; need not be whole.
        margin: between -1 and 1.
        freedom: degrees of freedom, where clusters are few.
    """
    return chance_below(_score(worse, better, n, margin), freedom)


def tango_interval(worse: float, better: float, n: float, freedom: float = inf) -> Ends:
    """The 95 % interval of a difference of paired rates that Tango's score test (1998) leaves.

    Agresti's prime minister: 1,600 people asked twice, of whom 150 and 86 changed their minds.

    >>> [round(end, 3) for end in tango_interval(150, 86, 1600)]
    [0.021, 0.059]

    Returns:
        Its ends, from -1 to 1.
    """
    from scipy.optimize import brentq

    difference = (worse - better) / n

    def end(side: float) -> float:
        def off(value: float) -> float:
            return _score(worse, better, n, value) + side * critical_value(freedom)

        edge = side * (1 - 1e-9)
        return side if off(edge) * side > 0 else float(brentq(off, difference, edge))

    return Ends(
        low=-1.0 if difference == -1 else end(-1.0), high=1.0 if difference == 1 else end(1.0)
    )


def chance_below(score: float, freedom: float) -> float:
    """The chance of a standardised score this low or lower, by Student's t or the normal."""
    from scipy.special import ndtr, stdtr

    return float(ndtr(score) if isinf(freedom) else stdtr(freedom, score))


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
