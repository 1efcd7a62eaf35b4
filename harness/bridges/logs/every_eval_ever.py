"""Every Eval Ever: instance-level records, a line each, of the evaluation-cards schema."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.bridges.files.spool import Shelf
from harness.bridges.logs.chats import turns
from harness.bridges.logs.head import Head, look
from harness.bridges.logs.log import OPEN, UNIT, Answer, Log
from harness.bridges.logs.reading import lines_of
from harness.types import HarnessError

NEWEST = (0, 3)
"""The schema's version, of which a later one may mean something else by the same names."""
NEEDED = {"schema_version", "evaluation_id", "sample_id", "evaluation", "interaction_type"}


class EveryEvalEver:
    """Reads `*_samples.jsonl`; a record that gives a sample another score is the same answer."""

    tool = "every_eval_ever"

    def recognises(self, head: Head) -> bool:
        """By the keys of a record, or of the aggregate document, which has no samples."""
        aggregate = {"schema_version", "evaluation_results"} <= set(head.keys)
        return aggregate or any(line.keys() >= NEEDED for line in head.lines)

    def read(self, path: Path) -> Log:
        """Each sample.

        Raises:
            HarnessError: the file holds aggregates alone, or several models' records, or a later
                version of the schema's.
        """
        if not any(line.keys() >= NEEDED for line in look(path).lines):
            raise HarnessError(
                f"{str(path)!r} holds aggregate results without samples; name the file of "
                "instance-level records beside it"
            )
        log = Log(self.tool, "unknown", "unknown", "unknown")
        places = log.spool.shelf()
        models: dict[str, None] = {}
        for number, record in lines_of(path):
            if lacking := NEEDED - record.keys():
                raise HarnessError(
                    f"{path.name}, line {number} lacks {', '.join(sorted(lacking))}, which every "
                    "record of the schema has"
                )
            log.version, log.task = str(record["schema_version"]), str(record["evaluation_id"])
            _check_version(log.version, path)
            models[str(record.get("model_id"))] = None
            _add(log, record, places)
        if len(models) > 1:
            raise HarnessError(
                f"{str(path)!r} holds records of {len(models)} models ({', '.join(models)}): write "
                "each one's into a file of its own"
            )
        log.model = next(iter(models), "unknown")
        return log


def _check_version(version: str, path: Path) -> None:
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if numbers > NEWEST:
        raise HarnessError(
            f"{str(path)!r} is of version {version} of Every Eval Ever's schema, and versions up "
            f"to {'.'.join(map(str, NEWEST))} are read"
        )


def _add(log: Log, record: Mapping[str, Any], places: Shelf) -> None:
    """Keep a record; one with the same output to the same sample is of the same answer."""
    record_input = record.get("input") or {}
    messages = record.get("messages") or []
    outputs = (record.get("output") or {}).get("raw") or []
    if messages:
        prompt: Any = turns(messages)
        text = prompt.pop()["content"] if prompt and prompt[-1]["role"] == "assistant" else None
        outputs = [] if text is None else [text]
    else:
        prompt = record_input.get("formatted") or record_input.get("raw") or ""
    usage = record.get("token_usage") or {}
    latency = (record.get("performance") or {}).get("latency_ms")
    error = record.get("error") or (None if outputs else "the record has no output")
    name = str(record["sample_id"])
    key = json.dumps([name, outputs])
    index = places.get(key)
    if index is None:
        references = record_input.get("reference") or [None]
        _, index = log.add(
            name,
            prompt,
            Answer(
                None if error else outputs[0], error and f"the record's error: {error}",
                "error" if error else "unknown",
                prompt_tokens=int(usage.get("input_tokens") or 0),
                tokens=int(usage.get("output_tokens") or 0),
                seconds=None if latency is None else latency / 1000,
            ),
            target=references[0],
            described=record.get("metadata") or {},
        )  # fmt: skip
        places[key] = index
        if len(outputs) > 1:
            log.counts["{} records hold several outputs, of which the first is kept"] += 1
    evaluation = record["evaluation"]
    metric = str(record.get("evaluation_name") or "score")
    lost = None if not error else f"the record's error: {error}"
    log.score((name, index), metric, None if error else evaluation.get("score"), OPEN, lost)
    correct = evaluation.get("is_correct")
    if "is_correct" in (record.get("metadata") or {}):
        return  # written by a tool that says there that it is no question of right and wrong
    log.score((name, index), f"{metric} correct", None if error else correct, UNIT, lost)
