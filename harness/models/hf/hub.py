"""A checkpoint's files from a hub."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.models.bundled import BUNDLED
from harness.types import HarnessError


def from_hub(name: str, revision: str | None, files: Sequence[str]) -> Path:
    """The folder that holds a hub's files, fetched where they are not here yet.

    Args:
        name: the hub's id.
        revision: branch, tag or commit; None: the newest.
        files: patterns of their names.

    Raises:
        HarnessError: the hub does not give them.
    """
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(
            huggingface_hub.snapshot_download(name, revision=revision, allow_patterns=list(files))
        )
    except (HFValidationError, HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else ""
        raise HarnessError(
            f"model={name!r} is neither bundled ({', '.join(BUNDLED)}) nor a folder here, "
            f"and the hub did not give it ({type(error).__name__}: {reason[:160]})"
        ) from error
