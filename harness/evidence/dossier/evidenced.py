"""Which items of a checklist runs are evidence of: by which of them, or by none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from harness.store import FinishedRun


@dataclass(frozen=True)
class Evidence:
    """All that a dossier is made of."""

    runs: Sequence[FinishedRun]
    gates: Mapping[str, Mapping[str, Any]]
    """By file what `regression.json` of the gate says."""


def _named(runs: Sequence[FinishedRun]) -> str | None:
    return ", ".join(run.name for run in runs) or None


def _where(holds: Callable[[FinishedRun], object]) -> Callable[[Evidence], str | None]:
    """Evidence that all runs give, or those of which it holds."""

    def evidence(source: Evidence) -> str | None:
        return _named([run for run in source.runs if holds(run)])

    return evidence


def _intervals(run: FinishedRun) -> bool:
    rows = [row for row in run.rows if row["estimate"] is not None]
    return bool(rows) and all(row["low"] is not None and row["high"] is not None for row in rows)


def _agreement(run: FinishedRun) -> bool:
    """Whether every metric of a run was measured against people."""
    grades = [each.get("grade") for each in run.info.agreement.values()]
    return bool(grades) and all(grade in ("well", "partly", "hardly", "exact") for grade in grades)


def _comparison(source: Evidence) -> str | None:
    questions: dict[str, set[str]] = {}
    for run in source.runs:
        questions.setdefault(str(sorted(run.question.items())), set()).add(run.info.model)
    models = {model for named in questions.values() if len(named) > 1 for model in named}
    return f"runs of {', '.join(sorted(models))}" if models else None


def _gate(source: Evidence) -> str | None:
    return (
        ", ".join(f"{file} ({report.get('verdict')})" for file, report in source.gates.items())
        or None
    )


def _effect(source: Evidence) -> str | None:
    """Runs of one model with a mitigation and without."""
    of_model: dict[str, set[str]] = {}
    for run in source.runs:
        of_model.setdefault(f"{run.info.model} {run.info.identity['task']}", set()).add(
            run.info.mitigation
        )
    both = [
        f"{k}: {', '.join(sorted(v))}" for k, v in of_model.items() if "none" in v and len(v) > 1
    ]
    return "; ".join(both) or None


KNOWN: Mapping[str, Callable[[Evidence], str | None]] = {
    "question": _where(lambda run: run.info.identity["data_sha256"]),
    "metrics": _where(lambda run: run.info.metrics),
    "model": _where(lambda run: run.info.identity["model"]),
    "comparison": _comparison,
    "prompt": _where(lambda run: run.info.first_prompt),
    "decoding": _where(lambda run: run.info.identity["generation"]),
    "mitigation": _where(lambda run: run.info.mitigation != "none"),
    "gate": _gate,
    "groups": _where(lambda run: any(row["by"] is not None for row in run.rows)),
    "risks": lambda _: "the table of risks in this dossier",
    "versions": _where(lambda run: run.info.sessions),
    "missing": _where(lambda run: all(row["worst"] is not None for row in run.rows if row["n"])),
    "intervals": _where(_intervals),
    "agreement": _where(_agreement),
    "mitigation_effect": _effect,
}
"""By name what in runs is evidence of an item; None: nothing."""


@cache
def checklists() -> Sequence[Mapping[str, Any]]:
    """The checklists as data."""
    import yaml

    path = Path(__file__).with_name("checklists.yaml")
    lists: Sequence[Mapping[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return lists


def said_of(item: Mapping[str, Any], evidence: Evidence) -> str:
    """`evidenced by ...`, or `not evidenced` with the reason."""
    if item["by"] is None:
        return "not evidenced: no run of this kind shows it"
    by = KNOWN[item["by"]](evidence)
    return "not evidenced: no run here shows it" if by is None else f"evidenced by {by}"
