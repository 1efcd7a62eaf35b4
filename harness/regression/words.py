"""The gate's words."""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.regression.verdict import Change, Comparison, Part, Verdict
from harness.show import MOST_LETTERS, category, number
from harness.statistics import Paired
from harness.store import FinishedRun
from harness.types import visible

WORDS = {
    Verdict.PASS: "pass", Verdict.REGRESSION: "regression", Verdict.INCONCLUSIVE: "inconclusive",
}  # fmt: skip
SIGNS = {Verdict.PASS: "\u2705", Verdict.REGRESSION: "\u274c", Verdict.INCONCLUSIVE: "\u2754"}
MEANINGS = {
    Verdict.PASS: "On every gated estimate the candidate was shown not to be worse by the margin, "
    "whatever the missing scores would have been.",
    Verdict.REGRESSION: "On at least one gated estimate the candidate was shown to be worse.",
    Verdict.INCONCLUSIVE: "No gated estimate was shown to be worse, but not all were shown to be "
    "within their margin.",
}
NOTE = (
    "A difference is counted so that more is worse. An estimate passes where its 95 % interval "
    "lies below the margin, and is a regression where the candidate is worse (one-sided, at 2.5 % "
    "among all gated estimates, Holm) and not shown to be within the margin. Both must hold with "
    "missing scores at their worst end, and at their best."
)


def title_of(comparison: Comparison) -> str:
    """Who is compared with whom."""
    sides = (comparison.baseline, comparison.candidate)
    before, after = (visible(", ".join(dict.fromkeys(map(_system, side)))) for side in sides)
    return f"{after} against {before}"


def _system(run: FinishedRun) -> str:
    mitigation = run.question["mitigation"]
    model = run.info.model
    return model if mitigation == "none" else f"{model} with {mitigation}"


def _named(run: FinishedRun) -> dict[str, object]:
    return {"run": run.name, "model": run.info.model, "model_id": run.model, **run.question}


def _described(run: FinishedRun) -> str:
    asked = run.question
    return (
        f"{run.name}: {_system(run)}, {asked['task']} version {asked['version']}, "
        f"{asked['samples']} samples, protocol {asked['protocol']}"
    )


def _label(change: Change) -> str:
    return f"{change.task}, {change.name}{' (guard)' if change.guard else ''}"


def _group(comparison: Comparison, part: Part) -> str:
    """A group with the name that a run of its task has for it."""
    of_task = (run for run in (*comparison.baseline, *comparison.candidate)
               if run.question["task"] == part.task)  # fmt: skip
    labels = next((run.info.labels for run in of_task if part.by in run.info.labels), {})
    return visible(f"{part.by} {category(labels, part.by, part.group)}")


def _short(text: str) -> str:
    text = visible(text)
    return text if len(text) <= MOST_LETTERS else f"{text[: MOST_LETTERS - 1]}\u2026"


def _in_numbers(change: Change) -> str:
    return (
        f"{number(change.before)} to {number(change.after)}, worse by {_interval(change.measured)}"
    )


def _interval(difference: Paired) -> str:
    low, high = _signed(difference.low), _signed(difference.high)
    return f"{_signed(difference.difference)} ({low} to {high})"


def _signed(value: float | None) -> str:
    return "not known" if value is None else f"{value:+.3f}"


def _lacking(change: Change) -> str:
    """Whether the candidate lacks more scores than the baseline."""
    before, after = change.missing
    if before == after:
        return ""
    chance = f", p {_chance(change.p_missing)}" if after > before else ""
    return f"; missing scores went from {before:,} to {after:,} of {change.asked:,}{chance}"


def _chance(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"


def _finite(value: Any) -> Any:
    """What JSON can hold: a number that is none becomes null."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
