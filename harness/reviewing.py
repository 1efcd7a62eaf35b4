"""Answers of a run for people to label: drawn, read back, and used to correct the estimates."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from omegaconf import OmegaConf

from harness.correction import Corrected, prediction_powered, rogan_gladen
from harness.data import read_file
from harness.estimates import Mean, Share
from harness.labels import Labelled
from harness.measuring import Told, figures, people
from harness.plugins import make
from harness.report.review import Reviewed
from harness.report.sheet import page
from harness.store import RunStore
from harness.types import Estimand, HarnessError, Metric, Scorer, Task

Key = tuple[str, int]
"""A sample's id and the index of its generation."""


@dataclass(frozen=True)
class Review:
    """What of a run can be labelled, and for which metric."""

    store: RunStore
    name: str
    """The metric's."""
    metric: Metric
    rubric: str
    estimands: Sequence[Estimand]
    """Of the task, of this metric, over all samples that they are over."""
    samples: Mapping[str, Mapping[str, Any]]
    scores: Mapping[Key, float]
    """NaN where there is none."""
    answers: Mapping[Key, str]

    @classmethod
    def of(cls, folder: Path, name: str | None) -> Review:
        """A finished run's.

        Args:
            folder: of the run.
            name: of the metric; None: the first that the task's estimates are of.

        Raises:
            HarnessError: it is no finished run, or has no such metric.
        """
        store = RunStore(folder)
        info, samples, scores = (
            store.info(),
            store.read_table("samples"),
            store.read_table("scores"),
        )
        if info is None or samples is None or scores is None or info["status"] != "complete":
            raise HarnessError(f"run={str(folder)!r} is not the folder of a finished run")
        config = OmegaConf.create(info["sessions"][-1]["config"])
        task = make("task", config.task, Task) if "task" in config else None
        given: dict[str, tuple[Metric, str]] = {}
        for scorer_name, node in config.scorers.items():
            scorer = make(f"scorers.{scorer_name}", node, Scorer)
            rubrics = getattr(scorer, "rubrics", {})
            given |= {n: (m, rubrics.get(n, "")) for n, m in scorer.metrics.items()}
        every = task.estimands if task else [Estimand(m, m, Mean()) for m in given]
        asked = [e for e in every if e.metric in given]
        name = name or (asked[0].metric if asked else None)
        if name not in given:
            raise HarnessError(f"metric={name!r} is none of this run's: {', '.join(given)}")
        rows = scores.to_pylist()
        values = {
            (row["sample_id"], row["index"]): math.nan if row["value"] is None else row["value"]
            for row in rows
            if row["metric"] == name
        }
        answers = {
            (row["sample_id"], row["index"]): row["text"]
            for _, table in store.shards("generations")
            for row in table.select(["sample_id", "index", "text"]).to_pylist()
            if row["text"] is not None and (row["sample_id"], row["index"]) in values
        }
        headline = [e for e in asked if e.metric == name and e.by is None]
        by_id = {row["sample_id"]: row for row in samples.to_pylist()}
        return cls(store, name, *given[name], headline, by_id, values, answers)

    @property
    def folder(self) -> Path:
        """Where its sheets and labels are."""
        return self.store.folder / "review" / self.name

    @property
    def total(self) -> int:
        """Answers that can be drawn."""
        return len(self.answers)


def draw(review: Review, n: int, seed: int) -> list[str]:
    """Draw answers at random and write the sheets; gives the items' names.

    A larger `n` with the same seed holds all of a smaller one's.

    Raises:
        HarnessError: there are sheets of another draw, which labels may have been made for.
    """
    items = {_item(review, seed, key): key for key in review.answers}
    drawn = sorted(items)[:n]
    key_file = review.folder / "key.json"
    before = _read_key(key_file)
    if before and before["seed"] != seed:
        raise HarnessError(
            f"{str(review.folder)!r} holds a draw with seed={before['seed']}, for which labels may "
            "have been made; go on with that seed, or move the folder away"
        )
    review.folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for item in drawn:
        sample_id, _ = items[item]
        sample = review.samples[sample_id]
        rows.append(
            {"item": item, "prompt": sample["prompt"], "answer": review.answers[items[item]]}
        )
    key = {"seed": seed, "metric": review.name, "items": {i: list(items[i]) for i in drawn}}
    _write(key_file, json.dumps(key, indent=1))
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["item", "prompt", "answer", "label"])
    for row in rows:
        writer.writerow([row["item"], _cell(row["prompt"]), _cell(row["answer"]), ""])
    _write(review.folder / "sheet.csv", text.getvalue())
    _write(review.folder / "sheet.html", page(review.name, review.metric, review.rubric, rows))
    return drawn


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


def _unlabelled(labels: Mapping[str, Mapping[str, float]], drawn: int) -> list[str]:
    """Of each sheet how many of the drawn answers have no label in it, in sentences."""
    return [
        f"{drawn - len(of_one)} of the {drawn} drawn answers have no label of {name} and are left "
        "out of that person's"
        for name, of_one in labels.items()
        if len(of_one) < drawn
    ]


def _corrected(review: Review, labels: Mapping[Key, Sequence[float]], raters: int) -> pa.Table:
    """One row a headline estimate and method, the uncorrected number beside the corrected."""
    rows = []
    for estimand in review.estimands:
        statistic = estimand.statistic
        if not isinstance(statistic, Mean | Share):
            continue
        keys = [k for k in review.scores if _over(review.samples[k[0]], estimand)]
        known = [k for k in keys if not math.isnan(review.scores[k])]
        rest = [k for k in known if k not in labels]
        both = [k for k in known if k in labels]
        cut = statistic.at_least if isinstance(statistic, Share) else None
        low, high = (0.0, 1.0) if cut is not None else (review.metric.low, review.metric.high)

        def of(
            keys: Sequence[Key], source: Mapping[Key, Sequence[float]], cut: float | None = cut
        ) -> NDArray[np.float64]:
            """Of each answer the mean; where yes begins somewhere, the share that reaches it."""
            rows = (np.array(source[k], dtype=float) for k in keys)
            means = [float((row if cut is None else row >= cut).mean()) for row in rows]
            return np.array(means, dtype=float)

        scores = {k: (review.scores[k],) for k in known}
        scored, human = of(both, scores), of(both, labels)
        everything = of(known, scores)
        units = {"cluster": "cluster", "sample": "sample_id"}[estimand.cluster]
        found = {
            "prediction-powered": prediction_powered(
                of(rest, scores), scored, human,
                _clusters(review, rest, units), _clusters(review, both, units), low, high,
            )
        }  # fmt: skip
        if set(everything.tolist()) <= {0.0, 1.0} and set(human.tolist()) <= {0.0, 1.0}:
            found["rogan-gladen"] = rogan_gladen(everything, scored, human)
        rows += [
            _row(estimand, method, result, everything, len(keys), raters)
            for method, result in found.items()
        ]
    return pa.Table.from_pylist(rows, CORRECTED)


CORRECTED = pa.schema(
    {
        "name": pa.string(), "metric": pa.string(), "statistic": pa.string(), "method": pa.string(),
        "estimate": pa.float64(), "corrected": pa.float64(), "low": pa.float64(),
        "high": pa.float64(), "n": pa.int64(), "n_scored": pa.int64(), "n_labelled": pa.int64(),
        "raters": pa.int64(), "replicated": pa.bool_(),
    }
)  # fmt: skip


def _row(
    estimand: Estimand,
    method: str,
    result: Corrected,
    values: NDArray[np.float64],
    n: int,
    raters: int,
) -> dict[str, Any]:
    return {
        "name": estimand.name, "metric": estimand.metric, "statistic": estimand.statistic.name,
        "method": method, "estimate": float(values.mean()) if len(values) else None,
        "corrected": result.estimate, "low": result.low, "high": result.high, "n": n,
        "n_scored": len(values), "n_labelled": result.n_labelled, "raters": raters,
        "replicated": raters > 1,
    }  # fmt: skip


def _clusters(review: Review, keys: Sequence[Key], column: str) -> NDArray[np.intp]:
    names = [review.samples[sample_id][column] for sample_id, _ in keys]
    return np.unique(names, return_inverse=True)[1] if names else np.zeros(0, np.intp)


def _over(sample: Mapping[str, Any], estimand: Estimand) -> bool:
    fixed = ("sample_id", "cluster", "prompt", "messages", "target")
    return all(
        sample.get(f"{name}_" if name.rstrip("_") in fixed else name) == value
        for name, value in estimand.where.items()
    )


def _item(review: Review, seed: int, key: Key) -> str:
    """A name that tells nothing, and whose order is random."""
    told = f"{seed} {review.store.folder.name} {review.name} {key[0]} {key[1]}"
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:12]


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


def _read_key(path: Path) -> dict[str, Any] | None:
    try:
        key: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise HarnessError(f"{str(path)!r} cannot be read ({error})") from error
    return key


def _cell(text: str) -> str:
    """The text of a cell, which no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t") else text


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f"{path.name}.partial")
    try:
        partial.write_text(text, encoding="utf-8", newline="")
        partial.replace(path)
    except OSError as error:
        raise HarnessError(f"{str(path)!r} cannot be written ({error.strerror})") from error


def _write_tables(folder: Path, name: str, table: pa.Table) -> None:
    RunStore(folder).write_table(name, table, csv=True)
