"""Reads labels back."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from harness.agreement.figures import Told, figures, people
from harness.data import Labelled, read_file
from harness.review.console import Reviewed
from harness.review.corrected import _corrected
from harness.review.review import Key, Review, _read_key, _unlabelled, _write_tables
from harness.types import HarnessError, Metric


def read_back(review: Review, files: Sequence[Path]) -> Reviewed:
    """Read filled sheets, keep their labels beside the run, and correct its headline estimates.

    Args:
        review: of the run.
        files: one of each person, who is called as the file is.

    Raises:
        HarnessError: a sheet has items that were not drawn, labels out of range, or none.
    """
    key = _read_key(review.folder / "key.json")
    if key is None:
        raise HarnessError(f"{str(review.folder)!r} holds no draw; draw one with n=100 first")
    if len({file.stem for file in files}) < len(files):
        raise HarnessError("two sheets have the same name; a person is called as their file is")
    items: dict[str, Key] = {name: (row[0], row[1]) for name, row in key["items"].items()}
    labels = {file.stem: _labels(file, items, review.metric) for file in files}
    labelled_items = sorted({item for of_one in labels.values() for item in of_one})
    rows = [
        Labelled(
            items[item][0],
            "",
            float(np.mean([of[item] for of in labels.values() if item in of])),
            tuple(of.get(item, math.nan) for of in labels.values()),
            None,
        )
        for item in labelled_items
    ]
    scores = np.array([review.scores.get(items[item], math.nan) for item in labelled_items])
    table = pa.table(
        {
            "sample_id": [items[item][0] for item in labelled_items],
            "index": pa.array([items[item][1] for item in labelled_items], pa.int32()),
            "label": [row.label for row in rows],
            **{f"rater_{name}": [of.get(i) for i in labelled_items] for name, of in labels.items()},
        }
    )
    _write_tables(review.folder, "labels", table)
    ratings = [
        Labelled(items[item][0], "", of[item], (), None)
        for item in labelled_items
        for of in labels.values()
        if item in of
    ]
    rated = np.array(
        [
            review.scores.get(items[i], math.nan)
            for i in labelled_items
            for of in labels.values()
            if i in of
        ]
    )
    told = Told(np.array([rating.label for rating in ratings]), review.metric, None, None)
    of_keys = {
        items[item]: [of[item] for of in labels.values() if item in of] for item in labelled_items
    }
    corrected = _corrected(review, of_keys, len(files))
    _write_tables(review.folder, "corrected", corrected)
    return Reviewed(
        review.name,
        len(rows),
        int(np.isnan(scores).sum()),
        list(labels),
        people(rows),
        figures(ratings, rated, review.metric, told) if not np.isnan(rated).all() else [],
        corrected,
        _unlabelled(labels, len(items)),
    )


def _labels(file: Path, items: Mapping[str, Key], metric: Metric) -> dict[str, float]:
    found: dict[str, float] = {}
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
        if item in found and found[item] != value:
            raise HarnessError(f"{where}: item {item!r} is labelled twice, unlike")
        found[item] = value
    if not found:
        raise HarnessError(f"{file.name} holds no label; fill in the column `label`")
    return found
