"""Statistics of what was chosen: how often each option, and what most generations agree on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from harness.statistics.arrays import Floats, counts_of
from harness.statistics.intervals import Scored, share_interval
from harness.statistics.means import Share
from harness.types import Direction, Estimate, Metric

if TYPE_CHECKING:
    from harness.types import Labels


@dataclass(frozen=True, slots=True)
class MajorityVote:
    """The share of samples of whose generations most have the value `right`, from 0 to 1.

    The vote of self-consistency (Wang et al. 2022, arXiv 2203.11171). A tie of m values of which
    one is `right` counts 1 / m. Missing generations have no vote; a sample without any is missing.

    >>> values, samples = np.array([1.0, 1.0, 1.0, 0.0, 0.0, 0.0]), np.array([0, 0, 0, 1, 1, 1])
    >>> metric = Metric(0.0, 1.0, Direction.LOWER)
    >>> MajorityVote(right=1.0).estimate(values, samples, samples, metric).estimate
    0.5
    """

    right: float = 0.0
    range: ClassVar[str] = "share"

    @property
    def name(self) -> str:
        """Its name in tables."""
        return "majority vote"

    def estimate(
        self, values: Floats, samples: Labels, clusters: Labels, metric: Metric
    ) -> Estimate:
        """The share over samples; NaN is missing."""
        codes = np.unique(np.asarray(samples), return_inverse=True)[1]
        count = int(codes.max()) + 1 if len(codes) else 0
        votes, worst, best = (np.full(count, np.nan) for _ in range(3))
        for code in range(count):
            ballots = values[codes == code]
            cast = ballots[~np.isnan(ballots)]
            lacking = len(ballots) - len(cast)
            votes[code] = self._vote(cast, 0)
            best[code] = self._vote(cast, lacking)
            worst[code] = self._vote(cast, -lacking)
        counts = counts_of(values, clusters)
        voted = ~np.isnan(votes)
        bounds: tuple[float | None, float | None] = (
            (float(worst.mean()), float(best.mean())) if count else (None, None)
        )
        if metric.better is Direction.LOWER:
            bounds = bounds[::-1]
        if not voted.any():
            return Estimate.unknown(counts, *bounds)
        firsts = np.unique(codes, return_index=True)[1]
        units = np.unique(np.asarray(clusters)[firsts][voted], return_inverse=True)[1]
        scored = Scored(votes[voted], np.arange(int(voted.sum())), units)
        interval = share_interval(scored, metric)
        return Estimate(float(votes[voted].mean()), *interval, *bounds, *counts)

    def _vote(self, cast: Floats, more: int) -> float:
        """The vote if so many more were right, or, where negative, agreed on another value."""
        kinds, counts = np.unique(cast, return_counts=True)
        tally = dict(zip(kinds.tolist(), counts.tolist(), strict=True))
        if more > 0:
            tally[self.right] = tally.get(self.right, 0) + more
        elif more < 0:
            others = [kind for kind in tally if kind != self.right]
            rival = max(others, key=tally.__getitem__) if others else float("inf")
            tally[rival] = tally.get(rival, 0) - more
        if not tally:
            return float("nan")
        most = max(tally.values())
        leaders = [kind for kind, votes in tally.items() if votes == most]
        return (self.right in leaders) / len(leaders)


@dataclass(frozen=True, slots=True)
class Frequencies:
    """The share of generations that have each of some values of a metric, from 0 to 1.

    >>> values, metric = np.array([[0.0, 1.0], [1.0, 1.0]]), Metric(0.0, 1.0, Direction.LOWER)
    >>> rows = Frequencies((("yes", 1.0),), "answer").compare(values, {}, ["a", "b"], metric)
    >>> rows["yes"].estimate
    0.75
    """

    labels: tuple[tuple[str, float], ...]
    """Each value with the name that it has in tables."""
    of: str
    """What the values are of: the column `by`."""
    better: ClassVar[Direction] = Direction.NEITHER
    fields: ClassVar[Sequence[str]] = ()
    range: ClassVar[str] = "share"

    @property
    def name(self) -> str:
        """Its name in tables."""
        return "share"

    @property
    def by(self) -> str:
        """What the values are of."""
        return self.of

    def compare(
        self,
        values: Floats,
        facts: Mapping[str, Sequence[object]],
        clusters: Labels,
        metric: Metric,
    ) -> Mapping[str, Estimate]:
        """One estimate for each value."""
        samples = np.repeat(np.arange(len(values)), values.shape[1])
        units, flat = np.repeat(np.asarray(clusters), values.shape[1]), values.ravel()
        rows = {}
        for label, value in self.labels:
            equal = np.where(np.isnan(flat), np.nan, (flat == value).astype(float))
            rows[label] = Share(at_least=1).estimate(equal, samples, units, metric)
        return rows
