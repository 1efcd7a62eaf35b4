"""The scores of a finished run as arrays, a value a generation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from harness.statistics import Limits
from harness.store.folder import RunStore

Row = Mapping[str, Any]


class Scores:
    """The values of a run's metrics, a row for each of its generations.

    Args:
        store: the run's folder.
        samples: its table of samples.
    """

    def __init__(self, store: RunStore, samples: pa.Table) -> None:
        self.ids = samples["sample_id"].combine_chunks()
        last = (part["index"].to_numpy().max(initial=0) for part in
                store.read_parts("scores", ["index"]))  # fmt: skip
        self.n = 1 + int(max(last, default=0))
        self.values: dict[str, NDArray[np.float64]] = {}
        """Of each metric one value a generation; NaN is missing."""
        self.limits: dict[str, Limits] = {}
        """Of the metrics of which a missing value has a bound, likewise."""
        columns = ["sample_id", "index", "metric", "value", *Limits._fields]
        for part in store.read_parts("scores", columns):
            numbers = self.numbers(part)
            values = part["value"].to_numpy()
            names = part["metric"].combine_chunks().dictionary_encode()
            codes = names.indices.to_numpy()
            for code, metric in enumerate(names.dictionary.to_pylist()):
                of_metric = (codes == code) & (numbers >= 0)
                column = self.values.setdefault(metric, np.full(len(self.ids) * self.n, np.nan))
                column[numbers[of_metric]] = values[of_metric]
                self._note_limits(part, metric, of_metric, numbers[of_metric])

    def _note_limits(
        self, part: pa.Table, metric: str, of_metric: NDArray[np.bool_], numbers: NDArray[np.int64]
    ) -> None:
        for place, side in enumerate(Limits._fields):
            if side not in part.column_names or part[side].null_count == len(part):
                continue
            bounds = part[side].to_numpy()[of_metric]
            if not np.isnan(bounds).all():
                size = len(self.ids) * self.n
                self.limits.setdefault(metric, Limits.unknown(size))[place][numbers] = bounds

    def numbers(self, table: pa.Table) -> NDArray[np.int64]:
        """Which generation of the run each row is of; -1: of none."""
        places = pc.index_in(table["sample_id"], self.ids).to_numpy()  # not a number: of no sample
        at = np.nan_to_num(places, nan=-1).astype(np.int64)
        index = table["index"].to_numpy()
        return np.where((at < 0) | (index >= self.n), -1, at * self.n + index)

    def rows(self, table: pa.Table, mask: NDArray[np.bool_]) -> Iterator[tuple[int, Row]]:
        """The rows of the generations that are kept, each with its generation's number."""
        at = self.numbers(table)
        chosen = np.flatnonzero(mask[at])
        yield from zip(at[chosen].tolist(), table.take(chosen).to_pylist(), strict=True)
