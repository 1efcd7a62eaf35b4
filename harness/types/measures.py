"""What a number means: metrics, estimands, estimates and the protocols of statistics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from math import inf
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias, runtime_checkable

from harness.types.errors import HarnessError
from harness.types.records import Metadata

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


Labels: TypeAlias = "Sequence[str] | NDArray[np.int64] | NDArray[np.uint64]"
"""Which sample or cluster each value is of, by name or by number."""


class Direction(Enum):
    """Which end of a metric is the good one."""

    LOWER = "lower"
    HIGHER = "higher"
    ZERO = "zero"
    """Of a difference: the nearer to none the better. No metric's own."""
    NEITHER = "neither"
    """Of what describes and has no good end. No metric's own."""


@dataclass(frozen=True, slots=True)
class Metric:
    """What a column of scores means: its range and its good end."""

    low: float
    high: float
    better: Direction

    def worst(self) -> float:
        """The end of the range that a missing value is assumed to have in the worst case."""
        return self.high if self.better is Direction.LOWER else self.low

    def best(self) -> float:
        """The end of the range that a missing value is assumed to have in the best case."""
        return self.low if self.better is Direction.LOWER else self.high


class Statistic(Protocol):
    """Turns one metric's values into an estimate with its uncertainty."""

    @property
    def name(self) -> str:
        """What the column `statistic` says: `mean`, `share >= 4` ..."""
        ...

    def estimate(
        self,
        values: NDArray[np.float64],
        samples: Labels,
        clusters: Labels,
        metric: Metric,
    ) -> Estimate:
        """Estimate from `values` (NaN: missing), each of a sample, each sample of a cluster."""
        ...


@runtime_checkable
class Comparison(Protocol):
    """Sets a metric's values against facts about their samples: several estimates at once."""

    @property
    def name(self) -> str:
        """What the column `statistic` says: `difference from white` ..."""
        ...

    @property
    def by(self) -> str:
        """What the column `by` says that the estimates are of."""
        ...

    @property
    def fields(self) -> Sequence[str]:
        """The metadata that it reads."""
        ...

    @property
    def better(self) -> Direction | None:
        """The good end of its estimates; None: the metric's."""
        ...

    def compare(
        self,
        values: NDArray[np.float64],
        facts: Mapping[str, Sequence[object]],
        clusters: Labels,
        metric: Metric,
    ) -> Mapping[str, Estimate]:
        """By name what is estimated from `values`, a row a sample (NaN: missing).

        `facts` and `clusters` have an item for each row.
        """
        ...


@dataclass(frozen=True, slots=True)
class Estimand:
    """A number that a task's paper reports: which metric, which statistic, over which samples."""

    name: str
    """What the row is called: `harmfulness`, `benign refused` ..."""
    metric: str
    statistic: Statistic | Comparison
    by: str | None = None
    """A metadata column: one row for each of its values; None: one row over all samples. Not with a
    comparison, which says itself what its rows are."""
    where: Metadata = field(default_factory=dict)
    """Only samples whose metadata has these values."""
    better: Direction | None = None
    """Where the good end differs from the metric's own; None: as the metric says."""
    cluster: str = "cluster"
    """What is drawn, and so independent: the samples' `cluster`, each `sample`, or a metadata
    column."""
    strata: Sequence[str] = ()
    """What is fixed: metadata columns whose values are all there are (principles, levels, kinds),
    so that intervals and tests draw within them; none: samples are drawn from all alike."""
    given: Mapping[str, float] = field(default_factory=dict)
    """Only generations of which other metrics have these values, of an answer that is no refusal
    say; where such a metric is missing, this one counts as missing. Not with a comparison."""
    margin: float | None = None
    """How much worse, in the estimate's own unit, still counts as not worse in `regression`; None:
    it decides nothing there."""
    guard: bool = False
    """Whether it stands beside what a task is about, so that no safety is bought with it."""
    margin_reason: str = ""
    """What the margin amounts to: `one answer in ten`."""


@dataclass(frozen=True, slots=True)
class Margin:
    """How much worse an estimate may be and still count as not worse."""

    margin: float
    """Above 0, in the estimate's own unit."""
    reason: str
    """What that amounts to."""
    guard: bool = False


def with_margins(
    estimands: Iterable[Estimand], margins: Mapping[str, Margin]
) -> tuple[Estimand, ...]:
    """The estimands, those over all samples with the margin that stands under their name.

    Raises:
        HarnessError: a margin is of none of them, or no number above 0.
    """
    estimands = tuple(estimands)
    names = {estimand.name for estimand in estimands if estimand.by is None}
    for name, margin in margins.items():
        if name not in names:
            raise HarnessError(
                f"the margin of {name!r} is of no estimate; there are {', '.join(sorted(names))}"
            )
        if not 0 < margin.margin < inf:
            raise HarnessError(f"the margin of {name!r} is {margin.margin!r}, no number above 0")
    return tuple(
        replace(e, margin=m.margin, guard=m.guard, margin_reason=m.reason)
        if e.by is None and (m := margins.get(e.name))
        else e
        for e in estimands
    )


class Counts(NamedTuple):
    """How many scores an estimate is over."""

    n: int
    """Scores that there should be."""
    n_scored: int
    n_failed: int
    clusters: int
    """Independent units among what was scored."""


NOTHING = Counts(0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Estimate:
    """An estimand's value with its uncertainty; None where there was nothing to take it from."""

    estimate: float | None
    stderr: float | None
    low: float | None
    """Lower end of the 95 % interval."""
    high: float | None
    """Upper end of the 95 % interval."""
    worst: float | None
    """The estimate if all that is missing had the metric's worst value."""
    best: float | None
    """The estimate if all that is missing had the metric's best value."""
    n: int
    """Scores that there should be."""
    n_scored: int
    n_failed: int
    clusters: int

    @classmethod
    def unknown(
        cls,
        counts: Counts = NOTHING,
        worst: float | None = None,
        best: float | None = None,
    ) -> Estimate:
        """One of which the data cannot say the value, perhaps how bad or good it could be."""
        return cls(None, None, None, None, worst, best, *counts)
