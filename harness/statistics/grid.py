"""A full factorial of factors, crossed with templates: every combination asks the same question."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from harness.statistics.contrasts import Contrast
from harness.types import Direction, Estimand, HarnessError, Metadata

Level = str | int


@dataclass(frozen=True)
class Grid:
    """Factors with their levels and the cell that others are compared with.

    Raises:
        HarnessError: a factor has no levels, one twice, or not that of the reference.

    >>> list(Grid({"age": [20, 60]}, {"age": 20}).cells())
    [{'age': 20}, {'age': 60}]
    """

    factors: Mapping[str, Sequence[Level]]
    reference: Mapping[str, Level]

    def __post_init__(self) -> None:
        for factor, levels in self.factors.items():
            if not levels or len(set(map(str, levels))) < len(levels):
                raise HarnessError(f"{factor}={list(levels)} must be levels that differ")
            if factor in self.reference and self.reference[factor] not in levels:
                raise HarnessError(
                    f"{factor}={list(levels)} lacks the reference level "
                    f"{self.reference[factor]!r}, which the others are compared with"
                )

    def cells(self) -> Iterator[dict[str, Level]]:
        """Every combination of levels, the last factor's changing fastest."""
        for levels in product(*self.factors.values()):
            yield dict(zip(self.factors, levels, strict=True))

    def contrasts(
        self, name: str, metric: str, where: Metadata | None = None, cluster: str = "cluster"
    ) -> tuple[Estimand, ...]:
        """Each factor's levels against the reference, clustered by what stays the same."""
        return tuple(
            Estimand(
                name,
                metric,
                Contrast(factor, str(level)),
                where=where or {},
                better=Direction.ZERO,
                cluster=cluster,
            )
            for factor, level in self.reference.items()
            if len(self.factors[factor]) > 1
        )
