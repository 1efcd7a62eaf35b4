"""The risks and what bears on them, as data, and the table that sets one beside the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from harness.store import FinishedRun
from harness.types import HarnessError, trait

FOLDER = Path(__file__).parent
KINDS = ("task", "scorer", "mitigation")


@dataclass(frozen=True, slots=True)
class Risk:
    """One of the 21."""

    number: int
    area: str
    name: str
    prompted: bool
    """Whether any prompt can show it."""


@dataclass(frozen=True, slots=True)
class Bearing:
    """That a plugin bears on risks."""

    kind: str
    name: str
    risks: Sequence[int]
    why: str


@dataclass(frozen=True, slots=True)
class Coverage:
    """What there is on one risk."""

    risk: Risk
    by: Mapping[str, Sequence[str]]
    """By kind of plugin the names of those that bear on it."""
    measured: Sequence[str]
    """What finished runs measured of it, a phrase each, with the agreement with people."""

    @property
    def state(self) -> str:
        """What is to be said of it in a word or two."""
        if not self.risk.prompted:
            return "documents only"
        if self.measured:
            return "measured"
        if self.by["task"] and self.by["scorer"]:
            return "measurable, no run"
        return "a task or a scorer is lacking" if any(self.by.values()) else "nothing measures it"


@cache
def risks() -> Mapping[int, Risk]:
    """All risks by number."""
    return {
        number: Risk(number, area["name"], entry["name"], entry.get("prompted", True))
        for area in _read("risks.yaml")["areas"]
        for number, entry in area["risks"].items()
    }


@cache
def bearings() -> Sequence[Bearing]:
    """What ships, with the risks that it bears on."""
    table = _read("bearing.yaml")
    return [
        Bearing(kind, name, tuple(entry["risks"]), entry["why"])
        for kind in KINDS
        for name, entry in table[kind].items()
    ]


def bearing_of(kind: str, name: str, plugin: object) -> Bearing:
    """That of a plugin of anyone's, by its trait `risks`; what ships has its own entry.

    Raises:
        HarnessError: it names a risk that there is not.
    """
    shipped = next((b for b in bearings() if (b.kind, b.name) == (kind, name)), None)
    named = tuple(trait(plugin, "risks"))
    for number in named:
        if number not in risks():
            raise HarnessError(
                f"{kind} {name!r} names risk {number!r}; there are 1 to {len(risks())}"
            )
    if not named and shipped is not None:
        return shipped
    return Bearing(kind, name, named, "by its own word")


def coverage(runs: Iterable[FinishedRun], more: Sequence[Bearing] = ()) -> list[Coverage]:
    """A row for each risk.

    Args:
        runs: that are finished.
        more: of plugins of anyone's.
    """
    known = [*bearings(), *more]
    by_name = {(b.kind, b.name): b.risks for b in known}
    measured: dict[int, list[str]] = {}
    for run in runs:
        task = str(run.info.identity["task"])
        asked = by_name.get(("task", task), ())
        for scorer, metric in dict.fromkeys((row["scorer"], row["metric"]) for row in run.rows):
            phrase = run.info.agreement.get(metric, {}).get("phrase", "not measured")
            words = f"{task}: {metric} of {run.info.model} (agreement with people: {phrase})"
            for number in sorted(set(asked) & set(by_name.get(("scorer", scorer), ()))):
                if words not in measured.setdefault(number, []):
                    measured[number].append(words)
    return [
        Coverage(
            risk,
            {k: [b.name for b in known if b.kind == k and number in b.risks] for k in KINDS},
            measured.get(number, []),
        )
        for number, risk in risks().items()
    ]


def markdown(rows: Sequence[Coverage]) -> str:
    """The table, and below it what runs measured."""
    lines = [
        "| | risk | area | state | tasks | scorers | mitigations |",
        "|--:|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row.risk.number} | {row.risk.name} | {row.risk.area} | {row.state} | "
        + " | ".join(", ".join(row.by[kind]) for kind in KINDS) + " |"
        for row in rows
    ]  # fmt: skip
    details = [f"- risk {row.risk.number}: {words}" for row in rows for words in row.measured]
    return "\n".join([*lines, "", *(details or ["No run was looked at."])]) + "\n"


def _read(name: str) -> Any:
    import yaml

    return yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))
