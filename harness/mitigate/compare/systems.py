"""The systems that stand beside each other: one model as it is, and under each mitigation."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.regression.gate import ALIKE
from harness.store import FinishedRun, LeftOut
from harness.types import HarnessError, fingerprint, weights_of

AIMS = ("harm", "toxicity")
"""What a mitigation is taken to be made for that does not say."""
CARD = "mitigation.yaml"
"""What `python -m harness.mitigate` writes beside a checkpoint: lines of a key and its JSON."""
LONGEST_VALUE = 40
"""Characters of an option that a row's name holds; a longer one is told by its fingerprint."""
UNKNOWN_SPLIT = "not known; tuned_on.NAME= says it"
"""Of a row whose model has no card: what it is made of may have been fitted on anything."""
Question = tuple[str, ...]
"""What runs must share to be compared: `ALIKE` of `FinishedRun.question`, and the task."""


@dataclass(frozen=True)
class System:
    """A model under one mitigation at one strength, with its runs."""

    name: str
    runs: Mapping[Question, Sequence[FinishedRun]]
    made_for: Sequence[str] = AIMS
    tuned_on: str = UNKNOWN_SPLIT
    """Which data it was fitted or tuned on, in words."""
    method_class: str = ""
    """What it is in the survey of unlearning; empty: outside of it."""


@dataclass(frozen=True)
class Systems:
    """A model as it is, and what was done to it."""

    base: System
    rows: Sequence[System]
    left_out: Sequence[LeftOut] = ()


@dataclass
class _Row:
    """Runs of one system as they are collected."""

    mitigation: str
    options: dict[str, str]
    made_for: Sequence[str]
    tuned_on: str
    method_class: str = ""
    runs: dict[Question, list[FinishedRun]] = field(default_factory=dict)


def question_of(run: FinishedRun) -> Question:
    """What a run must share with another to be compared with it."""
    return (run.question["task"], *(run.question[name] for name in ALIKE))


def systems_of(
    runs: Sequence[FinishedRun],
    base: str | None = None,
    made_for: Mapping[str, Sequence[str]] | None = None,
    tuned_on: Mapping[str, str] | None = None,
) -> Systems:
    """Sort runs into the model as it is and its mitigations; the rest is left out with a reason.

    Args:
        runs: of anything.
        base: the model's name; None: that of which there are mitigated runs.
        made_for: by a row's name, or its mitigation's, what it is meant to change.
        tuned_on: likewise what it was tuned on, in words.

    Raises:
        HarnessError: there is no model as it is, or there are several.
    """
    first = _base(runs, base)
    plain = _Row("none", {}, (), "")
    rows: dict[str, _Row] = {}
    left_out = []
    for run in runs:
        card = card_of(run)
        is_derived = card is not None and card.get("base_weights") == weights_of(
            first.info.identity["model"]
        )
        if run.model == first.model and not run.info.identity["mitigation"]:
            row = plain
        elif run.model == first.model or is_derived:
            key = fingerprint({"model": run.model, "under": run.info.identity["mitigation"]})
            row = rows.setdefault(key, _row(run, card))
        else:
            left_out.append(LeftOut(run.name, f"is of {run.info.model}, not of {first.info.model}"))
            continue
        row.runs.setdefault(question_of(run), []).append(run)
    names = _names(list(rows.values()))
    systems = [
        _system(name, row, made_for or {}, tuned_on or {})
        for name, row in zip(names, rows.values(), strict=True)
    ]
    for system in systems:
        left_out += _unmatched(system, plain.runs)
    systems.sort(key=lambda system: system.name)
    return Systems(System("none", _in_order(plain.runs), ()), systems, left_out)


def card_of(run: FinishedRun) -> Mapping[str, Any] | None:
    """What the card of an edited checkpoint says; None of any other model."""
    path = Path(run.info.model) / CARD
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        parted = (line.partition(": ") for line in lines)
        return {key: json.loads(value) for key, _, value in parted}
    except (OSError, ValueError):
        return None


def _base(runs: Sequence[FinishedRun], name: str | None) -> FinishedRun:
    """A run of the model as it is."""
    mitigated = {run.model for run in runs if run.info.identity["mitigation"]}
    plain = [run for run in runs if not run.info.identity["mitigation"] and card_of(run) is None]
    if name is None:
        chosen = [run for run in plain if run.model in mitigated] or plain
    else:
        chosen = [run for run in plain if run.info.model == name]
    names = sorted({run.info.model for run in chosen})
    if not chosen:
        known = ", ".join(sorted({run.info.model for run in plain})) or "none"
        raise HarnessError(
            f"base={name!r}: no run with mitigation=none of such a model; there are {known}"
        )
    if len({run.model for run in chosen}) > 1:
        raise HarnessError(
            f"base={name!r}: the runs are of several models ({', '.join(names)}); name the one "
            "that stands as it is with base=NAME, or the runs with runs=[...]"
        )
    return chosen[0]


def _row(run: FinishedRun, card: Mapping[str, Any] | None) -> _Row:
    identity = run.info.identity["mitigation"] or {}
    options = {str(key): str(value) for key, value in identity.items()}
    names = [run.info.mitigation] if identity else []
    tuned_on = UNKNOWN_SPLIT
    if card is not None:
        names.insert(0, str(card["method"]))
        options |= {f"{card['method']}.{k}": str(v) for k, v in dict(card["options"]).items()}
        options["model"] = run.info.model
        data = ", ".join(map(str, card["data"]))
        tuned_on = f"fitted on {card['texts']} texts of {data} (SHA-256 {card['data_sha256'][:8]})"
    classes = [str((card or {}).get("method_class", "")), run.info.method_class]
    method_class = " and ".join(dict.fromkeys(filter(None, classes)))
    return _Row("+".join(names), options, run.info.made_for or AIMS, tuned_on, method_class)


def _names(rows: Sequence[_Row]) -> list[str]:
    """Each mitigation's name, with the options that tell it from others of that name."""
    names = []
    for row in rows:
        same = [other.options for other in rows if other.mitigation == row.mitigation]
        keys = sorted({key for options in same for key in options})
        differ = [key for key in keys if len({options.get(key) for options in same}) > 1]
        differences = [f"{key.split('.')[-1]}={_short(row.options.get(key))}" for key in differ]
        names.append(
            f"{row.mitigation} ({', '.join(differences)})" if differences else row.mitigation
        )
    return names


def _short(value: str | None) -> str:
    if value is None:
        return "-"
    return value if len(value) <= LONGEST_VALUE else f"@{fingerprint({'value': value})}"


def _system(
    name: str, row: _Row, made_for: Mapping[str, Sequence[str]], tuned_on: Mapping[str, str]
) -> System:
    aims = made_for.get(name, made_for.get(row.mitigation, row.made_for))
    tuned = tuned_on.get(name, tuned_on.get(row.mitigation, row.tuned_on))
    return System(name, _in_order(row.runs), tuple(aims), tuned, row.method_class)


def _in_order(
    runs: Mapping[Question, Sequence[FinishedRun]],
) -> dict[Question, Sequence[FinishedRun]]:
    """Questions by task, and of each the runs by name, in whatever order they were read."""
    return {question: sorted(runs[question], key=lambda run: run.name) for question in sorted(runs)}


def _unmatched(system: System, base: Mapping[Question, object]) -> Iterable[LeftOut]:
    """Runs of a system to which the model as it is has none that was asked the same."""
    for question, runs in system.runs.items():
        if question not in base:
            for run in runs:
                reason = "has no counterpart with mitigation=none that was asked the same"
                yield LeftOut(run.name, reason)
