"""A finished run, sample by sample: what was asked, what was answered, what was scored."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from harness.bridges.files.spool import Spool
from harness.store import FIXED_COLUMNS, FinishedRun

Row = Mapping[str, Any]
ANSWER = ("sample_id", "index", "text", "finish_reason", "prompt_tokens", "tokens",
          "choice_logprobs", "error", "thinking")  # fmt: skip
SCORE = ("sample_id", "index", "scorer_id", "metric", "value", "error", "explanation")


@runtime_checkable
class Form(Protocol):
    """Writes a run as another tool reads it."""

    def write(self, whole: Whole, folder: Path) -> Sequence[str]:
        """Write files into a folder; gives lines that say what was written, and what was not."""
        ...


@dataclass(frozen=True)
class Item:
    """One sample of a run with all its answers."""

    sample: Row
    answers: Sequence[Row]
    """In the order of their index."""
    scores: Mapping[int, Sequence[Row]]
    """By the answer's index, one a metric."""

    @property
    def messages(self) -> list[dict[str, str]]:
        """What was asked, as turns; a text that was to be continued is one of the user's."""
        stored = self.sample.get("messages")
        if stored:
            turns: list[dict[str, str]] = json.loads(stored)
            return turns
        return [{"role": "user", "content": str(self.sample["prompt"])}]

    @property
    def described(self) -> dict[str, Any]:
        """The sample's own columns."""
        return {
            name: value
            for name, value in self.sample.items()
            if name not in FIXED_COLUMNS and value is not None
        }


@dataclass(frozen=True)
class Whole:
    """A finished run, to be written sample by sample."""

    run: FinishedRun

    @property
    def started(self) -> str:
        """When its first session began, in ISO 8601."""
        return str(self.run.info.sessions[0]["started"])

    @property
    def version(self) -> str:
        """Of this project, as the last session had it."""
        return str(self.run.info.sessions[-1]["versions"].get("harness", "unknown"))

    @property
    def headline(self) -> list[Row]:
        """Estimates over all samples that are a number."""
        return [row for row in self.run.rows if row["by"] is None and row["estimate"] is not None]

    @property
    def lacking(self) -> list[str]:
        """Estimates over all samples that could not be had, each with why."""
        return [
            f"{row['name']} ({row['n_failed']:,} of {row['n']:,} scores missing; {row['validity']})"
            for row in self.run.rows
            if row["by"] is None and row["estimate"] is None
        ]

    def items(self) -> Iterator[Item]:
        """Each sample with its answers and scores; of an answer that was asked again the last."""
        for sample, answers, scores in self._spool.whole():
            of_answer = {index: rows["rows"] for index, rows in scores.items()}
            yield Item(sample, sorted(answers, key=lambda row: int(row["index"])), of_answer)

    @cached_property
    def _spool(self) -> Spool:
        """All of them, by sample, on disk."""
        spool = Spool()
        for part in self.run.sample_parts():
            for sample in part.to_pylist():
                spool.begin(sample["sample_id"]).asked = sample
                spool.weigh(len(sample["prompt"]))
        for part in self.run.generation_parts():
            columns = [name for name in ANSWER if name in part.column_names]
            for row in part.select(columns).to_pylist():
                if question := spool.find(row["sample_id"]):
                    others = [a for a in question.answers if a["index"] != row["index"]]
                    question.answers = [*others, row]
                    spool.weigh(len(row["text"] or ""))
        for part in self.run.score_parts(list(SCORE)):
            for row in part.to_pylist():
                if question := spool.find(row["sample_id"]):
                    question.scores.setdefault(row["index"], {"rows": []})["rows"].append(row)
                    spool.weigh(len(row["explanation"] or ""))
        return spool


def note_of(row: Row) -> str:
    """What must be said beside an estimate wherever it goes."""
    low, high = row["low"], row["high"]
    interval = "no interval" if low is None else f"95 % interval {low:.4g} to {high:.4g}"
    return (
        f"{interval}; n {row['n']}, scored {row['n_scored']}, failed {row['n_failed']}; worst and "
        f"best case {_shown(row['worst'])} and {_shown(row['best'])}; scorer {row['scorer_id']}, "
        f"{row['validity']}"
    )


def _shown(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4g}"
