"""Reports of garak (NVIDIA): one line an entry, each attempt at least twice."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.bridges.logs.chats import turns
from harness.bridges.logs.head import Head
from harness.bridges.logs.log import HIT, Answer, Log, lines_of

EVALUATED = 2
"""The status of an attempt whose outputs detectors have seen; 1: they have not yet."""


class GarakReport:
    """Reads `*.report.jsonl`; an attempt counts once, by its last line.

    A detector's score is 1 where it found what it looks for, so that lower is better.
    """

    tool = "garak"

    def recognises(self, head: Head) -> bool:
        """By the entries that a report begins with."""
        kinds = {line.get("entry_type") for line in head.lines}
        return bool(kinds & {"start_run setup", "init"}) or "attempt" in kinds

    def read(self, path: Path) -> Log:
        """The attempts of a report.

        Raises:
            Unreadable: a line is no JSON object.
        """
        log = Log(self.tool, "unknown", "unknown", "unknown")
        attempts: dict[str, Mapping[str, Any]] = {}
        probes: dict[str, None] = {}
        for _, entry in lines_of(path):
            kind = entry.get("entry_type")
            if kind == "start_run setup":
                name = entry.get("plugins.target_name") or entry.get("plugins.model_name")
                family = entry.get("plugins.target_type") or entry.get("plugins.model_type")
                log.model = str(name or family or "unknown")
                log.version = str(entry.get("_config.version") or log.version)
            elif kind == "init":
                log.version = str(entry.get("garak_version") or log.version)
            elif kind == "attempt":
                known = attempts.get(str(entry["uuid"]))
                if known is None or int(entry.get("status") or 0) >= int(known.get("status") or 0):
                    attempts[str(entry["uuid"])] = entry
                probes[str(entry.get("probe_classname"))] = None
            elif kind == "eval":
                _check_count(log, entry, attempts)
        log.task = ", ".join(probes)
        for attempt in attempts.values():
            _add(log, attempt)
        return log


def _check_count(log: Log, entry: Mapping[str, Any], attempts: Mapping[str, Any]) -> None:
    """Note a summary that counts what does not stand in the file."""
    probe, detector = str(entry.get("probe")), str(entry.get("detector"))
    total = entry.get("total_evaluated", entry.get("total"))
    there = sum(
        sum(value is not None for value in attempt.get("detector_results", {}).get(detector, ()))
        for attempt in attempts.values()
        if attempt.get("probe_classname") == probe and attempt.get("status") == EVALUATED
    )
    if isinstance(total, int) and total != there:
        log.notes.append(
            f"the report's summary of {probe} by {detector} counts {total} outputs, and the file "
            f"holds {there}; only these are read"
        )


def _add(log: Log, attempt: Mapping[str, Any]) -> None:
    """Keep an attempt: its prompt, each output, and what each detector makes of it."""
    name = str(attempt["uuid"])
    prompt = _prompt(attempt.get("prompt"))
    described = {
        "probe": attempt.get("probe_classname"),
        "goal": attempt.get("goal"),
        "seq": attempt.get("seq"),
    }
    seen = int(attempt.get("status") or 0) >= EVALUATED
    results = attempt.get("detector_results") or {}
    for index, output in enumerate(attempt.get("outputs") or [None]):
        text = output.get("text") if isinstance(output, Mapping) else output
        lost = None if isinstance(text, str) else "garak has no output"
        place = log.add(
            name,
            prompt,
            Answer(text, lost, "error" if lost else "unknown"),
            index=index,
            described=described,
        )
        for detector, values in results.items():
            value = values[index] if index < len(values) else None
            log.score(place, detector, value, HIT, "garak's detector gives no score")
        if not seen:
            log.counts["{} outputs were not seen by any detector"] += 1


def _prompt(prompt: object) -> Any:
    """A prompt of today's reports, which has turns, or of last year's, which is a text."""
    if not isinstance(prompt, Mapping):
        return "" if prompt is None else str(prompt)
    if "turns" not in prompt:
        return str(prompt.get("text") or "")
    messages = [
        {"role": turn.get("role"), "content": (turn.get("content") or {}).get("text") or ""}
        for turn in prompt["turns"]
    ]
    if len(messages) == 1 and messages[0]["role"] == "user":
        return str(messages[0]["content"])
    return turns(messages)
