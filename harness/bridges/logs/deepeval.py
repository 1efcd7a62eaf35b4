"""Test runs of DeepEval: the saved test run, or the dumped result of `evaluate`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.bridges.logs.chats import turns
from harness.bridges.logs.head import Head
from harness.bridges.logs.log import UNIT, Answer, Log
from harness.bridges.logs.reading import items_of


class DeepEvalRun:
    """Reads test cases of one turn and of several; each metric's score is from 0 to 1."""

    tool = "deepeval"

    def recognises(self, head: Head) -> bool:
        """By the keys of either document."""
        return "test_results" in head.keys or "testCases" in head.keys

    def read(self, path: Path) -> Log:
        """Each test case.

        Raises:
            Unreadable: it is no whole JSON document.
        """
        task = next(items_of(path, "identifier"), None) or path.stem
        log = Log(self.tool, "unknown", "unknown", str(task))
        log.notes.append("DeepEval's files name neither the model that answered nor its version")
        for prefix in ("test_results.item", "testCases.item", "conversationalTestCases.item"):
            for case in items_of(path, prefix):
                _add(log, case)
        return log


def _of(case: Mapping[str, Any], name: str) -> Any:
    """A field under either spelling: `actualOutput` or `actual_output`."""
    head, *words = name.split("_")
    return case.get(name, case.get(head + "".join(word.title() for word in words)))


def _add(log: Log, case: Mapping[str, Any]) -> None:
    """Keep a case with what each metric makes of it."""
    messages = _of(case, "turns")
    prompt: Any = _of(case, "input") or ""
    text = _of(case, "actual_output")
    if messages:
        conversation = turns(messages)
        while conversation and conversation[-1]["role"] != "assistant":
            conversation.pop()
        text = conversation.pop()["content"] if conversation else None
        prompt = conversation or ""
    lost = None if isinstance(text, str) else "deepeval keeps no output"
    place = log.add(
        str(case.get("name") or _of(case, "index")),
        prompt,
        Answer(
            text if lost is None else None, lost, "error" if lost else "unknown",
            seconds=_of(case, "run_duration"),
        ),
        target=_of(case, "expected_output"),
        described=_of(case, "metadata") or {},
    )  # fmt: skip
    for metric in _of(case, "metrics_data") or ():
        error = metric.get("error")
        reason = f"deepeval: {error}" if error else None
        score = None if error else metric.get("score")
        log.score(place, str(metric["name"]), score, UNIT, reason, metric.get("reason"))
    success = case.get("success")
    if success is not None:
        log.score(place, "passed", bool(success), UNIT)
