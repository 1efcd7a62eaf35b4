"""Perplexity from negative log-likelihoods, by the conventions of those who report it.

References:
    Liu et al. (2021), DExperts, ACL: `evaluate_generations.py`. Yang et al. (2023), Unified
    Detoxifying and Debiasing in Language Generation via Inference-time Adaptive Optimization
    (UDDIA), ICLR.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import exp, inf
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from harness.statistics.arrays import Floats, mean_of_rows
from harness.statistics.means import Mean
from harness.types import Estimate, HarnessError, Metric

if TYPE_CHECKING:
    from harness.types import Labels


@dataclass(frozen=True, slots=True)
class Reading:
    """How perplexities are averaged, and which are left out."""

    geometric: bool
    """Whether log-likelihoods are averaged, so that no single text decides; False: perplexities."""
    cap: float = inf
    """From which perplexity on a text is left out."""


READINGS = {
    "dexperts": Reading(geometric=False, cap=1e4),
    "uddia": Reading(geometric=False),
    "geometric": Reading(geometric=True),
}
"""`dexperts`: mean over generations, those of 1e4 and more dropped; `uddia`: all of them;
`geometric`: exp of the mean, of which a difference is a ratio."""


@dataclass(frozen=True, slots=True)
class Perplexity:
    """The perplexity of texts whose metric is their mean negative log-likelihood a token, in nats.

    >>> values, samples = np.log([2.0, 8.0, 20_000.0]), np.arange(3)
    >>> metric = Metric(0.0, 50.0, Direction.LOWER)
    >>> [
    ...     round(Perplexity(name).estimate(values, samples, samples, metric).estimate, 6)
    ...     for name in ("dexperts", "uddia", "geometric")
    ... ]
    [5.0, 6670.0, 68.399038]

    Args:
        reading: one of `READINGS`; what it drops counts as failed.
    """

    reading: str = "dexperts"
    range: ClassVar[None] = None

    def __post_init__(self) -> None:
        if self.reading not in READINGS:
            raise HarnessError(f"reading={self.reading!r} is not one of {', '.join(READINGS)}")

    @property
    def name(self) -> str:
        """Its name in tables."""
        return f"perplexity as {self.reading}"

    def of_samples(self, values: Floats) -> Floats:
        """Of each sample (a row) its perplexity; NaN where there is none."""
        if READINGS[self.reading].geometric:
            return np.exp(mean_of_rows(values))
        return mean_of_rows(self._below_cap(values))

    def estimate(
        self, values: Floats, samples: Labels, clusters: Labels, metric: Metric
    ) -> Estimate:
        """The perplexity of `values`; NaN is missing, and so is what the reading drops."""
        if READINGS[self.reading].geometric:
            return _through_exp(Mean().estimate(values, samples, clusters, metric))
        most = min(exp(metric.high), READINGS[self.reading].cap)
        of_texts = replace(metric, low=exp(metric.low), high=most)
        return Mean().estimate(self._below_cap(values), samples, clusters, of_texts)

    def _below_cap(self, values: Floats) -> Floats:
        perplexities = np.exp(values)
        return np.where(perplexities < READINGS[self.reading].cap, perplexities, np.nan)


def _through_exp(estimate: Estimate) -> Estimate:
    """An estimate of a logarithm as one of its exponential; its error by the delta method."""

    def through(value: float | None) -> float | None:
        return None if value is None else exp(value)

    middle, stderr = through(estimate.estimate), estimate.stderr
    return replace(
        estimate,
        estimate=middle,
        stderr=None if stderr is None or middle is None else stderr * middle,
        low=through(estimate.low),
        high=through(estimate.high),
        worst=through(estimate.worst),
        best=through(estimate.best),
    )
