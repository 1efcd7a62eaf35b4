"""What estimates ask of samples: groups, conditions, clusters."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.types import Estimand

FIXED_COLUMNS = ("sample_id", "cluster", "prompt", "messages", "target")
"""Columns of `samples.parquet` that every run's has; the others are metadata."""


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
    """What estimates ask of samples, by the samples' numbers.

    It is made of samples in a run and of `samples.parquet` after it, and is the only place that
    says what an estimand's `where`, `by`, `cluster` and `strata` mean.
    """

    clusters: NDArray[np.uint64]
    """A digest of the cluster's name, or of the sample's id where it is its own; of a table the
    cluster's place among all."""
    fields: Mapping[str, Field]
    ids: NDArray[np.int64] | None = None
    """Of a table the place of each sample's id among all; None: samples are told by number."""

    @classmethod
    def of_table(cls, samples: pa.Table, fields: Collection[str]) -> Facts:
        """Those of a run's table of samples.

        Args:
            samples: as `samples_table` makes it.
            fields: metadata to be read; a field that no sample has is None of all.
        """
        columns = {name: column_of(name) for name in fields}
        nothing = Field(np.zeros(len(samples), np.int32), [None])
        return cls(
            _field(samples["cluster"].to_pylist()).codes.astype(np.uint64),
            {
                name: _field(samples[column].to_pylist())
                if column in samples.column_names
                else nothing
                for name, column in columns.items()
            },
            _field(samples["sample_id"].to_pylist()).codes.astype(np.int64),
        )

    def of(self, numbers: NDArray[np.int64]) -> Facts:
        """The same of some samples only."""
        fields = {name: Field(f.codes[numbers], f.values) for name, f in self.fields.items()}
        ids = None if self.ids is None else self.ids[numbers]
        return Facts(self.clusters[numbers], fields, ids)

    def chosen(self, estimand: Estimand) -> NDArray[np.bool_]:
        """Which samples an estimand is over, by its `where`."""
        chosen = np.ones(len(self.clusters), dtype=np.bool_)
        for name, wanted in estimand.where.items():
            field = self.fields[name]
            chosen &= field.having(bool(value == wanted) for value in field.values)
        return chosen

    def groups(self, estimand: Estimand) -> Iterator[tuple[str | None, NDArray[np.int64]]]:
        """The numbers of the samples that an estimand is over, group by group of its `by`."""
        chosen = self.chosen(estimand)
        if estimand.by is None:
            yield None, np.flatnonzero(chosen)
            return
        field = self.fields[estimand.by]
        present = {str(field.values[code]) for code in np.unique(field.codes[chosen])}
        for group in sorted(present):
            belongs = field.having(str(value) == group for value in field.values)
            yield group, np.flatnonzero(chosen & belongs)

    def units(
        self, estimand: Estimand, numbers: NDArray[np.int64]
    ) -> NDArray[np.int64] | NDArray[np.uint64]:
        """For each of these samples what is independent of others, by the estimand's `cluster`."""
        if estimand.cluster == "cluster":
            return self.clusters[numbers]
        if estimand.cluster == "sample":
            return numbers if self.ids is None else self.ids[numbers]
        return self.fields[estimand.cluster].codes[numbers].astype(np.int64)

    def strata(self, estimand: Estimand, numbers: NDArray[np.int64]) -> NDArray[np.int64] | None:
        """For each of these samples the stratum that is fixed; None: the estimand has none."""
        if not estimand.strata:
            return None
        columns = np.stack([self.fields[name].codes[numbers] for name in estimand.strata])
        return np.unique(columns, axis=1, return_inverse=True)[1].reshape(-1).astype(np.int64)


def column_of(field: str) -> str:
    """The column of `samples.parquet` that holds a metadata field.

    One that bears the name of a column of every table has an underscore behind it.
    """
    return f"{field}_" if field.rstrip("_") in FIXED_COLUMNS else field


def field_of(column: str) -> str:
    """The metadata field that a column of `samples.parquet` holds."""
    return column[:-1] if column.endswith("_") and column_of(column[:-1]) == column else column


def asked_of_samples(estimands: Sequence[Estimand]) -> set[str]:
    """The metadata fields that estimands are by or choose samples by."""
    by = {estimand.by for estimand in estimands if estimand.by is not None}
    by |= {e.cluster for e in estimands if e.cluster not in ("cluster", "sample")}
    by |= {name for estimand in estimands for name in estimand.strata}
    compared = (getattr(estimand.statistic, "fields", ()) for estimand in estimands)
    return by.union(*(estimand.where for estimand in estimands), *compared)


def _field(items: Sequence[object]) -> Field:
    """A column with its distinct values in the order of their names."""
    values = sorted(set(items), key=str)
    place = {value: number for number, value in enumerate(values)}
    return Field(np.fromiter((place[item] for item in items), np.int32, len(items)), values)
