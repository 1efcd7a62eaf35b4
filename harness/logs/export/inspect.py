"""A run as a log of Inspect, which `inspect view` and its data frames read."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.logs.export.rows import Item, Row, Whole

VERSION = 2
"""Of Inspect's format, as inspect_ai 0.3 writes it."""
ENDS = {"stop": "stop", "length": "max_tokens", "filtered": "content_filter",
        "choices": "stop"}  # fmt: skip


class InspectForm:
    """Writes `RUN.eval`: each generation is an epoch of its sample.

    Inspect has no missing score: one that could not be had is left out of a sample's scores, and
    its reason stands in the sample's metadata under `harness_missing`.
    """

    def write(self, whole: Whole, folder: Path) -> Sequence[str]:
        """Write the log."""
        path = folder / f"{whole.run.name}.eval"
        missing, count, summaries = 0, 0, []
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            start = {"version": VERSION, "eval": _spec(whole), "plan": {"name": "plan"}}
            archive.writestr("_journal/start.json", _json(start))
            for item in whole.items():
                for answer in item.answers:
                    sample = _sample(whole, item, answer)
                    missing += len(sample["metadata"].get("harness_missing", ()))
                    count += 1
                    name = f"samples/{sample['id']}_epoch_{sample['epoch']}.json"
                    archive.writestr(name.replace("/../", "/"), _json(sample))
                    summaries.append(_summary(sample))
            archive.writestr("summaries.json", _json(summaries))
            archive.writestr("header.json", _json({**start, **_ending(whole, count)}))
        lines = [f"{path}: {count:,} samples of Inspect's"]
        if missing:
            lines.append(f"{missing:,} scores are missing and left out, with why in the metadata")
        return lines


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _spec(whole: Whole) -> dict[str, Any]:
    """What Inspect's header says of an evaluation."""
    run, identity = whole.run, whole.run.info.identity
    generation = dict(identity["generation"])
    return {
        "eval_id": run.name, "run_id": run.name, "task_id": run.name, "created": whole.started,
        "task": identity["task"], "task_version": identity["task_version"], "task_attribs": {},
        "task_args": dict(identity["options"]), "model": run.info.model, "model_args": {},
        "dataset": {"name": identity["data"], "samples": run.info.samples, "shuffled": False},
        "config": {"epochs": int(generation.get("n", 1)), "epochs_reducer": ["mean"]},
        "packages": {"inspect_ai": "0.3.0", "harness": whole.version},
        "metadata": {"harness": {"identity": json.loads(json.dumps(identity, default=str)),
                                 "metrics": dict(run.info.metrics or {})}},
    }  # fmt: skip


def _ending(whole: Whole, count: int) -> dict[str, Any]:
    by_metric: dict[str, list[Row]] = {}
    for row in whole.headline:
        by_metric.setdefault(row["metric"], []).append(row)
    scores = [
        {"name": metric, "scorer": rows[0]["scorer_id"], "params": {},
         "metrics": {row["name"]: {"name": row["name"], "value": row["estimate"],
                                   "params": {"statistic": row["statistic"]}} for row in rows}}
        for metric, rows in by_metric.items()
    ]  # fmt: skip
    return {
        "status": "success",
        "results": {"total_samples": count, "completed_samples": count, "scores": scores},
        "stats": {"started_at": whole.started, "completed_at": whole.started, "model_usage": {}},
    }


def _sample(whole: Whole, item: Item, answer: Row) -> dict[str, Any]:
    """A generation as a sample of Inspect's."""
    rows = item.scores.get(int(answer["index"]), ())
    missing = {row["metric"]: row["error"] for row in rows if row["value"] is None}
    metadata: dict[str, Any] = item.described
    if missing:
        metadata = {**metadata, "harness_missing": missing}
    sample: dict[str, Any] = {
        "id": item.sample["sample_id"],
        "epoch": int(answer["index"]) + 1,
        "input": [dict(turn) for turn in item.messages],
        "target": item.sample.get("target") or "",
        "messages": [dict(turn) for turn in item.messages],
        "output": {"model": whole.run.info.model, "choices": [], "completion": ""},
        "scores": {row["metric"]: _score(row) for row in rows if row["value"] is not None},
        "metadata": metadata,
        "store": {}, "events": [], "model_usage": {}, "attachments": {},
    }  # fmt: skip
    if answer["error"] is not None:
        words = str(answer["error"])
        sample["error"] = {"message": words, "traceback": words, "traceback_ansi": words}
        return sample
    message = _message(answer)
    end = ENDS.get(str(answer["finish_reason"]), "unknown")
    sample["messages"].append(message)
    sample["output"]["choices"] = [{"message": message, "stop_reason": end}]
    sample["output"]["completion"] = answer["text"] or ""
    prompt_tokens, written_tokens = int(answer["prompt_tokens"]), int(answer["tokens"])
    sample["output"]["usage"] = {
        "input_tokens": prompt_tokens,
        "output_tokens": written_tokens,
        "total_tokens": prompt_tokens + written_tokens,
    }
    return sample


def _message(answer: Row) -> dict[str, Any]:
    text = answer["text"] or ""
    thinking = answer.get("thinking")
    content: Any = text
    if thinking:
        content = [{"type": "reasoning", "reasoning": thinking}, {"type": "text", "text": text}]
    return {"role": "assistant", "content": content, "source": "generate"}


def _score(row: Row) -> dict[str, Any]:
    return {
        "value": row["value"],
        "explanation": row["explanation"],
        "metadata": {"scorer": row["scorer_id"]},
    }


def _summary(sample: Mapping[str, Any]) -> dict[str, Any]:
    scores = {name: {"value": score["value"]} for name, score in sample["scores"].items()}
    fields = {name: sample[name] for name in ("id", "epoch", "input", "target")}
    error = {"error": sample["error"]["message"]} if "error" in sample else {}
    return {**fields, "scores": scores, **error}
