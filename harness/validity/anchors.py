"""Holds scorers against what they gave on texts that never change."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from harness.types import (
    Generation,
    HarnessError,
    Message,
    Sample,
    ScorerRegistry,
    digest_file,
    trait,
    written_whole,
)

TEXTS = Path(__file__).with_name("anchors.jsonl")
SHIPPED = Path(__file__).parent / "recorded"
Values = Mapping[str, Sequence[float | None]]
"""For each metric what each anchor got; None where it was missing."""


def check_cheap(scorers: ScorerRegistry, results: Path) -> None:
    """Check those scorers that say they are cheap; what has no record is recorded.

    Raises:
        HarnessError: a scorer gives other values than were recorded for its identity.
    """
    for name, scorer in scorers.items():
        if trait(scorer, "cheap"):
            check(scorers, name, results)


def check(scorers: ScorerRegistry, name: str, results: Path) -> bool:
    """Compare a scorer with its record, or record it; gives whether there was one.

    Raises:
        HarnessError: it gives other values than were recorded, or the record cannot be read.
    """
    recorded = _recorded(scorers, name, results)
    values = measure(scorers, name)
    if recorded is None:
        record(scorers, name, values, results / "anchors")
        return False
    shifts = []
    tolerance = trait(scorers[name], "tolerance")
    for metric, measured in values.items():
        reach = scorers[name].metrics[metric].high - scorers[name].metrics[metric].low
        before = recorded.get(metric, [None] * len(measured))
        shifts += [
            (_shift(old, new), f"{metric} of {anchor} was {_say(old)} and is {_say(new)}")
            for anchor, old, new in zip(_ids(), before, measured, strict=True)
            if _shift(old, new) > tolerance * reach
        ]
    if shifts:
        shifts.sort(key=lambda shift: -shift[0])
        raise HarnessError(
            f"scorer {scorers.identity(name)} has drifted: {len(shifts)} of its values on the "
            f"anchor texts are not what was recorded; {'; '.join(s for _, s in shifts[:3])}. Find "
            "what has changed beneath it (libraries, machine, server), or take the new values with "
            f"python -m harness.drift scorer=[{name}] record=true"
        )
    return True


def measure(scorers: ScorerRegistry, name: str) -> Values:
    """What a scorer gives the anchors."""
    rows = anchor_texts()
    samples = [Sample(row["id"], (Message("user", row["prompt"]),)) for row in rows]
    answers = [Generation(row["id"], 0, row["answer"]) for row in rows]
    scores = scorers.score(name, samples, answers)
    return {
        metric: [
            None if (v := of_one[i].value) is None else round(float(v), 6) for of_one in scores
        ]
        for i, metric in enumerate(scorers[name].metrics)
    }


def record(scorers: ScorerRegistry, name: str, values: Values, folder: Path) -> Path:
    """Keep what a scorer gives the anchors.

    Raises:
        HarnessError: the folder cannot be written.
    """
    path = folder / f"{scorers.identity(name)}.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as file:
            file.write(json.dumps({"texts": _digest(), "values": values}).encode())
    except OSError as error:
        raise HarnessError(f"{str(path)!r} cannot be written ({error.strerror})") from error
    return path


def _recorded(scorers: ScorerRegistry, name: str, results: Path) -> Values | None:
    """What a scorer of this identity gave these texts; the user's record before ours."""
    for folder in (results / "anchors", SHIPPED):
        path = folder / f"{scorers.identity(name)}.json"
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content["texts"] == _digest():
                values: Values = content["values"]
                return values
        except FileNotFoundError:
            continue
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise HarnessError(
                f"the record {str(path)!r} cannot be read ({error}); delete it, and it is made anew"
            ) from error
    return None


def _shift(old: float | None, new: float | None) -> float:
    if old is None or new is None:
        return 0.0 if old == new else math.inf
    return abs(old - new)


def _say(value: float | None) -> str:
    return "missing" if value is None else f"{value:.4g}"


@cache
def anchor_texts() -> list[dict[str, str]]:
    """The texts that never change, each with its id, request and answer."""
    with TEXTS.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _ids() -> list[str]:
    return [row["id"] for row in anchor_texts()]


@cache
def _digest() -> str:
    return digest_file(TEXTS)[:16]
