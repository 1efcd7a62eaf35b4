"""Reviews of EvalScope (ModelScope): a line a sample, with its messages and scores."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from harness.bridges.logs.chats import message_text, turns
from harness.bridges.logs.head import Head
from harness.bridges.logs.log import OPEN, UNIT, Answer, Log
from harness.bridges.logs.reading import lines_of

SHARES = ("acc", "accuracy", "exact_match", "em", "pass@1")


class EvalScopeReviews:
    """Reads `reviews/MODEL/TASK.jsonl`, whose last message is the model's answer."""

    tool = "evalscope"

    def recognises(self, head: Head) -> bool:
        """By the keys of a line."""
        return any({"index", "messages", "sample_score"} <= line.keys() for line in head.lines)

    def read(self, path: Path) -> Log:
        """Each review.

        Raises:
            Unreadable: a line is no JSON object.
        """
        log = Log(self.tool, "unknown", "unknown", path.stem.removeprefix("reviews_"))
        for _, line in lines_of(path):
            messages = list(line["messages"])
            last = messages.pop() if messages and messages[-1]["role"] == "assistant" else None
            if last and last.get("model"):
                log.model = str(last["model"])
            words = message_text(last.get("content")) if last else None
            perf = (last or {}).get("perf_metrics") or {}
            answer = (
                Answer(error="evalscope keeps no answer", finish_reason="error")
                if words is None
                else Answer(
                    words.text, thinking=words.thinking, seconds=perf.get("latency"),
                    prompt_tokens=int(perf.get("input_tokens") or 0),
                    tokens=int(perf.get("output_tokens") or 0),
                )
            )  # fmt: skip
            score = line["sample_score"]
            place = log.add(
                str(score.get("group_id", line["index"])),
                turns(messages),
                answer,
                target=line.get("target") if isinstance(line.get("target"), str) else None,
                described=score.get("sample_metadata") or {},
            )
            values = (score.get("score") or {}).get("value") or {}
            for name, value in values.items() if isinstance(values, Mapping) else ():
                meaning = UNIT if name.lower() in SHARES else OPEN
                explanation = (score.get("score") or {}).get("explanation")
                log.score(place, name, value, meaning, explanation=explanation)
        return log
