"""Logs of Inspect (UK AI Security Institute): `.eval`, an archive, and `.json`."""

from __future__ import annotations

import json
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from harness.bridges.logs.chats import said, turns
from harness.bridges.logs.head import Head, look
from harness.bridges.logs.log import OPEN, UNIT, Answer, Log, items_of, pairs_of
from harness.data import FILE_CUT
from harness.types import Direction, HarnessError, Metric, Unreadable

NEWEST = 2
"""The version of the format that inspect_ai 0.3 writes; logs of before May 2024 count otherwise."""
GRADES = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0}
"""Correct, partial, incorrect and no answer, as inspect_ai's `value_to_float` has them."""
ENDS = {"stop": "stop", "max_tokens": "length", "model_length": "length",
        "content_filter": "filtered"}  # fmt: skip
ATTACHED = re.compile(r"(?:attachment|tc)://([0-9a-f]{32})")
ZSTANDARD = 93


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
        packed = look(path).is_archive
        header = _header_of_archive(path) if packed else _header_of_json(path)
        log = _begun(header, path)
        for sample in _samples_of_archive(path) if packed else items_of(path, "samples.item"):
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
            f"{NEWEST} are read; write it anew with inspect log convert, or with an "
            f"inspect_ai that writes version {NEWEST}"
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
    attached = sample.get("attachments") or {}
    messages = _resolved(sample.get("messages") or [], attached)
    output = _resolved(sample.get("output") or {}, attached)
    while messages and messages[-1].get("role") != "user" and messages[-1].get("role") != "tool":
        if messages[-1].get("role") == "system":
            break
        messages = messages[:-1]
    given = _resolved(sample.get("input"), attached)
    asked: Any = turns(messages) if messages else given
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
    words = said(choices[0]["message"].get("content"))
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
    header = {}
    for key, value in pairs_of(path):
        if key == "samples":
            break
        header[key] = value
    return header


def _header_of_archive(path: Path) -> Mapping[str, Any]:
    with _opened(path) as archive:
        names = set(archive.namelist())
        name = "header.json" if "header.json" in names else "_journal/start.json"
        header: Mapping[str, Any] = _json_of(archive, name, path)
        return header


def _samples_of_archive(path: Path) -> Iterator[Mapping[str, Any]]:
    with _opened(path) as archive:
        for name in archive.namelist():
            if name.startswith("samples/") and name.endswith(".json"):
                yield _json_of(archive, name, path)


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise Unreadable(f"{str(path)!r} is no whole log ({error}); {FILE_CUT}") from error


def _json_of(archive: zipfile.ZipFile, name: str, path: Path) -> Any:
    try:
        return json.loads(_member(archive, name))
    except (ValueError, zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise Unreadable(f"{str(path)!r}: {name} cannot be read ({error}); {FILE_CUT}") from error


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    """A member, unpacked by Zstandard too, which Python's zipfile learns in 3.14."""
    info = archive.getinfo(name)
    if info.compress_type != ZSTANDARD:
        return archive.read(name)
    import zstandard

    file: IO[bytes] = archive.fp  # type: ignore[assignment]
    file.seek(info.header_offset)
    local = file.read(30)
    before, extra = struct.unpack("<HH", local[26:30])
    file.seek(info.header_offset + 30 + before + extra)
    packed = file.read(info.compress_size)
    unpack: Callable[..., bytes] = zstandard.ZstdDecompressor().decompressobj().decompress
    try:
        content = unpack(packed)
    except zstandard.ZstdError as error:
        raise zipfile.BadZipFile(str(error)) from error
    if zlib.crc32(content) != info.CRC:
        raise zipfile.BadZipFile(f"the checksum of {name} is another")
    return content
