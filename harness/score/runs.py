"""The generations of a run of ours, as answers that are stored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harness.bridges.files.rows import Rows
from harness.bridges.files.spool import Spool
from harness.bridges.files.stored import Stored, answers_stored
from harness.store import FIXED_COLUMNS, FinishedRun, Row

ANSWER = ("text", "error")
"""What is kept of an answer."""


def of_run(folder: Path) -> Stored:
    """The generations of a run of ours.

    Raises:
        NotFinished: it is not the folder of a finished run.
        HarnessError: it has no generation, or cannot be read.
    """
    run = FinishedRun.read(folder, "run")
    run.info.check_one_history(folder.name)
    spool = Spool()
    for part in run.sample_parts():
        for sample in part.to_pylist():
            spool.begin(sample["sample_id"]).asked = asked = _asked(sample)
            spool.kinds.add(asked["metadata"])
            spool.weigh(len(sample["prompt"]))
    for answer in run.answers(["sample_id", "index", "text", "error"]):
        question = spool.find(answer["sample_id"])
        if question is None:
            continue
        while len(question.answers) <= answer["index"]:
            question.answers.append(dict.fromkeys(ANSWER))
        question.answers[answer["index"]] = {name: answer[name] for name in ANSWER}
        spool.weigh(len(answer["text"] or ""))
    return answers_stored(folder.name, Rows(spool), run.info.model, str(folder))


def _asked(sample: Row) -> dict[str, Any]:
    """A sample as a file of answers has it."""
    return {
        "id": sample["sample_id"],
        "prompt": json.loads(sample["messages"]) if sample.get("messages") else sample["prompt"],
        "cluster": sample["cluster"],
        "metadata": {k: v for k, v in sample.items() if k not in FIXED_COLUMNS},
    }
