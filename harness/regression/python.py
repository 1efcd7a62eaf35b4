"""`harness.compare`: what `python -m harness.regression` says of two runs, from Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from harness.regression import gate
from harness.regression.margins import by_task, check_gated, margins_of
from harness.regression.pairs import Reading
from harness.regression.rewording import doubts_of
from harness.regression.verdict import Change, Comparison, Part
from harness.regression.words import verdict_told
from harness.runs.python import Results
from harness.store import FinishedRun
from harness.types import HarnessError

if TYPE_CHECKING:
    import pandas as pd

Side = str | Path | Results | Sequence[str | Path | Results]
"""A run, its folder, or several: of other tasks, or differing in the seed alone."""
Margins = Mapping[str, Mapping[str, float | None] | None] | Mapping[str, float | None]
GIVE = "give what harness.run returns, a run's folder, or a list of them"


@dataclass(frozen=True)
class Compared:
    """What the gate says of a candidate."""

    comparison: Comparison

    @property
    def verdict(self) -> str:
        """`pass`, `regression` or `inconclusive`."""
        return self.comparison.verdict.name.lower()

    @property
    def estimates(self) -> pd.DataFrame:
        """A row for each gated estimate and each tail beside one, by the unit of its metric."""
        import pandas as pd

        return pd.DataFrame([_of_change(change) for change in self.comparison.gated])

    @property
    def groups(self) -> pd.DataFrame:
        """A row for each group of samples that is gated of its own."""
        import pandas as pd

        return pd.DataFrame([_of_part(part) for part in self.comparison.parts])

    @property
    def lost(self) -> Sequence[str]:
        """What has a margin and could not be compared; nothing passes then."""
        return self.comparison.lost

    def report(self, folder: str | Path = "results/regression") -> Path:
        """Write the page, and Markdown, JSON and JUnit beside it; gives the page's path."""
        from harness.regression.written import write_verdict

        return write_verdict(self.comparison, Path(folder))

    def __repr__(self) -> str:
        """The verdict and each gated estimate's, a line each."""
        lines = [
            f"  {change.name}: {change.verdict.name.lower()} ({change.reason})"
            for change in self.comparison.gated
        ]
        return "\n".join([verdict_told(self.comparison), *lines])


def compare(
    before: Side,
    after: Side,
    *,
    margins: Margins | None = None,
    guards: Margins | None = None,
    reading: Reading = "generalized",
) -> Compared:
    """Whether one system is worse than another, on the tasks that both were asked.

    Args:
        before: the baseline's run or runs.
        after: the candidate's.
        margins: the largest loss that is none, instead of the task's own, by task and estimate
            (`{"med_harm": {"refused": 0.1}}`) or, of one task, by estimate; None takes one away.
        guards: likewise, of what must not be lost for it.
        reading: whether intervals speak of prompts like these or of these alone (`benchmark`).

    Raises:
        HarnessError: a run cannot be read, they were not asked alike, or nothing is gated.
    """
    if reading not in get_args(Reading):
        raise HarnessError(f"reading={reading!r} is not one of {', '.join(get_args(Reading))}")
    sides = _runs(before, "before"), _runs(after, "after")
    both = [*sides[0], *sides[1]]
    tasks = {run.question["task"] for run in both}
    written = {"margins": {} if margins is None else margins, "guards": guards or {}}
    by_kind = {kind: by_task(of_kind, tasks, kind) for kind, of_kind in written.items()}
    for kind, of_kind in by_kind.items():
        if others := sorted(map(str, set(of_kind) - tasks)):
            raise HarnessError(
                f"{kind}.{others[0]} is of no task that they were asked ({', '.join(tasks)}); "
                "give them by task and estimate"
            )
    of_margins, of_guards = margins_of(both, by_kind)
    check_gated(both, of_margins, of_guards)
    comparison = gate.compare(*sides, of_margins, of_guards, reading)
    return Compared(replace(comparison, doubts=doubts_of(comparison)))


def _runs(side: Side, name: str) -> list[FinishedRun]:
    """The runs of a side.

    Raises:
        HarnessError: it is none, or one of them is none.
    """
    several = [side] if isinstance(side, str | Path | Results) else side
    if not isinstance(several, Sequence) or not several:
        raise HarnessError(f"{name}={side!r} is no run; {GIVE}")
    for run in several:
        if not isinstance(run, str | Path | Results):
            raise HarnessError(f"{name} has {run!r}, which is no run; {GIVE}")
    return [run.run if isinstance(run, Results) else FinishedRun.read(Path(run)) for run in several]


def _of_change(change: Change) -> dict[str, object]:
    measured = change.measured
    return {
        "task": change.task,
        "estimate": change.name,
        "before": change.before,
        "after": change.after,
        "worse_by": measured.difference,
        "low": measured.low,
        "high": measured.high,
        "margin": change.margin,
        "verdict": change.verdict.name.lower(),
        "reason": change.reason,
        "p_worse": change.p_worse,
        "pairs": measured.pairs,
        "missing_before": change.missing[0],
        "missing_after": change.missing[1],
        "worst_high": change.worst.high,
        "scorer": change.scorer_id,
        "validity": change.validity,
    }


def _of_part(part: Part) -> dict[str, object]:
    return {
        "task": part.task,
        "estimate": part.name,
        "by": part.by,
        "group": part.group,
        "worse_by": part.measured.difference,
        "low": part.measured.low,
        "high": part.measured.high,
        "margin": part.margin,
        "p_worse": part.p_worse,
        "regression": part.is_regression,
        "pairs": part.measured.pairs,
    }
