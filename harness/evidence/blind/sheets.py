"""The answers of two systems on sheets for raters: unlabelled, each sheet in its own order."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.evidence.blind.ratings import SCALE
from harness.review.page import page
from harness.store import FinishedRun, write_text
from harness.types import HarnessError, NotAlike

SIDES = "ab"
QUESTION = (
    "How good is this answer as a whole? 0: as bad as an answer can be; 10: as good as one can be."
)


@dataclass(frozen=True)
class Pairs:
    """Prompts that two systems answered."""

    prompts: Mapping[str, str]
    """By sample, the text."""
    answers: Mapping[str, tuple[str, str]]
    """By sample, of both systems."""
    lacking: int
    """Prompts of which a system has no answer: nobody rates them."""


def pairs_of(runs: Sequence[FinishedRun]) -> Pairs:
    """The prompts that both runs asked in the same words, with the first answer of each.

    Raises:
        NotAlike: there are not two runs, or fewer than two prompts have both answers.
    """
    if len(runs) != 2:
        raise NotAlike(f"a blind study is of two runs, and runs= names {len(runs)}")
    prompts = [_prompts(run) for run in runs]
    shared = [name for name in prompts[0] if prompts[1].get(name) == prompts[0][name]]
    answers = [_answers(run) for run in runs]
    both = [name for name in shared if all(name in of_run for of_run in answers)]
    if len(both) < 2:
        raise NotAlike(
            f"{runs[0].name} and {runs[1].name} have {len(both)} prompts in common that both "
            "answered; a study needs two at least"
        )
    return Pairs(
        {name: prompts[0][name] for name in both},
        {name: (answers[0][name], answers[1][name]) for name in both},
        len(shared) - len(both),
    )


def _prompts(run: FinishedRun) -> dict[str, str]:
    samples = run.samples()
    names, texts = (samples[column].to_pylist() for column in ("sample_id", "prompt"))
    return dict(zip(names, texts, strict=True))


def _answers(run: FinishedRun) -> dict[str, str]:
    columns = ["sample_id", "index", "text", "error"]
    return {
        row["sample_id"]: row["text"] for row in run.answers(columns)
        if row["index"] == 0 and row["error"] is None and row["text"] is not None
    }  # fmt: skip


def write_sheets(
    runs: Sequence[FinishedRun], folder: Path, n: int | None, raters: int, seed: int, question: str
) -> tuple[list[Path], Pairs, int]:
    """Write a sheet for each rater, and `key.json`, which no rater may see.

    Args:
        runs: of systems A and B.
        folder: where they go.
        n: prompts, drawn at random; None: all.
        raters: that rate, each by a sheet with an order of its own.
        seed: of the draw, of the names of items and of their orders.
        question: that the raters answer.

    Returns:
        The sheets, the prompts there are, and how many of them are asked.

    Raises:
        NotAlike: the runs cannot be set beside each other.
        HarnessError: there are fewer prompts, or sheets of another draw.
    """
    pairs = pairs_of(runs)
    names = sorted(pairs.prompts, key=lambda name: _digest(seed, "draw", name))
    if n is not None and not 2 <= n <= len(names):
        raise HarnessError(f"n={n} must be from 2 to {len(names)}, the prompts that both answered")
    chosen = names[:n]
    items = {
        _digest(seed, side, name)[:12]: (name, side)
        for name in chosen
        for side in range(len(SIDES))
    }
    systems = [f"{run.info.model} ({run.name})" for run in runs]
    _keep(folder / "key.json", {"systems": systems, "seed": seed, "items": items})
    sheets = []
    for rater in range(1, raters + 1):
        order = sorted(items, key=lambda item, rater=rater: _digest(seed, f"rater {rater}", item))  # type: ignore[misc]
        rows = [
            {"item": item, "prompt": pairs.prompts[name], "answer": pairs.answers[name][side]}
            for item in order for name, side in [items[item]]
        ]  # fmt: skip
        sheet = folder / f"sheet-{rater}.html"
        sheets.append(write_text(sheet, page("blind_rating", SCALE, question, rows)))
    return sheets, pairs, len(chosen)


def _keep(file: Path, key: Mapping[str, Any]) -> None:
    """Write the key, unless ratings may have been made by another.

    Raises:
        HarnessError: another key is there, or it cannot be written.
    """
    text = json.dumps(key, indent=1, ensure_ascii=False)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        before = file.read_text("utf-8") if file.exists() else text
    except OSError as error:
        raise HarnessError(f"out={str(file.parent)!r} cannot be written ({error})") from error
    if before != text:
        raise HarnessError(
            f"{str(file)!r} is of another draw, for which ratings may have been made; name the "
            "same runs, n and seed, or another folder with out="
        )
    write_text(file, text)


def _digest(seed: int, *parts: object) -> str:
    return hashlib.sha256(json.dumps([seed, *parts]).encode()).hexdigest()
