"""Fingerprints: short names for everything that changes a number."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
from collections.abc import Mapping
from pathlib import Path

from harness.types.whole_files import written_whole


def fingerprint(content: Mapping[str, object]) -> str:
    """Eight hex digits that differ wherever the content differs."""
    canonical = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()[:8]


def machine() -> str:
    """Eight hex digits for this machine, by which its runs are told from others'."""
    return fingerprint({"node": platform.node(), "of": platform.machine(), "cpus": os.cpu_count()})


def peak_bytes() -> int | None:
    """The most memory that this process has held, a GPU's aside; None where no system says it."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def seed_of(seed: int, sample_id: str, index: int) -> int:
    """A seed of one generation's own: the same whatever is asked beside it."""
    digest = hashlib.sha256(f"{seed} {index} {sample_id}".encode("utf-8", "surrogatepass"))
    return int.from_bytes(digest.digest()[:4], "big") >> 1


def weights_of(identity: Mapping[str, str]) -> str:
    """What names a model's weights, however they are run."""
    return identity.get("weights") or fingerprint(identity)


def cache_folder() -> Path:
    """Where converted weights and digests are kept: `$HARNESS_CACHE` or the user's cache."""
    chosen = os.environ.get("HARNESS_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "harness"


def digest_file(path: Path) -> str:
    """SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_files(paths: list[Path]) -> str:
    """SHA-256 over names and contents; read again only when a size or a time of change differs."""
    stats = [(path.name, str(path.resolve()), path.stat()) for path in sorted(paths)]
    key = fingerprint({"files": [(p, s.st_size, s.st_mtime_ns, s.st_ino) for _, p, s in stats]})
    remembered = cache_folder() / "digests" / key
    try:
        return remembered.read_text(encoding="ascii")
    except OSError:
        pass
    content = [(name, digest_file(Path(path))) for name, path, _ in stats]
    digest = hashlib.sha256(json.dumps(content).encode()).hexdigest()
    try:
        remembered.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(remembered) as file:
            file.write(digest.encode("ascii"))
    except OSError:
        pass  # a cache that cannot be written only costs time
    return digest
