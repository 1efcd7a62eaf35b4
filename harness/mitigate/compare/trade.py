"""Gain against cost in one number: TPH with its interval, and what a mitigation drags along."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, isfinite

import numpy as np

from harness.mitigate.compare.cells import BETTER, SAFER, WORSE, Cell
from harness.mitigate.compare.systems import System
from harness.regression.pairs import Pair
from harness.statistics import (
    Floats,
    Share,
    entanglement,
    mean_of_rows,
    percentile_interval,
    reduction,
    resamples,
    tph,
)

TIMES = 2_000
"""Resamples of prompts and of neutral texts."""
TOXIC, NEUTRAL = "toxic fraction", "text_nll"
"""The estimate of toxic texts, and the metric of neutral text, that TPH is made of."""


@dataclass(frozen=True)
class Tph:
    """The harmonic mean of EigenShift's paper, or why there is none."""

    row: str
    value: float | None
    low: float | None
    high: float | None
    toxic: tuple[float, float] | None
    """Share of toxic texts before and after."""
    perplexity: tuple[float, float] | None
    """Of neutral text before and after."""
    reason: str = ""


@dataclass(frozen=True)
class Sides:
    """A row's side effects: what it was not made for and moved all the same."""

    row: str
    made_for: Sequence[str]
    cells: Sequence[Cell]
    """Of what it was not made for."""
    entanglement: float | None
    """Root of the mean squared change, each in margins of its column, less what chance adds."""

    def with_word(self, *words: str) -> list[Cell]:
        """Those of the cells that have one of these words."""
        return [cell for cell in self.cells if cell.word in words]

    @property
    def moved(self) -> list[Cell]:
        """Those that surely got better or worse."""
        return self.with_word(SAFER, BETTER, WORSE)


def sides_of(system: System, cells: Sequence[Cell]) -> Sides:
    """The side effects of one system.

    Args:
        system: with what it is made for.
        cells: of its row.
    """
    untargeted = [cell for cell in cells if cell.column.kind not in system.made_for]
    known = [
        (cell.difference / cell.column.margin, cell.worse.stderr / cell.column.margin)
        for cell in untargeted
        if cell.difference is not None and cell.worse.stderr is not None
    ]
    moved = entanglement([change for change, _ in known], [error for _, error in known])
    return Sides(system.name, system.made_for, untargeted, moved if isfinite(moved) else None)


def tph_of(row: str, pairs: Sequence[Pair]) -> Tph:
    """TPH of one row, with the interval of resampled prompts and texts.

    Args:
        row: its name.
        pairs: of its tasks with the model as it is.
    """
    toxic = next((sides for pair in pairs if (sides := _toxic(pair)) is not None), None)
    neutral = next((sides for pair in pairs if (sides := _neutral(pair)) is not None), None)
    if toxic is None or neutral is None:
        lacks = [
            "task=real_toxicity_prompts" if toxic is None else "",
            "task=neutral_text" if neutral is None else "",
        ]
        return Tph(row, None, None, None, None, None, f"run {' and '.join(filter(None, lacks))}")
    if reason := _lacks(toxic, "prompts have") or _lacks(neutral, "neutral texts have"):
        return Tph(row, None, None, None, None, None, reason)
    toxic, neutral = _shared(toxic), _shared(neutral)
    shares = _means(toxic)
    perplexity = exp(_means(neutral)[0]), exp(_means(neutral)[1])
    value = tph(shares, perplexity)
    if not isfinite(value):
        reason = "no fewer texts are toxic" if reduction(*shares) <= 0 else "no text was toxic"
        return Tph(row, None, None, None, shares, perplexity, reason)
    drawn = []
    for prompts, texts in zip(
        resamples(len(toxic[0]), TIMES), resamples(len(neutral[0]), TIMES), strict=True
    ):
        of_toxic = _means((toxic[0][prompts], toxic[1][prompts]))
        of_text = _means((neutral[0][texts], neutral[1][texts]))
        again = tph(of_toxic, (exp(of_text[0]), exp(of_text[1])))
        drawn.append(again if isfinite(again) else 0.0)  # nothing gained is the worst there is
    ends = percentile_interval(np.array(drawn))
    low, high = (ends.low, ends.high) if ends else (None, None)
    return Tph(row, value, low, high, shares, perplexity)


def _toxic(pair: Pair) -> tuple[Floats, Floats] | None:
    """Of each prompt the share of toxic texts on both sides."""
    for estimand in pair.estimands:
        whole = estimand.by is None and estimand.name == TOXIC
        if whole and isinstance(estimand.statistic, Share) and pair.asks(estimand):
            numbers, share = pair.over(estimand), estimand.statistic
            name = estimand.metric
            sides = [np.hstack([run[name][numbers] for run in side]) for side in pair.scores]
            return _both(sides, share.of_samples)
    return None


def _neutral(pair: Pair) -> tuple[Floats, Floats] | None:
    """Of each neutral text its loss on both sides."""
    if not all(NEUTRAL in run for side in pair.scores for run in side):
        return None
    return _both([np.hstack([run[NEUTRAL] for run in side]) for side in pair.scores], mean_of_rows)


def _both(sides: Sequence[Floats], of_samples: Callable[[Floats], Floats]) -> tuple[Floats, Floats]:
    """Values of each sample on both sides; NaN is missing."""
    before, after = (of_samples(side) for side in sides)
    return before, after


def _lacks(sides: tuple[Floats, Floats], subject: str) -> str:
    """Why there is no mean under the mitigation; nothing where it has what the model as it is has.

    A text that a filter of tokens makes impossible has no loss: a mean of the others would flatter
    the filter.
    """
    known = ~np.isnan(sides[0])
    lost = int(np.isnan(sides[1][known]).sum())
    if not known.any():
        return f"none of {len(known)} {subject} a value"
    return f"{lost} of {known.sum()} {subject} no value" if lost else ""


def _shared(sides: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    """Of samples that have a value on each side."""
    known = ~np.isnan(sides[0]) & ~np.isnan(sides[1])
    return sides[0][known], sides[1][known]


def _means(sides: tuple[Floats, Floats]) -> tuple[float, float]:
    return float(sides[0].mean()), float(sides[1].mean())


def by_row(cells: Sequence[Cell]) -> Mapping[str, list[Cell]]:
    """The cells of each row."""
    rows: dict[str, list[Cell]] = {}
    for cell in cells:
        rows.setdefault(cell.row, []).append(cell)
    return rows
