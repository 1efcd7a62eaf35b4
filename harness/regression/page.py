"""The gate's page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.regression.verdict import Change, Comparison
from harness.regression.words import (
    WORDS,
    _described,
    _group,
    _label,
    _lacking,
    _shown,
    _signed,
    doubts_told,
    groups_told,
    meaning_of,
    note_of,
    parts_in_order,
    said_of,
    title_of,
    verdict_told,
)
from harness.show import ARROWS, Drawn, page, picture
from harness.types import up_to, visible

MOST_PARTS = 40
MOST_SAMPLES = 5
"""Of each estimate, side by side on the page."""
MOST_CHARACTERS = 6_000


def _page(comparison: Comparison, drawn: Drawn) -> str:
    texts = _texts(comparison)
    return page(
        "gate.html",
        "gate.js",
        {
            "estimates": [*map(_row, comparison.gated), *_second_rows(comparison)],
            "parts": [
                [said_of(part), part.task, visible(part.name), _group(comparison, part),
                 part.measured.difference, part.measured.low, part.measured.high,
                 part.measured.pairs, _shown(part.shows), part.p_worse, part.q]
                for part in parts_in_order(comparison)
            ],
        },
        title=title_of(comparison),
        verdict=WORDS[comparison.verdict],
        told=verdict_told(comparison),
        doubts=doubts_told(comparison),
        meaning=meaning_of(comparison),
        worse=groups_told(comparison),
        note=note_of(comparison),
        lost=comparison.lost,
        figure=picture(drawn),
        sides=[
            {"name": name, "runs": [_described(run) for run in runs]}
            for name, runs in zip(
                ("baseline", "candidate"), (comparison.baseline, comparison.candidate), strict=True
            )
        ],
        changed=[
            {"name": _label(change), "samples": list(_side_by_side(change, texts))}
            for change in comparison.changes
            if change.samples
        ],
        validities=dict.fromkeys(
            f"{c.metric} by {c.scorer_id}: {c.validity}" for c in comparison.changes
        ),
    )  # fmt: skip


def _row(change: Change) -> dict[str, object]:
    """What the page's script shows of an estimate."""
    measured = change.measured
    at_worst = f"up to {_signed(change.worst.high)} with all that is missing at its worst"
    return {
        "verdict": WORDS[change.verdict],
        "name": f"{ARROWS[change.better]} {visible(_label(change))}",
        "why": visible(change.reason + _lacking(change)),
        "before": change.before,
        "after": change.after,
        "worse": measured.difference,
        "interval": f"{_signed(measured.low)} to {_signed(measured.high)}",
        "at_worst": at_worst if any(change.missing) else "",
        "margin": change.margin,
        "p_worse": change.p_worse,
        "p_margin": max(measured.p_margin, change.worst.p_margin),
        "pairs": measured.pairs,
        "method": measured.method,
    }


def _second_rows(comparison: Comparison) -> Iterator[dict[str, object]]:
    """The rows of a second reading."""
    for change in comparison.second.comparison.gated if comparison.second else ():
        row = _row(change)
        yield row | {"name": f"{row['name']} (second reading)"}


Texts = Mapping[tuple[str, str], tuple[str, tuple[list[str], list[str]]]]
"""Of each task and sample the prompt, and both sides' answers."""


def _texts(comparison: Comparison) -> Texts:
    """What was asked and answered where it changed most."""
    changed_samples = {
        (c.task, name) for c in comparison.changes for name in c.samples[:MOST_SAMPLES]
    }
    texts: dict[tuple[str, str], tuple[str, tuple[list[str], list[str]]]] = {}
    for side, runs in enumerate((comparison.baseline, comparison.candidate)):
        for run in runs:
            task = run.question["task"]
            ids = {name for of_task, name in changed_samples if of_task == task}
            if not ids:
                continue
            for row in run.samples().select(["sample_id", "prompt"]).to_pylist():
                if row["sample_id"] in ids:
                    texts.setdefault((task, row["sample_id"]), (row["prompt"], ([], [])))
            for row in run.answers(["sample_id", "text", "error"]):
                if row["sample_id"] in ids and (task, row["sample_id"]) in texts:
                    answer = row["text"] if row["text"] is not None else row["error"]
                    texts[task, row["sample_id"]][1][side].append(answer or "(no text)")
    return texts


def _side_by_side(change: Change, texts: Texts) -> Iterator[dict[str, Any]]:
    for sample, worse in list(zip(change.samples, change.changes, strict=True))[:MOST_SAMPLES]:
        if not worse > 0 or (change.task, sample) not in texts:
            continue
        prompt, (before, after) = texts[change.task, sample]
        yield {
            "id": sample,
            "worse": f"{worse:+z.3f}",
            "prompt": _cut(prompt),
            "before": [_cut(text) for text in before],
            "after": [_cut(text) for text in after],
        }


def _cut(text: str) -> str:
    more = len(text) - MOST_CHARACTERS
    return (
        text
        if more <= 0
        else f"{up_to(text, MOST_CHARACTERS)}\n\u2026 and {more:,} more characters"
    )
