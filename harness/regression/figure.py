"""The gate's figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from harness.regression.verdict import Change, Verdict
from harness.regression.words import _label
from harness.show import BLUE, INK, MOST_COLUMNS, ORANGE
from harness.types import shortened, visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def differences(axes: Axes, changes: Sequence[Change]) -> str:
    """Each difference in units of its margin, with its interval and its worst-case end."""
    places = np.arange(len(changes))[::-1]
    axes.axvline(0, color=INK, linewidth=1)
    axes.axvline(1, color=ORANGE, linewidth=1, linestyle="--")
    marks = {Verdict.PASS: "o", Verdict.REGRESSION: "X", Verdict.INCONCLUSIVE: "D"}
    for place, change in zip(places, changes, strict=True):
        paired, margin = change.measured, change.margin
        colour = BLUE if change.verdict is Verdict.PASS else ORANGE
        if paired.low is not None and paired.high is not None:
            axes.hlines(place, paired.low / margin, paired.high / margin, color=colour, linewidth=2)
        if change.worst.high is not None and any(change.missing):
            axes.plot(change.worst.high / margin, place, "|", color=ORANGE, markersize=10)
        if paired.difference is not None:
            mark = marks[change.verdict]
            axes.plot(paired.difference / margin, place, mark, color=colour, markersize=8)
    names = [shortened(visible(_label(change)), MOST_COLUMNS) for change in changes]
    axes.set_yticks(places, names)
    axes.set_ylim(-0.7, len(changes) - 0.3)
    axes.set_xlabel("worse by, in margins \u00b7 |: with what is missing at its worst")
    axes.grid(axis="x")
    return "\u25cf pass   \u2716 regression   \u25c6 inconclusive"
