"""Logs of Inspect (UK AI Security Institute): `.eval`, an archive, and `.json`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.bridges.logs.archive import Archive, Member, Unpackable, opened
from harness.bridges.logs.chats import message_text, turns
from harness.bridges.logs.head import Head, look
from harness.bridges.logs.log import OPEN, UNIT, Answer, Log
from harness.bridges.logs.reading import items_of, pairs_before, walked
from harness.data import FILE_CUT
from harness.types import Direction, HarnessError, Metric, Unreadable

NEWEST = 2
"""The version of the format that inspect_ai 0.3 writes; logs of before May 2024 count otherwise."""
GRADES = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0}
"""Correct, partial, incorrect and no answer, as inspect_ai's `value_to_float` has them."""
ENDS = {"stop": "stop", "max_tokens": "length", "model_length": "length",
        "content_filter": "filtered"}  # fmt: skip
ATTACHED = re.compile(r"(?:attachment|tc)://([0-9a-f]{32})")
BY_INSPECT = (
    "an inspect_ai that reads such logs is asked by format=inspect_ai: pip install "
    '"harness[inspect]"'
)


class InspectLog:
    """Reads what `inspect eval` wrote; each epoch is an answer to its question."""

    tool = "inspect_ai"

    def recognises(self, head: Head) -> bool:
        """By its members, or by the keys that every log has."""
        if head.is_archive:
            names = set(head.members)
            return "header.json" in names or "_journal/start.json" in names
        return {"eval", "version"} <= set(head.keys) and "status" in head.keys

    def read(self, path: Path) -> Log:
        """The log; samples are read one at a time.

        Raises:
            HarnessError: it has no samples, or a later version wrote it.
            Unreadable: it is cut off, or packed by what is not installed.
        """
        if not look(path).is_archive:
            return read_samples(path, _header_of_json(path), items_of(path, "samples.item"))
        with opened(path) as archive:
            header = _header_of_archive(archive, path)
            return read_samples(path, header, _samples_of_archive(archive))


def read_samples(
    path: Path, header: Mapping[str, Any], samples: Iterable[Mapping[str, Any]]
) -> Log:
    """The log of a header and samples, both as Inspect's JSON has them.

    Raises:
        HarnessError: a later version wrote it.
    """
    log = _begun(header, path)
    for sample in samples:
        _add(log, sample)
    status = header.get("status", "started")
    if status != "success":
        log.notes.append(f"{path.name}: the evaluation ended with status {status!r}")
    return log


def _begun(header: Mapping[str, Any], path: Path) -> Log:
    """The log without its samples."""
    version = header.get("version")
    if not isinstance(version, int):
        raise Unreadable(f"{str(path)!r} is no log of Inspect: its version is {version!r}")
    if version > NEWEST:
        raise HarnessError(
            f"{str(path)!r} is of version {version} of Inspect's format, and versions up to "
            f"{NEWEST} are read; {BY_INSPECT}"
        )
    about = header.get("eval") or {}
    packages = about.get("packages") or {}
    task = f"{about.get('task', 'unknown')} {about.get('task_version', '')}".strip()
    ours = ((about.get("metadata") or {}).get("harness") or {}).get("metrics") or {}
    return Log(
        "inspect_ai",
        str(packages.get("inspect_ai") or "unknown"),
        str(about.get("model") or "unknown"),
        task,
        metrics={
            name: Metric(part["low"], part["high"], Direction(part["better"]))
            for name, part in ours.items()
        },
    )


def _add(log: Log, sample: Mapping[str, Any]) -> None:
    """Keep a sample: its question, what the model wrote last, and its scores."""
    if "score" in sample:
        raise HarnessError(
            f"sample {sample.get('id')!r} has a `score` and no `scores`, as early versions of "
            f"Inspect wrote it; {BY_INSPECT}"
        )
    attached = sample.get("attachments") or {}
    messages = _resolved(sample.get("messages") or [], attached)
    output = _resolved(sample.get("output") or {}, attached)
    while messages and messages[-1].get("role") != "user" and messages[-1].get("role") != "tool":
        if messages[-1].get("role") == "system":
            break
        messages = messages[:-1]
    sample_input = _resolved(sample.get("input"), attached)
    asked: Any = turns(messages) if messages else sample_input
    if isinstance(asked, list) and not messages:
        asked = turns(asked)
    described = {f"inspect {k}": v for k, v in (sample.get("metadata") or {}).items()}
    target = sample.get("target")
    place = log.add(
        str(sample["id"]),
        asked,
        _answer(sample, output),
        index=int(sample.get("epoch") or 1) - 1,
        target=target if isinstance(target, str) else None,
        described=described,
    )
    for name, reason in ((sample.get("metadata") or {}).get("harness_missing") or {}).items():
        log.score(place, name, None, OPEN, reason)
    for name, score in (sample.get("scores") or {}).items():
        for metric, value in _values(name, score.get("value")):
            number = GRADES.get(value) if isinstance(value, str) else value
            meaning = UNIT if isinstance(value, str | bool) else OPEN
            words = score.get("explanation") or score.get("answer")
            log.score(place, metric, _number(number, value), meaning, explanation=words)


def _values(name: str, value: object) -> list[tuple[str, Any]]:
    """A score's value, or each part of one that has several."""
    if isinstance(value, Mapping):
        return [(f"{name}.{part}", of_part) for part, of_part in value.items()]
    if isinstance(value, list):
        return [(f"{name}.{number}", of_part) for number, of_part in enumerate(value)]
    return [(name, value)]


def _number(number: object, value: object) -> object:
    """The value as a number where it is one, as inspect_ai reads it."""
    if number is not None or not isinstance(value, str):
        return number
    if value.lower() in ("yes", "true"):
        return 1.0
    if value.lower() in ("no", "false"):
        return 0.0
    try:
        return float(value)
    except ValueError:
        return value


def _answer(sample: Mapping[str, Any], output: Mapping[str, Any]) -> Answer:
    error = sample.get("error")
    choices = output.get("choices") or []
    usage = output.get("usage") or {}
    seconds = output.get("time")
    counts: dict[str, Any] = {
        "prompt_tokens": int(usage.get("input_tokens") or 0),
        "tokens": int(usage.get("output_tokens") or 0),
        "seconds": float(seconds) if isinstance(seconds, int | float) else None,
    }
    if error is not None or output.get("error"):
        words = error.get("message") if isinstance(error, Mapping) else error
        reason = f"inspect_ai: {words or output.get('error')}"
        return Answer(error=reason, finish_reason="error", **counts)
    if not choices:
        return Answer(error="inspect_ai keeps no answer", finish_reason="error", **counts)
    words = message_text(choices[0]["message"].get("content"))
    end = ENDS.get(str(choices[0].get("stop_reason")), "unknown")
    return Answer(words.text, finish_reason=end, thinking=words.thinking, **counts)


def _resolved(value: Any, attached: Mapping[str, str]) -> Any:
    """A value with the texts in the place of the references to them."""
    if isinstance(value, str):
        return ATTACHED.sub(lambda match: attached.get(match[1], match[0]), value)
    if isinstance(value, list):
        return [_resolved(part, attached) for part in value]
    if isinstance(value, Mapping):
        return {key: _resolved(part, attached) for key, part in value.items()}
    return value


def _header_of_json(path: Path) -> Mapping[str, Any]:
    """All that stands before the samples."""
    return dict(pairs_before(path, "samples"))


def _header_of_archive(archive: Archive, path: Path) -> Mapping[str, Any]:
    member = archive.find("header.json") or archive.find("_journal/start.json")
    if member is None:
        raise Unreadable(f"{str(path)!r} is no log of Inspect: it has no header")
    header: Mapping[str, Any] = _json_of(archive, member)
    return header


def _samples_of_archive(archive: Archive) -> Iterator[Mapping[str, Any]]:
    for member in archive:
        if member.name.startswith("samples/") and member.name.endswith(".json"):
            yield _json_of(archive, member)
            walked(member.packed)


def _json_of(archive: Archive, member: Member) -> Any:
    try:
        return json.loads(archive.read(member))
    except Unpackable as error:
        raise Unpackable(
            f"{error}, and Deflate and Zstandard are read; write it anew with inspect log convert"
        ) from error
    except ValueError as error:
        raise Unreadable(
            f"{str(archive.path)!r}: {member.name} cannot be read ({error}); {FILE_CUT}"
        ) from error
