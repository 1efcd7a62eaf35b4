"""Output of OpenAI's batch interface, joined with the requests by their custom id."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.bridges.logs.chats import message_text, turns
from harness.bridges.logs.head import Head
from harness.bridges.logs.log import Answer, Log
from harness.bridges.logs.reading import lines_of
from harness.data import READERS
from harness.types import HarnessError

ENDS = {"stop": "stop", "length": "length", "content_filter": "filtered"}


class OpenAiBatch:
    """Reads a folder with the batch's input and output files, or its output alone."""

    tool = "openai batch"

    def recognises(self, head: Head) -> bool:
        """By the keys of a line, or a folder whose files are of the two kinds."""
        if head.members and not head.is_archive:
            return any(_is_output(line) for line in _first_lines(head.path))
        return any(_is_output(line) for line in head.lines)

    def read(self, path: Path) -> Log:
        """Each answer, with its request where that is there.

        Raises:
            HarnessError: a custom id stands twice among the requests.
        """
        log = Log(self.tool, "unknown", "unknown", path.stem)
        requests, outputs = log.spool.shelf(), log.spool.shelf()
        for file in sorted(path.rglob("*.jsonl")) if path.is_dir() else [path]:
            for number, line in lines_of(file):
                name = str(line.get("custom_id"))
                if _is_output(line):
                    outputs[name] = line
                elif "body" in line:
                    if name in requests:
                        raise HarnessError(
                            f"{file.name}, line {number}: custom_id {name!r} stands twice among "
                            "the requests; answers cannot be told apart by it"
                        )
                    requests[name] = line["body"]
        if not requests:
            log.notes.append(
                f"{path.name} holds no requests: prompts are missing; put the batch's input and "
                "output files into one folder and name that"
            )
        models: dict[str, None] = {}
        for name in requests or outputs:
            _add(log, name, requests.get(name, {}), outputs.get(name), models)
        if extra := sum(name not in requests for name in outputs) if requests else 0:
            log.notes.append(f"{extra} answers have no request in {path.name} and are left out")
        if len(models) > 1:
            raise HarnessError(
                f"{str(path)!r} holds answers of {len(models)} models ({', '.join(models)}): put "
                "each one's into a folder of its own"
            )
        log.model = next(iter(models), "unknown")
        return log


def _is_output(line: Mapping[str, Any]) -> bool:
    return {"custom_id", "response"} <= line.keys()


def _first_lines(folder: Path) -> list[Mapping[str, Any]]:
    files = [f for f in sorted(folder.rglob("*")) if f.suffix == ".jsonl" and f.suffix in READERS]
    first: list[Mapping[str, Any]] = []
    for file in files:
        try:
            first += [line for _, line in [next(iter(lines_of(file)), (0, {}))]]
        except HarnessError:
            continue
    return first


def _add(
    log: Log,
    name: str,
    body: Mapping[str, Any],
    output: Mapping[str, Any] | None,
    models: dict[str, None],
) -> None:
    """Keep what came back for a request, or why nothing did."""
    messages = body.get("messages", body.get("input"))
    prompt: Any = turns(messages) if isinstance(messages, list) else messages
    if prompt is None:
        prompt = body.get("prompt") or ""
    response = (output or {}).get("response") or {}
    answered = response.get("body") or {}
    error = _error(output, response, answered)
    usage = answered.get("usage") or {}
    counts: dict[str, Any] = {
        "prompt_tokens": int(usage.get("prompt_tokens", usage.get("input_tokens")) or 0),
        "tokens": int(usage.get("completion_tokens", usage.get("output_tokens")) or 0),
    }
    if answered.get("model"):
        models[str(answered["model"])] = None
    if error is not None:
        log.add(name, prompt, Answer(error=error, finish_reason="error", **counts))
        return
    choices = answered.get("choices")
    if choices is None:  # of the Responses interface
        words = message_text(
            [p for item in answered.get("output") or () for p in item.get("content") or ()]
        )
        log.add(name, prompt, Answer(words.text, thinking=words.thinking, **counts))
        return
    for choice in choices:
        message = choice.get("message") or {}
        text = message.get("refusal") or message.get("content", choice.get("text"))
        words = message_text(text)
        end = ENDS.get(str(choice.get("finish_reason")), "unknown")
        thinking = message.get("reasoning_content") or words.thinking
        log.add(name, prompt, Answer(words.text, None, end, thinking=thinking, **counts))


def _error(
    output: Mapping[str, Any] | None, response: Mapping[str, Any], body: Mapping[str, Any]
) -> str | None:
    """Why there is no answer; None: there is one."""
    if output is None:
        return "the batch's output has no line for this request"
    problem = output.get("error") or body.get("error")
    status = response.get("status_code")
    if problem or status not in (None, 200):
        words = problem.get("message") if isinstance(problem, Mapping) else problem
        return f"status {status}: {words}"
    return None if body else "the batch's output is empty"
