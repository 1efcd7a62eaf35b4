"""What a mitigation costs in time, calls and memory; no paired difference, for each is one run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from harness.mitigate.compare.systems import System
from harness.store import FinishedRun


@dataclass(frozen=True)
class Costs:
    """What the answers of one system took; None where no run says it."""

    row: str
    answers: int
    """Of the tasks that the model as it is was asked as well."""
    tokens_per_second: float | None
    """Of the answers that are given."""
    rate: float | None
    """Of it, what the model as it is does in the same tasks: 1 is as fast."""
    calls: float | None
    """Of a model, to each answer."""
    tokens_per_answer: float | None
    """Of prompts and answers of all calls."""
    peak_bytes: int | None
    """The most memory that a run's process held."""
    machines: int = 1
    """On which the runs were made: on several no rate is the mitigation's."""


def costs_of(base: System, row: System) -> Costs:
    """The costs of one system, over the tasks that it shares with the model as it is."""
    shared = [question for question in row.runs if question in base.runs]
    mitigated = [run for question in shared for run in row.runs[question]]
    plain = [run for question in shared for run in base.runs[question]]
    speed, other = (_speed(runs) for runs in (mitigated, plain))
    answers = sum(run.info.generations for run in mitigated)
    calls, tokens = _calls(mitigated)
    peaks = [peak for run in mitigated for peak in _sessions(run, "peak_bytes") if peak]
    machines = {name for run in (*mitigated, *plain) for name in _sessions(run, "machine")}
    return Costs(
        row.name,
        answers,
        speed,
        speed / other if speed and other else None,
        calls / answers if answers else None,
        tokens / answers if answers else None,
        max(peaks) if peaks else None,
        len(machines),
    )


def _speed(runs: Sequence[FinishedRun]) -> float | None:
    """Tokens of answers a second of generating."""
    spent = [
        work
        for run in runs
        for work in _sessions(run, "generate")
        if work and work.get("generations")
    ]
    seconds = sum(float(work["seconds"]) for work in spent)
    return sum(float(work["tokens"]) for work in spent) / seconds if seconds else None


def _calls(runs: Iterable[FinishedRun]) -> tuple[float, float]:
    """Calls of a model, and their tokens: what is noted, or one call and the answer's own."""
    calls = tokens = 0.0
    for run in runs:
        for part in run.generation_parts():
            names = ["prompt_tokens", "tokens", "noted"]
            columns = [name for name in names if name in part.column_names]
            for row in part.select(columns).to_pylist():
                noted = dict(row.get("noted") or ())
                calls += noted.get("calls", 1.0)
                plain = float(row["prompt_tokens"] + row["tokens"])
                tokens += noted.get("call_tokens", plain)
    return calls, tokens


def _sessions(run: FinishedRun, key: str) -> list[Any]:
    """What each session that generated anything says under a key."""
    return [
        session[key]
        for session in run.info.sessions
        if key in session and (session.get("generate") or {}).get("generations")
    ]
