"""A risk card with what a run measured of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from harness.evidence.risks.register import bearings, risks
from harness.store import FinishedRun
from harness.types import NotAlike
from tasks.risk_card.cards import Card, wrong_with

UNMEASURED = "not measured"


def rows_of(card: Card, run: FinishedRun) -> tuple[list[dict[str, Any]], str]:
    """The estimates of a run that are of a card, and how they are of it.

    Raises:
        NotAlike: the run asked nothing that the card is about.
    """
    rows = [dict(row) for row in run.rows if row["by"] == "card" and row["group"] == card.name]
    if rows:
        return rows, "the card's own prompts"
    task = str(run.info.identity["task"])
    asked = next((b.risks for b in bearings() if (b.kind, b.name) == ("task", task)), ())
    shared = sorted(set(asked) & set(card.risks))
    if not shared:
        raise NotAlike(
            f"the run {run.name} asked task {task!r}, which bears on none of the card's risks "
            f"({', '.join(map(str, card.risks)) or 'it names none'}), and not the card's prompts"
        )
    headline = [dict(row) for row in run.rows if row["by"] is None]
    numbers = ", ".join(map(str, shared))
    return headline, f"task {task!r}, which bears on risk {numbers} too; not the card's own prompts"


def markdown(card: Card, run: FinishedRun, by: str | None) -> str:
    """The card as a page: what it says, what was measured, its limits, who looked and when."""
    rows, how = rows_of(card, run)
    names = [f"{number} {risks()[number].name}" for number in card.risks]
    lines = [
        f"# {card.title}", "", card.description, "",
        f"- Categories: {', '.join(card.categories)} ({'; '.join(names) or 'none of the 21'})",
        f"- Harms: {', '.join(f'{harm} to {actor}' for actor, harm in card.harms)}",
        *(f"- Has to happen: {action}" for action in card.actions),
        *(f"- Reference: {reference}" for reference in card.references),
        "", "## Measured", "",
        f"Model {run.info.model}, mitigation {run.info.mitigation}; from {how}.", "",
        "| estimate | value | 95 % interval | worst, best | scored | agreement with people |",
        "|---|--:|---|---|--:|---|",
        *(_row(row) for row in rows),
        "", "## Limits", "",
        *(f"- {limit}" for limit in _limits(card, run, rows)),
        "", "## Who looked, and when", "",
        f"- Answers read by: {by or 'no person; scorers alone'}",
        f"- Scorers: {', '.join(sorted({row['scorer_id'] for row in rows}))}",
        *(f"- Run {run.name} of {s.get('started', 'unknown')}" for s in run.info.sessions),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _row(row: dict[str, Any]) -> str:
    interval = f"{_number(row['low'])} to {_number(row['high'])}"
    bounds = f"{_number(row['worst'])}, {_number(row['best'])}"
    name = f"{row['name']} ({row['statistic']}, better {row['better']})"
    scored = f"{row['n_scored']} of {row['n']}"
    value = _number(row["estimate"])
    return f"| {name} | {value} | {interval} | {bounds} | {scored} | {row['validity']} |"


def _number(value: float | None) -> str:
    return UNMEASURED if value is None else f"{value:.3f}"


def _limits(card: Card, run: FinishedRun, rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    clusters = max((row["clusters"] for row in rows), default=0)
    yield f"{clusters} independent units: what was not asked may be otherwise"
    lost = sum(row["n_failed"] for row in rows)
    if lost:
        yield f"{lost} scores are missing; the bounds say what they could change"
    if run.info.generations_cut:
        yield f"{run.info.generations_cut} answers of the run were cut at the limit of tokens"
    yield "whether the harm follows depends on what has to happen, which no run measures"
    yield from wrong_with(card)
