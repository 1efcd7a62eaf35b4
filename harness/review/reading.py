"""Reads labels back."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.agreement.figures import LabelKind, figures, people
from harness.data import Labelled, read_file
from harness.review.console import Reviewed
from harness.review.corrected import Labelling, corrected_by
from harness.review.review import Key, Review, _read_key, _unlabelled
from harness.review.strata import Strata
from harness.store import write_table
from harness.types import HarnessError, Metric
from harness.validity import Figure


@dataclass(frozen=True)
class Labels:
    """What people gave each item: a table item by rater."""

    keys: Sequence[Key]
    """Which answer each item is."""
    raters: Sequence[str]
    values: NDArray[np.float64]
    """Shape (items, raters), in the metric's range; NaN where a person gave none."""

    @property
    def means(self) -> NDArray[np.float64]:
        """The mean label of each item."""
        means: NDArray[np.float64] = np.nanmean(self.values, axis=1)
        return means

    @property
    def labelled(self) -> NDArray[np.bool_]:
        """Who labelled what; shape (items, raters)."""
        return ~np.isnan(self.values)

    @property
    def of_keys(self) -> Mapping[Key, list[float]]:
        """Of each answer the labels that it has."""
        rows = zip(self.keys, self.values, self.labelled, strict=True)
        return {key: row[mask].tolist() for key, row, mask in rows}


def read_back(review: Review, files: Sequence[Path], half_width: float | None = None) -> Reviewed:
    """Read filled sheets, keep their labels beside the run, and correct its headline estimates.

    Args:
        review: of the run.
        files: one of each person, who is called as the file is.
        half_width: of the interval that is wanted; None: none is.

    Raises:
        HarnessError: a sheet has items that were not drawn, labels out of range, or none.
    """
    key = _read_key(review.folder / "key.json")
    if key is None:
        raise HarnessError(f"{str(review.folder)!r} holds no draw; draw one with n=100 first")
    if len({file.stem for file in files}) < len(files):
        raise HarnessError("two sheets have the same name; a person is called as their file is")
    items: dict[str, Key] = {name: (row[0], row[1]) for name, row in key["items"].items()}
    of_raters = {file.stem: _labels(file, items, review.metric) for file in files}
    labels = _table(items, of_raters)
    strata = Strata.read(key)
    write_table(review.folder, "labels", _as_arrow(labels, _chances(key, items)), csv=True)
    labelling = Labelling(labels.of_keys, len(files), strata, half_width)
    corrected = corrected_by(review, labelling)
    write_table(review.folder, "corrected", corrected, csv=True)
    scores = review.scores_of(labels.keys)
    rows = [
        Labelled(sample_id, "", float(mean), tuple(row.tolist()), None)
        for (sample_id, _), mean, row in zip(labels.keys, labels.means, labels.values, strict=True)
    ]
    return Reviewed(
        review.name,
        len(rows),
        int(np.isnan(scores).sum()),
        list(labels.raters),
        people(rows),
        _agreement(labels, scores, review.metric),
        corrected,
        [*_unlabelled(of_raters, len(items)), *([] if strata.even else [UNEVEN])],
    )


UNEVEN = (
    "answers with high scores were drawn more often: the corrected estimates weigh each label by "
    "the inverse of its chance, the agreement is that of what was drawn"
)


def _chances(key: Mapping[str, Any], items: Mapping[str, Key]) -> Mapping[Key, float]:
    """How likely each answer was to be drawn; a key of an earlier version does not say."""
    chances = key.get("chances", {})
    return {answer: chances.get(item, math.nan) for item, answer in items.items()}


def _table(items: Mapping[str, Key], of_raters: Mapping[str, Mapping[str, float]]) -> Labels:
    """The labels of all people as one table, an item that nobody labelled left out."""
    names = sorted({item for of_rater in of_raters.values() for item in of_rater})
    columns = [[labels.get(item, math.nan) for item in names] for labels in of_raters.values()]
    return Labels([items[name] for name in names], list(of_raters), np.array(columns).T)


def _as_arrow(labels: Labels, chances: Mapping[Key, float]) -> pa.Table:
    """One row an item: its mean label, that of each person, and the chance that it was drawn."""
    columns = {
        f"rater_{name}": pa.array(column, from_pandas=True)
        for name, column in zip(labels.raters, labels.values.T, strict=True)
    }
    return pa.table(
        {
            "sample_id": [sample_id for sample_id, _ in labels.keys],
            "index": pa.array([index for _, index in labels.keys], pa.int32()),
            "label": labels.means,
            **columns,
            "chance": pa.array([chances[key] for key in labels.keys], from_pandas=True),
        }
    )


def _agreement(labels: Labels, scores: NDArray[np.float64], metric: Metric) -> Sequence[Figure]:
    """How the scorer agrees with every single label; nothing where none has a score."""
    mask = labels.labelled
    rated = np.broadcast_to(scores[:, None], mask.shape)[mask]
    if np.isnan(rated).all():
        return []
    rows, _ = np.nonzero(mask)
    single = labels.values[mask]
    ratings = [
        Labelled(labels.keys[row][0], "", float(label), (), None)
        for row, label in zip(rows.tolist(), single, strict=True)
    ]
    return figures(ratings, rated, metric, LabelKind(single, metric, None, None))


def _labels(file: Path, items: Mapping[str, Key], metric: Metric) -> dict[str, float]:
    labels: dict[str, float] = {}
    for number, row in enumerate(read_file(file, "read"), 1):
        if lacking := [name for name in ("item", "label") if name not in row]:
            raise HarnessError(
                f"{file.name} has no column {' and no column '.join(map(repr, lacking))}; it has "
                f"{', '.join(map(repr, row))}"
            )
        item, label = str(row["item"]), row["label"]
        where = f"{file.name}, record {number}"
        if item not in items:
            raise HarnessError(f"{where}: item {item!r} was not drawn from this run")
        if label is None or not str(label).strip():
            continue
        try:
            value = float(str(label))
        except ValueError:
            value = math.nan
        if not metric.low <= value <= metric.high:
            raise HarnessError(
                f"{where}: label {label!r} must be a number from {metric.low:g} to {metric.high:g}"
            )
        if item in labels and labels[item] != value:
            raise HarnessError(f"{where}: item {item!r} is labelled twice, unlike")
        labels[item] = value
    if not labels:
        raise HarnessError(f"{file.name} holds no label; fill in the column `label`")
    return labels
