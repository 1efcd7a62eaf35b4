"""A run as Every Eval Ever has one: an aggregate document, and a record a sample and metric."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from math import isinf
from pathlib import Path
from typing import Any
from uuid import UUID

from harness.logs.export.rows import Item, Row, Whole, note_of

SCHEMA = "0.3.0"


class EveryEvalEverForm:
    """Writes `data/TASK/DEVELOPER/MODEL/UUID.json` and the records beside it.

    A record needs a score: where one could not be had there is no record, and how many is said.

    Args:
        organization: that evaluated.
        relationship: to the model: `first_party`, `third_party`, `collaborative` or `other`.
    """

    def __init__(self, organization: str = "unknown", relationship: str = "other") -> None:
        self.organization = organization
        self.relationship = relationship

    def write(self, whole: Whole, folder: Path) -> Sequence[str]:
        """Write both files."""
        developer, _, model = whole.run.info.model.rpartition("/")
        task = str(whole.run.info.identity["task"])
        place = Path("data") / _plain(task) / _plain(developer or "unknown") / _plain(model)
        name = str(_uuid(whole.run.name))
        (folder / place).mkdir(parents=True, exist_ok=True)
        samples = place / f"{name}_samples.jsonl"
        digest, count, lost = hashlib.sha256(), 0, 0
        with (folder / samples).open("w", encoding="utf-8", newline="\n") as file:
            for item in whole.items():
                for record in self._records(whole, item):
                    if record is None:
                        lost += 1
                        continue
                    line = json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n"
                    digest.update(line.encode("utf-8"))
                    file.write(line)
                    count += 1
        document = self._document(whole)
        document["detailed_evaluation_results"] = {
            "format": "jsonl", "file_path": samples.as_posix(), "hash_algorithm": "sha256",
            "checksum": digest.hexdigest(), "total_rows": count,
        }  # fmt: skip
        path = folder / place / f"{name}.json"
        path.write_text(json.dumps(document, indent=2, ensure_ascii=False), "utf-8")
        lines = [f"{path}: {len(document['evaluation_results'])} results", f"{count:,} records"]
        if lost:
            lines.append(f"{lost:,} scores are missing: a record of this schema must have one")
        return [*lines, *(f"not a number, and left out: {words}" for words in whole.lacking)]

    def _document(self, whole: Whole) -> dict[str, Any]:
        run = whole.run
        return {
            "schema_version": SCHEMA,
            "evaluation_id": run.name,
            "evaluation_timestamp": _seconds(whole.started),
            "retrieved_timestamp": _seconds(str(run.info.sessions[-1]["started"])),
            "source_metadata": {
                "source_type": "evaluation_run",
                "source_organization_name": self.organization,
                "evaluator_relationship": self.relationship,
            },
            "eval_library": {"name": "harness", "version": whole.version},
            "model_info": {
                "name": run.info.model, "id": run.info.model,
                "additional_details": {
                    "deployment_type": "unknown", "model_availability": "unknown",
                    "mitigation": run.info.mitigation,
                },
            },
            "evaluation_results": [self._result(whole, row) for row in whole.headline],
        }  # fmt: skip

    def _result(self, whole: Whole, row: Row) -> dict[str, Any]:
        """One estimate."""
        identity = whole.run.info.identity
        low, high = whole.run.range_of(row["metric"], row["statistic"])
        uncertainty: dict[str, Any] = {"num_samples": row["n_scored"]}
        if row["stderr"] is not None:
            uncertainty["standard_error"] = {"value": row["stderr"]}
        if row["low"] is not None:
            uncertainty["confidence_interval"] = {
                "lower": row["low"], "upper": row["high"], "confidence_level": 0.95,
            }  # fmt: skip
        return {
            "evaluation_result_id": f"{whole.run.name}/{row['name']}",
            "evaluation_name": f"{identity['task']}/{row['name']}",
            "source_data": {
                "dataset_name": f"{identity['task']} {identity['data']}", "source_type": "other",
                "additional_details": {"sha256": identity["data_sha256"]},
            },
            "metric_config": {
                "metric_name": row["metric"], "evaluation_description": note_of(row),
                "lower_is_better": row["better"] == "lower", "score_type": "continuous",
                "min_score": _bound(low), "max_score": _bound(high),
            },
            "score_details": {
                "score": row["estimate"], "uncertainty": uncertainty,
                "details": {name: str(row[name]) for name in
                            ("statistic", "n", "n_scored", "n_failed", "worst", "best",
                             "scorer_id", "validity")},
            },
        }  # fmt: skip

    def _records(self, whole: Whole, item: Item) -> Iterator[dict[str, Any] | None]:
        """A record for each score of a sample; None where it could not be had."""
        identity = whole.run.info.identity
        target = item.sample.get("target")
        multi = len(item.messages) > 1
        asked = item.messages[-1]["content"]
        for answer in item.answers:
            text, error = answer["text"] or "", answer["error"]
            for row in item.scores.get(int(answer["index"]), ()):
                if row["value"] is None:
                    yield None
                    continue
                messages = [*item.messages, {"role": "assistant", "content": text}]
                turns = [{"turn_idx": at, **turn} for at, turn in enumerate(messages)]
                yield {
                    "schema_version": SCHEMA, "evaluation_id": whole.run.name,
                    "model_id": whole.run.info.model,
                    "evaluation_name": f"{identity['task']}/{row['metric']}",
                    "sample_id": item.sample["sample_id"],
                    "interaction_type": "multi_turn" if multi else "single_turn",
                    "input": {"raw": asked, "reference": [target] if target else []},
                    "output": None if multi else {"raw": [text]},
                    "messages": turns if multi else None,
                    "answer_attribution": [],
                    "evaluation": {
                        "score": row["value"], "is_correct": False, "num_turns": len(turns),
                    },
                    "token_usage": _usage(answer), "error": error,
                    "metadata": {
                        **{name: str(value) for name, value in item.described.items()},
                        "index": str(answer["index"]), "scorer": row["scorer_id"],
                        "is_correct": "not a question of right and wrong; always false here",
                    },
                }  # fmt: skip


def _usage(answer: Row) -> dict[str, int]:
    prompt_tokens, written_tokens = int(answer["prompt_tokens"]), int(answer["tokens"])
    return {
        "input_tokens": prompt_tokens,
        "output_tokens": written_tokens,
        "total_tokens": prompt_tokens + written_tokens,
    }


def _bound(value: float) -> float | str:
    if isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value


def _seconds(moment: str) -> str:
    return str(datetime.fromisoformat(moment).timestamp())


def _plain(name: str) -> str:
    """A name as a folder's, without what a path could be built of."""
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in name).strip(".") or "unknown"


def _uuid(name: str) -> UUID:
    """A version 4 UUID that is the same for the same run."""
    return UUID(bytes=hashlib.sha256(name.encode()).digest()[:16], version=4)
