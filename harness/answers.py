"""Answers that are there already, as a task and a model: what is scored is a run like any other."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.data import read_file
from harness.estimates import Mean
from harness.store import RunStore
from harness.types import (
    Estimand,
    Generation,
    GenerationConfig,
    HarnessError,
    Message,
    Metadata,
    Prompt,
    Records,
    Request,
    Sample,
)

PROMPTS = ("prompt", "request", "question", "input")
ANSWERS = ("answer", "response", "completion", "generation", "output", "text")
LONGEST_LABEL = 80
"""Characters of a column's text that still describes a sample."""


@dataclass(frozen=True)
class Stored:
    """Prompts with their answers, and which model is said to have given them."""

    records: Records
    model: str
    n: int
    """Answers of a prompt, at most."""


class AnswersTask:
    """Every prompt that has answers; estimates are the means of all that is scored.

    Args:
        stored: prompts with answers.
        metrics: of the scorers.
        by: a column whose values have estimates of their own, too.
    """

    name = "answers"
    version = "1"

    def __init__(self, stored: Stored, metrics: Sequence[str], by: str | None = None) -> None:
        self.stored = stored
        parts = [None] if by is None else [None, by]
        self.estimands: Sequence[Estimand] = tuple(
            Estimand(m, m, Mean(), by=part) for part in parts for m in metrics
        )

    def records(self) -> Records:
        """The prompts: with other answers to them it is the same question."""
        of_answers = self.stored.records
        rows = [{k: v for k, v in row.items() if k != "answers"} for row in of_answers.rows]
        return Records(of_answers.name, rows)

    def samples(self, records: Records) -> Iterator[Sample]:
        """One for each prompt."""
        for row in records.rows:
            metadata: Metadata = row["metadata"]  # type: ignore[assignment]
            cluster = row["cluster"]
            yield Sample(
                str(row["id"]),
                to_prompt(row["prompt"]),
                cluster=None if cluster is None else str(cluster),
                metadata=metadata,
            )


@dataclass
class StoredModel:
    """Gives the answers that are stored, and asks no model."""

    stored: Stored
    weighs_choices: bool = False
    device_used: str | None = None
    _answers: dict[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Of the model that is said to have given them."""
        return self.stored.model

    @property
    def identity(self) -> Mapping[str, str]:
        """A digest of the answers."""
        return {"answers": self.stored.records.digest}

    def generate(
        self, requests: Sequence[Request], generation: GenerationConfig, seed: int
    ) -> Iterator[list[Generation]]:
        """Look each answer up."""
        if not self._answers:
            self._answers.update((str(r["id"]), r["answers"]) for r in self.stored.records.rows)  # type: ignore[misc]
        for request in requests:
            answers = self._answers[request.sample_id]
            yield [
                _generation(request.sample_id, i, answers[i] if i < len(answers) else {})
                for i in request.indices
            ]


def of_run(folder: Path) -> Stored:
    """The generations of a run of ours.

    Raises:
        HarnessError: it is no run's folder, or has no generation.
    """
    store = RunStore(folder)
    info, samples = store.info(), store.read_table("samples")
    if info is None or samples is None:
        raise HarnessError(
            f"run={str(folder)!r} is not the folder of a run: it has no run.json with samples"
        )
    found: dict[str, dict[int, dict[str, Any]]] = {}
    for _, table in store.shards("generations"):
        for row in table.select(["sample_id", "index", "text", "error"]).to_pylist():
            found.setdefault(row["sample_id"], {})[row["index"]] = row
    fixed = {"sample_id", "cluster", "prompt", "messages", "target"}
    rows = []
    for row in samples.to_pylist():
        answers = found.get(row["sample_id"], {})
        n = max(answers, default=-1) + 1
        rows.append(
            {
                "id": row["sample_id"],
                "prompt": json.loads(row["messages"]) if row.get("messages") else row["prompt"],
                "cluster": row["cluster"],
                "metadata": {k: v for k, v in row.items() if k not in fixed},
                "answers": [
                    {k: answers.get(i, {}).get(k) for k in ("text", "error")} for i in range(n)
                ],
            }
        )
    return _stored(folder.name, rows, str(info.get("model", folder.name)), str(folder))


def of_file(path: Path, prompt: str | None, answer: str | None, model: str | None) -> Stored:
    """Prompts and answers from a CSV, JSONL, JSON or Parquet file, lm-eval's samples among them.

    Args:
        path: of the file, or of a folder of them.
        prompt: its column; None: the first of `PROMPTS` that there is, or none.
        answer: its column; None: the first of `ANSWERS`.
        model: that gave the answers; None: the file's name.

    Raises:
        HarnessError: there is no such file or column.
    """
    source = read_file(path)
    if not source:
        raise HarnessError(f"answers={str(path)!r} holds no records")
    ids = [str(row["id"]) for row in source if row.get("id") is not None]
    named = len(set(ids)) == len(source)
    rows = []
    for number, row in enumerate(source):
        if "resps" in row and "arguments" in row:
            asked, answers = _of_lm_eval(row, f"record {number + 1} of {path.name}")
        else:
            asked = _column(row, PROMPTS, prompt, path, number, needed=prompt is not None)
            answers = [_answer(_column(row, ANSWERS, answer, path, number, needed=True))]
        text = asked if isinstance(asked, str) else json.dumps(asked)
        rows.append(
            {
                "id": str(row["id"]) if named else f"{number:06d}",
                "prompt": asked,
                "cluster": text or None,
                "metadata": {k: v for k, v in row.items() if _describes(k, v)},
                "answers": answers,
            }
        )
    return _stored(path.name, rows, model or path.stem, str(path))


def to_prompt(content: object) -> Prompt:
    """A prompt from its text, or from a list of turns."""
    if isinstance(content, list):
        return tuple(Message(turn["role"], turn["content"]) for turn in content)
    return str(content)


def _stored(name: str, rows: list[dict[str, Any]], model: str, where: str) -> Stored:
    n = max((len(row["answers"]) for row in rows), default=0)
    if not n:
        raise HarnessError(f"{where!r} holds no answers")
    return Stored(Records(name, rows), model, n)


def _column(
    row: Mapping[str, object],
    names: Sequence[str],
    chosen: str | None,
    path: Path,
    number: int,
    needed: bool,
) -> Any:
    for name in names if chosen is None else (chosen,):
        if name in row:
            return row[name]
    if not needed:
        return ""
    raise HarnessError(
        f"record {number + 1} of {path.name} has no column {chosen or ' or '.join(names)}; it has "
        f"{', '.join(row)}: name them with columns.prompt=... and columns.answer=..."
    )


def _answer(value: object) -> dict[str, str | None]:
    if isinstance(value, str):
        return {"text": value, "error": None}
    return {"text": None, "error": f"the file has {value!r} for an answer"}


def _of_lm_eval(row: Mapping[str, Any], where: str) -> tuple[str, list[dict[str, str | None]]]:
    """Prompt and answers of a row that lm-eval's `--log_samples` wrote for a generative task."""
    try:
        arguments = row["arguments"]
        first = arguments["gen_args_0"]["arg_0"] if isinstance(arguments, dict) else arguments[0][0]
        answers = [_answer(text) for group in row["resps"] for text in group]
        if any(isinstance(text, list) for group in row["resps"] for text in group):
            raise TypeError("log-probabilities")
    except (KeyError, IndexError, TypeError) as error:
        raise HarnessError(
            f"{where} holds no written answer of lm-eval ({error}); tasks that weigh choices have "
            "none to score"
        ) from error
    return str(first), answers


def _describes(name: str, value: object) -> bool:
    """Whether a column is a fact about the sample rather than its text."""
    if name in (*PROMPTS, *ANSWERS, "id", "resps", "filtered_resps", "arguments", "doc", "target"):
        return False
    if isinstance(value, str):
        return len(value) <= LONGEST_LABEL
    return value is None or isinstance(value, bool | int | float)


def _generation(sample_id: str, index: int, answer: Mapping[str, Any]) -> Generation:
    if answer.get("text") is None:
        return Generation.failed(sample_id, index, answer.get("error") or "no answer is stored")
    return Generation(sample_id, index, answer["text"])
