"""What estimates ask of samples: groups, conditions, clusters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.types import Estimand, Sample


@dataclass(frozen=True, slots=True)
class Field:
    """A metadata column: for each sample which of the distinct values it has."""

    codes: NDArray[np.int32]
    values: Sequence[object]

    def having(self, chosen: Iterable[bool]) -> NDArray[np.bool_]:
        """Which samples have one of the values that are chosen."""
        return np.fromiter(chosen, np.bool_, len(self.values))[self.codes]

    def items(self) -> list[object]:
        """The value of each sample."""
        return [self.values[code] for code in self.codes]


@dataclass(frozen=True, slots=True)
class Facts:
    """What estimates ask of samples, by the samples' numbers."""

    clusters: NDArray[np.uint64]
    """A digest of the cluster's name, or of the sample's id where it is its own."""
    fields: Mapping[str, Field]

    def of(self, numbers: NDArray[np.int64]) -> Facts:
        """The same of some samples only."""
        fields = {name: Field(f.codes[numbers], f.values) for name, f in self.fields.items()}
        return Facts(self.clusters[numbers], fields)


def asked_of_samples(estimands: Sequence[Estimand]) -> set[str]:
    """The metadata fields that estimands are by or choose samples by."""
    by = {estimand.by for estimand in estimands if estimand.by is not None}
    by |= {e.cluster for e in estimands if e.cluster not in ("cluster", "sample")}
    compared = (getattr(estimand.statistic, "fields", ()) for estimand in estimands)
    return by.union(*(estimand.where for estimand in estimands), *compared)


def _units(
    facts: Facts, estimand: Estimand, numbers: NDArray[np.int64]
) -> NDArray[np.int64] | NDArray[np.uint64]:
    """What of each sample is independent of what of others."""
    if estimand.cluster == "cluster":
        return facts.clusters[numbers]
    if estimand.cluster == "sample":
        return numbers
    return facts.fields[estimand.cluster].codes[numbers].astype(np.int64)


def matches(sample: Sample, estimand: Estimand) -> bool:
    """Whether an estimand is over this sample."""
    return all(sample.metadata.get(field) == value for field, value in estimand.where.items())


def _groups(facts: Facts, estimand: Estimand) -> Iterator[tuple[str | None, NDArray[np.int64]]]:
    """The numbers of the samples that an estimand is over, group by group."""
    chosen = np.ones(len(facts.clusters), dtype=np.bool_)
    for name, wanted in estimand.where.items():
        field = facts.fields[name]
        chosen &= field.having(bool(value == wanted) for value in field.values)
    if estimand.by is None:
        yield None, np.flatnonzero(chosen)
        return
    field = facts.fields[estimand.by]
    present = {str(field.values[code]) for code in np.unique(field.codes[chosen])}
    for group in sorted(present):
        belongs = field.having(str(value) == group for value in field.values)
        yield group, np.flatnonzero(chosen & belongs)
