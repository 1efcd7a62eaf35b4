"""Reports of garak (NVIDIA): one line an entry, each attempt at least twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.bridges.logs.chats import turns
from harness.bridges.logs.head import Head
from harness.bridges.logs.log import HIT, Answer, Log
from harness.bridges.logs.reading import lines_of

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
        attempts = _Attempts(log)
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
                attempts.take(entry)
            elif kind == "eval":
                attempts.check_count(entry)
        log.task = ", ".join(attempts.probes)
        return log


class _Attempts:
    """The attempts of a report, each as its last line has it, and how many outputs were seen."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.probes: dict[str, None] = {}
        self._statuses = log.spool.shelf()
        self._seen: Counter[tuple[str, str]] = Counter()
        """By probe and detector how many outputs have a score."""

    def take(self, attempt: Mapping[str, Any]) -> None:
        """Keep an attempt, unless a later line of it was there before."""
        name, status = str(attempt["uuid"]), int(attempt.get("status") or 0)
        self.probes[str(attempt.get("probe_classname"))] = None
        known = self._statuses.get(name)
        if known is not None:
            if status < known["status"]:
                return
            self._count(known, -1)
            self.log.forget(name)
        seen = {
            detector: sum(value is not None for value in values)
            for detector, values in (attempt.get("detector_results") or {}).items()
            if status == EVALUATED
        }
        known = {
            "status": status, "probe": str(attempt.get("probe_classname")), "seen": seen,
            "outputs": len(attempt.get("outputs") or [None]),
        }  # fmt: skip
        self._count(known, 1)
        self._statuses[name] = known
        _add(self.log, attempt)

    def _count(self, attempt: Mapping[str, Any], times: int) -> None:
        for detector, count in attempt["seen"].items():
            self._seen[attempt["probe"], detector] += times * count
        if attempt["status"] < EVALUATED:
            unseen = "{} outputs were not seen by any detector"
            self.log.counts[unseen] += times * attempt["outputs"]

    def check_count(self, entry: Mapping[str, Any]) -> None:
        """Note a summary that counts what does not stand in the file."""
        probe, detector = str(entry.get("probe")), str(entry.get("detector"))
        total, held = entry.get("total_evaluated", entry.get("total")), self._seen[probe, detector]
        if isinstance(total, int) and total != held:
            self.log.notes.append(
                f"the report's summary of {probe} by {detector} counts {total} outputs, and the "
                f"file holds {held}; only these are read"
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
