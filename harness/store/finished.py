"""A finished run as it is read back: the one way in which others read a run's folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.statistics import from_record, ranges_of
from harness.store.estimates import ESTIMATE_COLUMNS
from harness.store.facts import Facts, asked_of_samples
from harness.store.folder import RunStore
from harness.store.run_info import RunInfo
from harness.store.score_arrays import Scores
from harness.types import Estimand, Metric, NotFinished, Unreadable, fingerprint

Row = Mapping[str, Any]
NEEDED = {"model", "mitigation", "samples", "generations", "generations_cut", "groups",
          "statistics"}  # fmt: skip
OF_IDENTITY = {"task", "task_version", "data", "data_sha256", "samples_sha256", "protocol",
               "generation", "options", "mitigation", "model", "seed"}  # fmt: skip
"""What `run.json` of a finished run must say, and its identity."""


@dataclass(frozen=True)
class FinishedRun:
    """A finished run: its folder, what its `run.json` says, and its estimates.

    Samples, scores and answers are read when they are asked for.
    """

    folder: Path
    info: RunInfo
    rows: Sequence[Row]
    """Its estimates, by the columns of `ESTIMATE_COLUMNS`."""

    @classmethod
    def read(cls, folder: Path, option: str | None = None) -> FinishedRun:
        """The run in a folder; reads its `run.json` and its estimates.

        Args:
            folder: of the run.
            option: that named it, as a refusal says.

        Raises:
            NotFinished: there is none, it is not finished, or an earlier version wrote it.
        """
        run = open_run(folder)
        if isinstance(run, str):
            raise NotFinished(f"{f'{option}=' if option else ''}{str(folder)!r} {run}")
        return run

    @property
    def name(self) -> str:
        """The folder's."""
        return self.folder.name

    @cached_property
    def question(self) -> dict[str, str]:
        """All that changes what was asked and how it is counted, the model and the seed aside.

        Another language is other data, or an option of the task, and so another question.
        """
        identity = self.info.identity
        mitigation = self.info.mitigation
        if identity["mitigation"]:
            mitigation += f"@{fingerprint(identity['mitigation'])}"
        return {
            "task": identity["task"],
            "version": identity["task_version"],
            "data": identity["data_sha256"][:8],
            "samples": f"{self.info.samples:,}",
            "of": identity["samples_sha256"][:8],
            "protocol": identity["protocol"],
            "settings": _in_words(identity["generation"]),
            "options": _in_words(identity["options"]),
            "mitigation": mitigation,
            "groups": self.info.groups,
            "statistics": self.info.statistics,
            "person": self.info.person,
        }

    @cached_property
    def model(self) -> str:
        """Fingerprint of the model, and of how its thinking is told from its answers."""
        identity = self.info.identity
        return fingerprint({name: identity.get(name) for name in ("model", "thinking")})

    @cached_property
    def estimands(self) -> list[Estimand]:
        """What the task estimates, as far as its statistics can be read back.

        Raises:
            NotFinished: an earlier version wrote the run and did not keep them.
        """
        records = self.info.estimands
        if records is None or not all(isinstance(record, dict) for record in records):
            raise self._of_another_version()
        read = [from_record(record) for record in records]
        return [estimand for estimand in read if estimand is not None]

    @cached_property
    def metrics(self) -> dict[str, Metric]:
        """Range and good end of each metric that was scored.

        Raises:
            NotFinished: an earlier version wrote the run and did not keep them.
        """
        if not isinstance(self.info.metrics, dict):
            raise self._of_another_version()
        meanings = {name: self.info.meaning(name) for name in self.info.metrics}
        return {name: metric for name, metric in meanings.items() if metric is not None}

    def range_of(self, metric: str, statistic: str) -> tuple[float, float]:
        """The least and the most that an estimate can be, as its statistic declares.

        Args:
            metric: that it is of.
            statistic: its name, as tables have it.
        """
        declared, meaning = self._ranges.get((metric, statistic)), self.info.meaning(metric)
        if declared == "share":
            return 0.0, 1.0
        return (meaning.low, meaning.high) if declared == "metric" and meaning else (-inf, inf)

    @cached_property
    def _ranges(self) -> Mapping[tuple[str, str], str]:
        return ranges_of(self.info.estimands or ())

    def rubric(self, metric: str) -> str:
        """What people are told to label a metric by; empty where it has no rubric.

        Raises:
            NotFinished: an earlier version wrote the run and did not keep them.
        """
        if not isinstance(self.info.rubrics, dict):
            raise self._of_another_version()
        return str(self.info.rubrics.get(metric, ""))

    def samples(self) -> pa.Table:
        """What was asked, one row a sample; read anew, since it may be large.

        Raises:
            Unreadable: the table is damaged or gone.
        """
        table = RunStore(self.folder).read_table("samples")
        if table is None:
            raise Unreadable(
                f"{str(self.folder)!r}: its samples cannot be read; run its command again"
            )
        return table

    def sample_columns(self) -> list[str]:
        """The columns of what was asked.

        Raises:
            Unreadable: the table is damaged or gone.
        """
        return RunStore(self.folder).columns("samples")

    def sample_rows(self, numbers: NDArray[np.int64]) -> list[Row]:
        """The samples of these numbers, in this order; no others are held.

        Raises:
            Unreadable: the table is damaged or gone.
        """
        distinct, places = np.unique(numbers, return_inverse=True)
        rows: list[Row] = []
        first = 0
        for part in self.sample_parts():
            low, high = np.searchsorted(distinct, (first, first + len(part)))
            rows += part.take(distinct[low:high] - first).to_pylist()
            first += len(part)
        return [rows[place] for place in places.tolist()]

    def sample_parts(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """What was asked, one row a sample, a part at a time.

        Args:
            columns: that are read; None: all.

        Raises:
            Unreadable: the table is damaged or gone.
        """
        yield from RunStore(self.folder).read_parts("samples", columns)

    def facts(self, samples: pa.Table) -> Facts:
        """What the estimands ask of these samples, in their order.

        Raises:
            NotFinished: an earlier version wrote the run and did not keep its estimands.
        """
        return Facts.of_table(samples, asked_of_samples(self.estimands))

    def scores(self, samples: pa.Table) -> Scores:
        """The values of each metric for these samples, in their order.

        Raises:
            Unreadable: the table is damaged or gone.
        """
        return Scores(RunStore(self.folder), samples)

    def answers(self, columns: Sequence[str]) -> Iterator[Row]:
        """These columns of what the model said, a generation at a time.

        Raises:
            Unreadable: the system does not let a file be read.
        """
        for table in self.generation_parts():
            yield from table.select(columns).to_pylist()

    def generation_parts(self) -> Iterator[pa.Table]:
        """What the model said, one row a generation, a stored part at a time.

        Raises:
            Unreadable: the system does not let a file be read.
        """
        for _, table in RunStore(self.folder).shards("generations"):
            yield table

    def score_parts(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        """These columns of the scores, one row a generation and metric, a part at a time.

        Raises:
            Unreadable: the table is damaged or gone.
        """
        yield from RunStore(self.folder).read_parts("scores", columns)

    def _of_another_version(self) -> NotFinished:
        return NotFinished(
            f"{self.name} was written by another version: run its command again, which asks no "
            "model for what it has answered"
        )


def open_run(folder: Path) -> FinishedRun | str:
    """The run in a folder, or why there is none: the rest of a sentence about the folder."""
    if not (folder / "run.json").exists():
        return "has no run.json: it is no run, or was stopped at its start"
    store = RunStore(folder)
    record = store.info()
    if record is None:
        return "has a run.json that cannot be read; run its command again"
    if record["status"] != "complete":
        return f"is not finished ({record['status']}); run its command again"
    table = store.read_table("estimates")
    if table is None:
        return "has estimates that cannot be read; run its command again"
    if not set(ESTIMATE_COLUMNS) <= set(table.column_names):
        return "has estimates of another version; run its command again"
    another = "has a run.json of another version; run its command again"
    try:
        info = RunInfo.of(record)
    except Unreadable:
        return another
    if not record.keys() >= NEEDED or not info.identity.keys() >= OF_IDENTITY:
        return another
    return FinishedRun(folder, info, table.select(list(ESTIMATE_COLUMNS)).to_pylist())


def _in_words(settings: Mapping[str, Any]) -> str:
    """Settings in words, in an order of their own."""
    return ", ".join(f"{name} {value}" for name, value in sorted(settings.items()))
