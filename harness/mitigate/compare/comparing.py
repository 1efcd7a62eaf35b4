"""Compares a model with itself under many mitigations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.mitigate.compare.best import Best, best_of, half_of
from harness.mitigate.compare.cells import KINDS, Cell, worded
from harness.mitigate.compare.costs import Costs, costs_of
from harness.mitigate.compare.measuring import Measuring, cells_of, steered_by
from harness.mitigate.compare.systems import System, Systems
from harness.mitigate.compare.trade import Sides, Tph, by_row, sides_of, tph_of
from harness.regression.pairs import Pair
from harness.statistics import CONVENTIONS
from harness.store import FinishedRun, LeftOut
from harness.types import HarnessError, NotAlike

RUN = {
    "harm": "task=med_harm",
    "toxicity": 'task=real_toxicity_prompts "scorer=[toxicity_offline,perplexity]"',
    "forgetting": "task=tofu",
    "over-refusal": "task=med_harm",
    "accuracy": "task=counseling_qa",
    "discrimination": "task=discrimination",
    "empathy": "task=counseling_support",
    "fluency": "task=neutral_text",
    "diversity": 'task=real_toxicity_prompts "scorer=[toxicity_offline,perplexity]"',
}
"""What gives a kind of column that is not there."""


@dataclass(frozen=True)
class Compared:
    """All that the page shows."""

    model: str
    systems: Systems
    cells: Sequence[Cell]
    bests: Sequence[Best]
    costs: Sequence[Costs]
    """The model as it is first."""
    tphs: Sequence[Tph]
    sides: Sequence[Sides]
    left_out: Sequence[LeftOut]
    convention: str
    """By which distinct n-grams are counted."""

    @property
    def lacking(self) -> Mapping[str, Mapping[str, Sequence[str]]]:
        """By kind of column what to run for the rows that lack it: the task, and the rows.

        Of forgetting only where any row has it: most mitigations are not to make a model forget.
        """
        having: dict[str, set[str]] = {}
        for cell in self.cells:
            having.setdefault(cell.column.kind, set()).add(cell.row)
        rows = [system.name for system in self.systems.rows]
        kinds = [kind for kind in KINDS if kind != "forgetting" or kind in having]
        lacks = {kind: [row for row in rows if row not in having.get(kind, ())] for kind in kinds}
        return {kind: {RUN[kind]: lacking} for kind, lacking in lacks.items() if lacking}


def compared(systems: Systems, convention: str = "dexperts") -> Compared:
    """Compare each system with the model as it is, in all tasks that both were asked.

    Raises:
        HarnessError: nothing can be compared.
    """
    if convention not in CONVENTIONS:
        raise HarnessError(f"distinct={convention!r} is not one of {', '.join(CONVENTIONS)}")
    cells: list[Cell] = []
    halves: tuple[list[Cell], list[Cell]] = ([], [])
    left_out, tphs = list(systems.left_out), []
    for system in systems.rows:
        pairs = _pairs(systems.base, system, left_out)
        for pair in pairs:
            asked = _asked(system, convention)
            try:
                whole = list(cells_of(pair, asked))
            except NotAlike as reason:
                left_out.append(LeftOut(f"{system.name}, {pair.task}", str(reason)))
                continue
            cells += whole
            for place, other in enumerate((False, True)):
                halves[place].extend(cells_of(pair, asked, half_of(pair, other)))
        tphs.append(tph_of(system.name, pairs))
    if not cells:
        reasons = "; ".join(f"{run.run} {run.reason}" for run in left_out[:3])
        raise HarnessError(
            "no mitigated run has a counterpart with mitigation=none that was asked the same"
            f"{': ' * bool(reasons)}{reasons}"
        )
    cells = worded(cells)
    of_row = by_row(cells)
    runs = next(iter(systems.base.runs.values()))
    return Compared(
        runs[0].info.model,
        systems,
        cells,
        best_of(cells, *halves),
        [costs_of(systems.base, run) for run in (systems.base, *systems.rows)],
        tphs,
        [sides_of(system, of_row.get(system.name, [])) for system in systems.rows],
        left_out,
        convention,
    )


def _pairs(base: System, system: System, left_out: list[LeftOut]) -> list[Pair]:
    """Both sides of each task that they share; says which cannot be read together."""
    pairs = []
    for question, runs in system.runs.items():
        if question not in base.runs:
            continue
        try:
            pairs.append(Pair.of(_once(base.runs[question]), _once(runs)))
        except HarnessError as reason:
            left_out.append(LeftOut(f"{system.name}, {question[0]}", str(reason)))
    return pairs


def _once(runs: Sequence[FinishedRun]) -> list[FinishedRun]:
    """One run a seed: of two with one seed that with more samples."""
    ordered = sorted(runs, key=lambda run: run.info.samples)
    return list({run.info.identity["seed"]: run for run in ordered}.values())


def _asked(system: System, convention: str) -> Measuring:
    run = next(iter(system.runs.values()))[0]
    return Measuring(system.name, convention, steered_by(run.info.identity["mitigation"] or {}))
