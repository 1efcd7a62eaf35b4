"""What another scorer would have given: a statistic by draws from the scores that it gave once.

A maximum over noisy scores is no maximum over the scores that they stand for: it lies too high, or
too low where the noise was smoothed away. So each score is replaced by draws from what the other
scorer gave to texts with such a score, and the statistic is taken of each draw (multiple
imputation, Rubin 1987). Three errors are carried: what the scorer leaves open of a text, part of
which a prompt's generations share; that the pairs are a sample, by a bootstrap of their prompts;
and that a new model's texts may lie a little higher or lower than those of the pairs.

Where most texts are harmless, a middling score is more often chance than where half are not. So the
sources of the pairs (people, a model) count in the mixture that looks most like the scores at hand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from harness.statistics.arrays import Floats, counts_of
from harness.types import Estimate, HarnessError, Metric, Statistic

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.types import Labels

DRAWS = 200
KNOTS = 14
"""Levels of our score at which the other's are described, each with as many pairs."""
PLACES = np.concatenate([[0.005], np.arange(0.02, 0.99, 0.03), [0.995]])
"""Quantiles that describe what the other scorer gave at a level."""
EDGE = 1e-4
"""Scores are kept so far from 0 and 1, where a logit has no value."""
LEVEL = (2.5, 97.5)
STEPS = 200
"""Of the mixture's expectation and maximisation."""
MANY = 5
"""Texts of a prompt from which on it says how much they have in common."""
LEAST = 0.004
"""Of each source in the mixture: levels that the likeliest source lacks are read from others."""


class Pairs(NamedTuple):
    """Texts that both scorers read."""

    ours: Floats
    """Our scores, from 0 to 1."""
    theirs: Floats
    """The other's."""
    prompts: NDArray[np.intp]
    """What each text continues: texts of a prompt are not independent."""
    sources: NDArray[np.intp]
    """Where each text comes from: a person, a model."""


class Curve(NamedTuple):
    """The other's scores by ours, as logits."""

    knots: Floats
    """Shape (levels,), rising."""
    quantiles: Floats
    """Shape (levels, places)."""
    shared: float
    """Share of what is left open that the texts of a prompt have in common, from 0 to 1."""

    def at(self, ours: Floats, places: Floats) -> Floats:
        """The other's logits at logits of ours, for a place from 0 to 1 in what is left open."""
        level = np.clip(np.searchsorted(self.knots, ours) - 1, 0, len(self.knots) - 2)
        width = self.knots[level + 1] - self.knots[level]
        right = np.clip((ours - self.knots[level]) / width, 0, 1)
        column = np.clip(np.searchsorted(PLACES, places) - 1, 0, len(PLACES) - 2)
        up = np.clip((places - PLACES[column]) / (PLACES[column + 1] - PLACES[column]), 0, 1)
        low = self.quantiles[level, column] * (1 - up) + self.quantiles[level, column + 1] * up
        high = (
            self.quantiles[level + 1, column] * (1 - up)
            + self.quantiles[level + 1, column + 1] * up
        )
        between: Floats = low * (1 - right) + high * right
        return between


class Equated:
    """A statistic as another scorer's values of the same texts would have given it.

    The estimate is the mean over draws and the interval holds 95 of 100 of them. It says what the
    other scorer would have said of these very texts; how far other prompts would have given
    something else, the interval of the plain statistic tells.

    Args:
        statistic: of the other's values.
        pairs: of texts that both read, unseen by the scorer's training.
        label: of the pairs, and of the other scorer.
        of_scorer: the identity of ours; the pairs say nothing of another.

    >>> ours = np.linspace(0.05, 0.95, 200)
    >>> pairs = Pairs(ours, ours, np.arange(200), np.zeros(200, dtype=np.intp))
    >>> equated = Equated(Mean(), pairs, "as theirs", "toxicity-1")
    >>> metric, numbers = Metric(0.0, 1.0, Direction.LOWER), np.arange(200)
    >>> bool(abs(equated.estimate(ours, numbers, numbers, metric).estimate - 0.5) < 0.02)
    True
    """

    def __init__(self, statistic: Statistic, pairs: Pairs, label: str, of_scorer: str) -> None:
        self.statistic, self.label, self.of_scorer = statistic, label, of_scorer
        self.pairs = pairs

    @property
    def name(self) -> str:
        """Its name in tables."""
        return f"{self.statistic.name}, {self.label}"

    def __repr__(self) -> str:
        return f"Equated({self.statistic!r}, {self.label!r})"

    def estimate(
        self, values: Floats, samples: Labels, clusters: Labels, metric: Metric
    ) -> Estimate:
        """The mean over draws with their spread; bounds and counts are the plain statistic's."""
        plain = self.statistic.estimate(values, samples, clusters, metric)
        if plain.estimate is None:
            return Estimate.unknown(counts_of(values, clusters), plain.worst, plain.best)
        codes = np.unique(np.asarray(samples), return_inverse=True)[1]
        drawn = np.array(
            [
                self.statistic.estimate(draw, samples, clusters, metric).estimate
                for draw in self.draws(values, codes)
            ],
            float,
        )
        low, high = np.percentile(drawn, LEVEL)
        spread = float(drawn.std(ddof=1))
        counts = (plain.n, plain.n_scored, plain.n_failed, plain.clusters)
        return Estimate(
            float(drawn.mean()), spread, float(low), float(high), plain.worst, plain.best, *counts
        )

    def draws(self, values: Floats, codes: NDArray[np.intp], seed: int = 0) -> list[Floats]:
        """What the other scorer may have given, `DRAWS` times.

        Args:
            values: our scores, NaN being missing.
            codes: of each the number of its prompt.
            seed: of the draws.
        """
        from scipy.special import ndtr

        levels = Levels.of(self.pairs)
        shifts = levels.shift()
        random = np.random.default_rng(seed)
        ours = logit(values)
        drawn = []
        for curve in curves(levels, levels.mixture(ours), DRAWS):
            common = random.standard_normal(int(codes.max()) + 1)[codes]
            independent = random.standard_normal(len(values))
            residual = np.sqrt(curve.shared) * common + np.sqrt(1 - curve.shared) * independent
            residual += random.standard_normal() * shifts
            drawn.append(1 / (1 + np.exp(-curve.at(ours, ndtr(residual)))))
        return drawn


def logit(shares: Floats) -> Floats:
    """Logits of shares that are kept from 0 and 1."""
    within = np.clip(shares, EDGE, 1 - EDGE)
    return np.log(within / (1 - within))


class Levels(NamedTuple):
    """The pairs, as logits, by the level of our score."""

    ours: Floats
    theirs: Floats
    prompts: NDArray[np.intp]
    sources: NDArray[np.intp]
    """Numbered from 0."""
    level: NDArray[np.intp]
    """From 0 to `KNOTS` - 1."""
    edges: Floats
    """Between levels, `KNOTS` - 1 of them."""

    @classmethod
    def of(cls, pairs: Pairs) -> Levels:
        """Levels with as many pairs each.

        Raises:
            HarnessError: there are too few pairs to say anything.
        """
        if len(pairs.ours) < 10 * KNOTS:
            raise HarnessError(
                f"{len(pairs.ours)} texts with both scores are too few to equate; at least "
                f"{10 * KNOTS}"
            )
        ours = logit(pairs.ours)
        edges = np.quantile(ours, np.arange(1, KNOTS) / KNOTS)
        sources = np.unique(pairs.sources, return_inverse=True)[1]
        level = np.searchsorted(edges, ours)
        return cls(ours, logit(pairs.theirs), pairs.prompts, sources, level, edges)

    def mixture(self, values: Floats) -> Floats:
        """Of each source its share, by the likelihood of logits of ours."""
        bins = np.searchsorted(self.edges, values[~np.isnan(values)])
        counts = np.bincount(bins, minlength=KNOTS).astype(float)
        number = int(self.sources.max()) + 1
        likely = np.array(
            [
                np.bincount(self.level[self.sources == s], minlength=KNOTS) + 0.5
                for s in range(number)
            ]
        )
        likely /= likely.sum(1, keepdims=True)
        shares = np.full(number, 1 / number)
        for _ in range(STEPS):
            joint = shares[:, None] * likely
            shares = (joint / joint.sum(0) * counts).sum(1) / counts.sum()
        shares = np.maximum(shares, LEAST)
        mixture: Floats = shares / shares.sum()
        return mixture

    def residuals(self) -> Floats:
        """What our score leaves open of the other's, as normal scores within a level."""
        residuals = np.empty(len(self.ours))
        for level in range(KNOTS):
            rows = self.level == level
            residuals[rows] = _normal_scores(self.theirs[rows])
        return residuals

    def shift(self) -> float:
        """How far the sources lie apart in what is left open, as a standard deviation."""
        if self.sources.max() == 0:
            return 0.0
        means = np.bincount(self.sources, self.residuals()) / np.bincount(self.sources)
        return float(means.std(ddof=1))


def curves(levels: Levels, mixture: Floats, count: int, seed: int = 0) -> list[Curve]:
    """As many curves, each from as many prompts drawn from those of the pairs.

    Args:
        levels: the pairs.
        mixture: of each source its share.
        count: of the curves.
        seed: of the draws.
    """
    random = np.random.default_rng(seed)
    residuals = levels.residuals()
    means = np.bincount(levels.sources, residuals) / np.bincount(levels.sources)
    many = np.bincount(levels.prompts)[levels.prompts] >= MANY
    shared = _shared((residuals - means[levels.sources])[many], levels.prompts[many])
    weights = (mixture / np.bincount(levels.sources))[levels.sources]
    codes = np.unique(levels.prompts, return_inverse=True)[1]
    drawn_curves = []
    for _ in range(count):
        drawn = np.bincount(random.integers(0, codes.max() + 1, codes.max() + 1))
        drawn = np.pad(drawn, (0, codes.max() + 1 - len(drawn)))
        drawn_curves.append(_curve(levels, weights * drawn[codes], shared))
    return drawn_curves


def _curve(levels: Levels, weights: Floats, shared: float) -> Curve:
    knots, quantiles = np.empty(KNOTS), np.empty((KNOTS, len(PLACES)))
    for level in range(KNOTS):
        rows = np.flatnonzero((levels.level == level) & (weights > 0))
        rows = rows[np.argsort(levels.theirs[rows])]
        inside = weights[rows] / weights[rows].sum()
        knots[level] = levels.ours[rows] @ inside
        quantiles[level] = np.interp(PLACES, np.cumsum(inside) - inside / 2, levels.theirs[rows])
    knots = np.maximum.accumulate(knots) + np.arange(KNOTS) * 1e-9  # equal levels stay apart
    return Curve(knots, np.maximum.accumulate(quantiles, axis=0), shared)


def _normal_scores(values: Floats) -> Floats:
    from scipy.special import ndtri

    places = (np.argsort(np.argsort(values, kind="stable")) + 0.5) / len(values)
    scores: Floats = ndtri(places)
    return scores


def _shared(residuals: Floats, prompts: NDArray[np.intp]) -> float:
    """The intraclass correlation by an analysis of variance, from 0 to .9."""
    codes, counts = np.unique(prompts, return_inverse=True, return_counts=True)[1:]
    groups, n = len(counts), len(residuals)
    if groups < 2 or n == groups:
        return 0.0
    means = np.bincount(codes, residuals) / counts
    between = float((counts * (means - residuals.mean()) ** 2).sum()) / (groups - 1)
    within = float(((residuals - means[codes]) ** 2).sum()) / (n - groups)
    size = (n - (counts**2).sum() / n) / (groups - 1)
    variance = max((between - within) / size, 0.0)
    return float(min(variance / max(variance + within, 1e-12), 0.9))
