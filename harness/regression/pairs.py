"""Two sides of one task, aligned: the same samples in the same places."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.statistics import Design, Floats, Limits
from harness.store import Facts, FinishedRun
from harness.types import Estimand, HarnessError, Metric, NotAlike, trait

Reading = Literal["generalized", "benchmark"]
READINGS: tuple[Reading, ...] = ("generalized", "benchmark")
"""NIST AI 800-3's two estimands: of prompts like these, and of these prompts alone."""
Turns = Callable[[NDArray[Any]], Floats]
"""Of samples by their ids: when each is asked, the earlier the lower."""
Matrices = Mapping[str, Floats]
"""For each metric a row a sample, a column a generation; NaN is missing."""


@dataclass(frozen=True)
class Pair:
    """Both sides' scores of one task, on the samples that both were asked."""

    sides: tuple[Sequence[FinishedRun], Sequence[FinishedRun]]
    """The baseline's runs and the candidate's, which differ in their seed alone."""
    ids: NDArray[Any]
    """Of the samples that both were asked, in the baseline's order."""
    facts: Facts
    """Of these samples."""
    asked: tuple[Facts, Facts]
    """Of all samples of each side."""
    scores: tuple[Sequence[Matrices], Sequence[Matrices]]
    """Of these samples, for each side and run."""
    reading: Reading = "generalized"
    """What intervals speak of: prompts like these, or these alone."""
    turns: Floats | None = None
    """When each sample was asked, of runs that are looked at as they go; None: they are whole."""
    limits: tuple[Sequence[Mapping[str, Limits]], Sequence[Mapping[str, Limits]]] = ((), ())
    """As the scores, of the metrics of which a missing score has a bound."""

    @classmethod
    def of(
        cls,
        before: Sequence[FinishedRun],
        after: Sequence[FinishedRun],
        reading: Reading = "generalized",
        turns: Turns | None = None,
    ) -> Pair:
        """Align the runs of a baseline and a candidate.

        Raises:
            NotAlike: no sample was asked of both.
            NotFinished: an earlier version wrote a run.
            Unreadable: a run is damaged.
        """
        for run in (*before, *after):
            _ = run.estimands, run.metrics  # refuse an earlier version's before reading more
        tables = [[run.samples() for run in side] for side in (before, after)]
        first = tables[0][0]
        numbers = _common([table for side in tables for table in side])
        if not len(numbers):
            raise NotAlike(
                f"{before[0].name} and {after[0].name} have no sample in common: give both the "
                "same limit"
            )
        ids = np.array(first["sample_id"].take(numbers).to_pylist())
        asked = [before[0].facts(side[0]) for side in tables]
        read = [
            [_matrices(run, table, ids) for run, table in zip(side, of_side, strict=True)]
            for side, of_side in zip((before, after), tables, strict=True)
        ]
        scores = [[values for values, _ in side] for side in read]
        limits = [[known for _, known in side] for side in read]
        return cls(
            (before, after),
            ids,
            asked[0].of(numbers),
            (asked[0], asked[1]),
            (scores[0], scores[1]),
            reading,
            None if turns is None else turns(ids),
            (limits[0], limits[1]),
        )

    def over(self, estimand: Estimand) -> NDArray[np.int64]:
        """The numbers of the samples that a difference is over.

        Where no answer of either side holds anything that the metric could measure (babble has no
        harm), there is nothing to compare; where one side's does, the other's is missing.
        """
        compared = self.facts.chosen(estimand)
        runs = [run for side in self.sides for run in side]
        empty = {run.info.nothing_where(estimand.metric) for run in runs}.pop()
        if empty is not None:
            scores = [run[empty] for side in self.scores for run in side]
            compared &= ~np.logical_and.reduce([(of_run == 0).all(axis=1) for of_run in scores])
        return np.flatnonzero(compared)

    @property
    def is_fixed(self) -> bool:
        """Whether intervals speak of these prompts alone."""
        return self.reading == "benchmark"

    @property
    def drawn(self) -> tuple[bool, bool]:
        """Whether the answers of each side vary from one time to the next; greedy ones do not."""
        before, after = (any(map(_is_drawn, side)) for side in self.sides)
        return before, after

    @property
    def task(self) -> str:
        """Its name."""
        return self.sides[0][0].question["task"]

    @property
    def estimands(self) -> list[Estimand]:
        """Those of the baseline that can be taken in pairs."""
        return [estimand for estimand in self.sides[0][0].estimands if not estimand.given]

    def design(self, estimand: Estimand, numbers: NDArray[np.int64]) -> Design:
        """What of these samples depends on each other, what is fixed, and when each was asked."""
        strata = self.facts.strata(estimand, numbers)
        if self.turns is None:
            return Design(self.facts.units(estimand, numbers), strata)
        if strata is None:  # they were asked in the turn of the task's strata all the same
            candidates = (
                self.facts.strata(other, numbers) for other in self.estimands if other.strata
            )
            strata = next(candidates, None)
        return Design(self.facts.units(estimand, numbers), strata, self.turns[numbers])

    def asks(self, estimand: Estimand) -> bool:
        """Whether a scorer of either side gives the metric."""
        return any(estimand.metric in run.metrics for side in self.sides for run in side)

    def metric(self, estimand: Estimand) -> Metric:
        """The range of an estimand's metric, and the good end of the estimand."""
        meaning = self.sides[0][0].metrics[estimand.metric]
        better = getattr(estimand.statistic, "better", None) or estimand.better or meaning.better
        return Metric(meaning.low, meaning.high, better)

    def limits_of(self, estimand: Estimand, side: int, numbers: NDArray[np.int64]) -> Limits | None:
        """What is known of the missing scores of a side's samples, its runs side by side.

        None where nothing is, where the statistic does not take it, and of fixed prompts and looks,
        which take values alone.
        """
        runs, metric = self.limits[side], estimand.metric
        if not trait(estimand.statistic, "bounded") or self.is_fixed or self.turns is not None:
            return None
        if not any(metric in run for run in runs):
            return None
        shape = self.scores[side][0][metric].shape
        nothing = Limits.unknown(int(np.prod(shape))).shaped(shape[1])
        each = [run.get(metric, nothing).rows(numbers) for run in runs]
        return Limits(
            np.hstack([limits.at_least for limits in each]),
            np.hstack([limits.at_most for limits in each]),
        )

    def answered_once(self, metric: str) -> bool:
        """Whether each sample has one answer a side."""
        return all(len(side) == 1 and side[0][metric].shape[1] == 1 for side in self.scores)

    def is_scored(self, estimand: Estimand) -> bool:
        """Whether both sides have scores of the metric; False: neither has.

        Raises:
            NotAlike: one side alone has them.
        """
        scored = [all(estimand.metric in run for run in side) for side in self.scores]
        if any(scored) and not all(scored):
            lacking = self.sides[scored.index(False)][0].name
            raise NotAlike(
                f"{lacking} has no scores of {estimand.metric}: run its command again with the "
                "scorers of the other, which asks no model for what it has answered"
            )
        return all(scored)

    def scorer(self, metric: str) -> tuple[str, str]:
        """Who gave the scores, and how far that agrees with people.

        Raises:
            NotAlike: it is not the same on both sides.
        """
        validities = {
            row["scorer_id"]: row["validity"]
            for side in self.sides
            for run in side
            for row in run.rows
            if row["metric"] == metric
        }
        if len(validities) > 1:
            raise NotAlike(
                f"{self.sides[0][0].name} and {self.sides[1][0].name} cannot be compared, for "
                f"their {metric} was scored by {' and by '.join(validities)}: run both commands "
                "again with the same scorers, which asks no model for what it has answered"
            )
        if not validities:
            raise HarnessError(f"{self.sides[0][0].name} has scores of {metric} and no estimate")
        return next(iter(validities.items()))


def _is_drawn(run: FinishedRun) -> bool:
    """Whether a run's answers are sampled, or nobody knows that they are not."""
    temperature = run.info.identity["generation"].get("temperature")
    return run.question["protocol"] == "stored" or temperature != 0


def _common(tables: Sequence[pa.Table]) -> NDArray[np.int64]:
    """Which rows of the first table are of samples that all tables have."""
    first, *others = [table["sample_id"].to_pylist() for table in tables]
    common = set(first).intersection(*others)
    return np.array([at for at, name in enumerate(first) if name in common], dtype=np.int64)


def _matrices(
    run: FinishedRun, samples: pa.Table, ids: NDArray[Any]
) -> tuple[Matrices, Mapping[str, Limits]]:
    """The scores of these samples, in this order, and what is known of those that are missing."""
    scores = run.scores(samples)
    place = {name: at for at, name in enumerate(samples["sample_id"].to_pylist())}
    rows = np.array([place[name] for name in ids.tolist()])
    values = {name: flat.reshape(-1, scores.n)[rows] for name, flat in scores.values.items()}
    limits = {name: flat.shaped(scores.n).rows(rows) for name, flat in scores.limits.items()}
    return values, limits
