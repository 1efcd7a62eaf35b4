"""Batches that were written and sent, kept on disk for another process to find, in days."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.types import HarnessError, cache_folder, written_whole

MOST = 50_000
"""Requests of a batch at OpenAI's."""
MOST_BYTES = 180_000_000
"""Of a batch's file; OpenAI takes 200 MB."""


@dataclass
class Batch:
    """A file of requests, and the batch that a server made of it."""

    path: Path
    """The requests, a line each; the batch's state stands beside it."""
    ids: frozenset[str]
    """Of its requests."""
    server_id: str | None = None
    """What the server calls it; None: it was not sent, or nobody knows whether it was."""
    failed: set[str] = field(default_factory=set)
    """Ids whose failure was handed on: asked again they are new requests."""

    @property
    def digest(self) -> str:
        """Of its requests; the server keeps it as the batch's metadata."""
        return self.path.stem

    def forget(self) -> None:
        """Keep nothing of it: its requests are sent anew."""
        self.path.unlink(missing_ok=True)
        self.path.with_suffix(".json").unlink(missing_ok=True)

    def save(self) -> None:
        """Write its state, whole or not at all."""
        state = {"batch": self.server_id, "failed": sorted(self.failed)}
        with written_whole(self.path.with_suffix(".json")) as file:
            file.write(json.dumps(state).encode())


class BatchFiles:
    """The batches of one server.

    Args:
        address: of the server.
        folder: that holds those of every server; None: in the cache.
    """

    def __init__(self, address: str, folder: Path | None = None) -> None:
        name = hashlib.sha256(address.encode()).hexdigest()[:16]
        self.folder = (folder or cache_folder() / "batches") / name

    def known(self) -> list[Batch]:
        """Every batch that was written, those that were sent first."""
        batches = [self._read(path) for path in sorted(self.folder.glob("*.jsonl"))]
        return sorted(batches, key=lambda batch: batch.server_id is None)

    def write(self, lines: Mapping[str, Mapping[str, Any]]) -> list[Batch]:
        """Write requests, by id, into as many files as a server takes them in."""
        self.folder.mkdir(parents=True, exist_ok=True)
        batches: list[Batch] = []
        part: dict[str, str] = {}
        size = 0
        for name, line in lines.items():
            text = json.dumps(line, ensure_ascii=False)
            if part and (len(part) == MOST or size + 4 * len(text) > MOST_BYTES):
                batches.append(self._write(part))
                part, size = {}, 0
            part[name] = text
            size += len(text.encode()) + 1
        return [*batches, self._write(part)] if part else batches

    def _write(self, lines: Mapping[str, str]) -> Batch:
        content = "".join(f"{text}\n" for text in lines.values()).encode()
        path = self.folder / f"{hashlib.sha256(content).hexdigest()[:32]}.jsonl"
        with written_whole(path) as file:
            file.write(content)
        batch = Batch(path, frozenset(lines))
        batch.save()
        return batch

    def _read(self, path: Path) -> Batch:
        try:
            with path.open(encoding="utf-8") as file:
                ids = frozenset(json.loads(line)["custom_id"] for line in file)
            state = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
            return Batch(path, ids, state["batch"], set(state["failed"]))
        except FileNotFoundError:
            return Batch(path, ids)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise HarnessError(
                f"{str(path)!r}, which keeps a batch that was sent, cannot be read ({error}); move "
                "it away, and its requests are sent anew"
            ) from error


def line_of(name: str, url: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """A request as a batch's file holds it."""
    return {"custom_id": name, "method": "POST", "url": url, "body": body}


def name_of_request(body: Mapping[str, Any], sample_id: str, indices: Iterable[int]) -> str:
    """An id that the same request has in every process, and no other request."""
    whole = json.dumps([body, sample_id, *indices], sort_keys=True)
    return hashlib.sha256(whole.encode()).hexdigest()[:40]
