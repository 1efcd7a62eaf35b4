"""Results of promptfoo: `promptfoo eval -o out.json`, version 3."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.bridges.logs.chats import message_text
from harness.bridges.logs.head import Head
from harness.bridges.logs.log import OPEN, UNIT, Answer, Log, question_id
from harness.bridges.logs.reading import items_of, pairs_of
from harness.types import HarnessError

VERSION = 3
ERROR = 2
"""`failureReason` of a case whose provider failed; 1: an assertion did."""


class PromptfooResults:
    """Reads the results of one provider; a prompt's rendering by a test is a question."""

    tool = "promptfoo"

    def recognises(self, head: Head) -> bool:
        """By the keys of its document."""
        return {"evalId", "results"} <= set(head.keys)

    def read(self, path: Path) -> Log:
        """Each test of each prompt.

        Raises:
            HarnessError: it is of another version, or of several providers.
        """
        version = next(items_of(path, "results.version"), None)
        if version != VERSION:
            raise HarnessError(
                f"{str(path)!r} is of version {version} of promptfoo's results, and version "
                f"{VERSION} is read; export it anew with promptfoo export"
            )
        metadata = dict(next(items_of(path, "metadata"), None) or {})
        written_by = str(metadata.get("promptfooVersion") or "unknown")
        described = next((v for k, v in pairs_of(path, "config") if k == "description"), None)
        providers: dict[str, None] = {}
        log = Log(self.tool, written_by, "unknown", str(described or "unnamed"))
        for result in items_of(path, "results.results.item"):
            providers[_provider(result)] = None
            _add(log, result)
        if len(providers) > 1:
            names = ", ".join(providers)
            raise HarnessError(
                f"{str(path)!r} holds answers of {len(providers)} providers ({names}): export each "
                "with promptfoo eval --filter-providers, and score each by itself"
            )
        log.model = next(iter(providers), "unknown")
        return log


def _provider(result: Mapping[str, Any]) -> str:
    provider = result.get("provider") or {}
    if isinstance(provider, str):
        return provider
    return str(provider.get("label") or provider.get("id") or "unknown")


def _add(log: Log, result: Mapping[str, Any]) -> None:
    """Keep a case: the rendered prompt, the output, each assertion and the whole."""
    prompt = str((result.get("prompt") or {}).get("raw") or "")
    response = result.get("response") or {}
    metadata = {k: v for k, v in (result.get("metadata") or {}).items() if not k.startswith("_")}
    usage = response.get("tokenUsage") or {}
    latency = result.get("latencyMs")
    place = log.add(
        f"{result.get('testIdx')}-{result.get('promptIdx')}-{question_id(prompt)}",
        prompt,
        replace(
            _answer(result, response),
            prompt_tokens=int(usage.get("prompt") or 0),
            tokens=int(usage.get("completion") or 0),
            seconds=None if latency is None else latency / 1000,
        ),
        described={**metadata, "prompt_label": (result.get("prompt") or {}).get("label")},
    )
    failed = result.get("failureReason") == ERROR
    reason = f"promptfoo: {result.get('error')}" if failed else None
    score = None if failed else result.get("score")
    passed = None if failed else bool(result.get("success"))
    log.score(place, "score", score, UNIT, reason, result.get("error"))
    log.score(place, "passed", passed, UNIT, reason)
    for name, value in (result.get("namedScores") or {}).items():
        log.score(place, f"named.{name}", value, OPEN, reason)
    kinds: dict[str, int] = {}
    for part in (result.get("gradingResult") or {}).get("componentResults") or ():
        kind = str((part.get("assertion") or {}).get("type") or "assertion")
        kinds[kind] = kinds.get(kind, 0) + 1
        name = f"assert.{kind}" + (f".{kinds[kind]}" if kinds[kind] > 1 else "")
        log.score(place, name, part.get("score"), UNIT, None, part.get("reason"))


def _answer(result: Mapping[str, Any], response: Mapping[str, Any]) -> Answer:
    """An output's text, or why there is none."""
    output = response.get("output")
    if output is None:
        words = response.get("error") or result.get("error") or "no output"
        return Answer(None, f"promptfoo: {words}", "error")
    if isinstance(output, str):
        return Answer(output)
    if isinstance(output, list):
        return Answer(message_text(output).text)
    return Answer(json.dumps(output, ensure_ascii=False))
