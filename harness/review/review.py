"""Which answers of a run are reviewed."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from omegaconf import OmegaConf

from harness.command import make
from harness.statistics import Mean
from harness.store import RunStore
from harness.types import Estimand, HarnessError, Metric, Scorer, Task, trait

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
            rubrics = trait(scorer, "rubrics")
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


def _unlabelled(labels: Mapping[str, Mapping[str, float]], drawn: int) -> list[str]:
    """Of each sheet how many of the drawn answers have no label in it, in sentences."""
    return [
        f"{drawn - len(of_one)} of the {drawn} drawn answers have no label of {name} and are left "
        "out of that person's"
        for name, of_one in labels.items()
        if len(of_one) < drawn
    ]


def _item(review: Review, seed: int, key: Key) -> str:
    """A name that tells nothing, and whose order is random."""
    told = f"{seed} {review.store.folder.name} {review.name} {key[0]} {key[1]}"
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:12]


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
