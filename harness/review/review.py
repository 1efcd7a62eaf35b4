"""Which answers of a run are reviewed."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.store import Facts, FinishedRun, holding
from harness.types import Estimand, HarnessError, Metric

Key = tuple[str, int]
"""A sample's id and the index of its generation."""


@dataclass(frozen=True)
class Review:
    """What of a run can be labelled, and for which metric."""

    run: FinishedRun
    name: str
    """The metric's."""
    estimands: Sequence[Estimand]
    """Of the task, of this metric, over all samples that they are over."""
    prompts: Mapping[str, str]
    """Of each sample by its id, in the order of `facts`."""
    facts: Facts
    scores: Mapping[Key, float]
    """NaN where there is none."""
    answers: Mapping[Key, str]
    conditions: Mapping[str, Mapping[Key, float]] = field(default_factory=dict)
    """Scores of the metrics that an estimand's `given` names."""

    @classmethod
    def of(cls, folder: Path, name: str | None) -> Review:
        """A finished run's; makes neither its task nor its scorers.

        Args:
            folder: of the run.
            name: of the metric; None: the first that the task's estimates are of.

        Raises:
            NotFinished: it is no finished run.
            HarnessError: it has no such metric, or cannot be read.
        """
        run = FinishedRun.read(folder, "run")
        run.info.check_one_history(folder.name)
        asked = [record["metric"] for record in run.info.estimands or ()]
        name = name or next((metric for metric in asked if metric in run.metrics), None)
        if name is None or name not in run.metrics:
            raise HarnessError(f"metric={name!r} is none of this run's: {', '.join(run.metrics)}")
        samples = run.samples()
        scores = _scores(run, samples, name)
        answers = {
            (row["sample_id"], row["index"]): row["text"]
            for row in run.answers(["sample_id", "index", "text"])
            if row["text"] is not None and (row["sample_id"], row["index"]) in scores
        }
        headline = [
            estimand
            for estimand in run.estimands
            if (estimand.metric, estimand.by) == (name, None)
            and estimand.given.keys() <= run.metrics.keys()
        ]
        named = {metric for estimand in headline for metric in estimand.given}
        conditions = {metric: _scores(run, samples, metric) for metric in named}
        ids, prompts = samples["sample_id"].to_pylist(), samples["prompt"].to_pylist()
        by_id = dict(zip(ids, prompts, strict=True))
        return cls(run, name, headline, by_id, run.facts(samples), scores, answers, conditions)

    @property
    def metric(self) -> Metric:
        """Range and good end of what is labelled."""
        return self.run.metrics[self.name]

    def numbers(self, keys: Sequence[Key]) -> NDArray[np.int64]:
        """The number of the sample that each answer is of."""
        places = (self._places[sample_id] for sample_id, _ in keys)
        return np.fromiter(places, np.int64, len(keys))

    def scores_of(self, keys: Iterable[Key]) -> NDArray[np.float64]:
        """The score of each of these answers; NaN where there is none."""
        return np.array([self.scores.get(key, math.nan) for key in keys], dtype=float)

    @cached_property
    def _places(self) -> Mapping[str, int]:
        return {sample_id: number for number, sample_id in enumerate(self.prompts)}

    def holds(self, estimand: Estimand) -> NDArray[np.float64]:
        """Of each of `scores` 1 where the estimand's `given` holds, 0 where not; NaN is unknown."""
        columns = {self.name: self.scores, **self.conditions}
        keys = list(self.scores)
        return holding(
            estimand,
            {
                metric: np.array([columns[metric].get(key, np.nan) for key in keys])
                for metric in (self.name, *estimand.given)
            },
        )

    @property
    def folder(self) -> Path:
        """Where its sheets and labels are."""
        return self.run.folder / "review" / self.name

    @property
    def total(self) -> int:
        """Answers that can be drawn."""
        return len(self.answers)


def _scores(run: FinishedRun, samples: pa.Table, metric: str) -> dict[Key, float]:
    """The score of each answer, sample by sample; NaN where it could not be had."""
    scores = run.scores(samples)
    ids, values = samples["sample_id"].to_pylist(), scores.values.get(metric)
    if values is None:
        return {}
    keys = ((sample_id, index) for sample_id in ids for index in range(scores.n))
    return dict(zip(keys, values.tolist(), strict=True))


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
    content = f"{seed} {review.run.name} {review.name} {key[0]} {key[1]}"
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:12]


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
