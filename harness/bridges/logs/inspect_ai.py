"""Logs of Inspect by inspect_ai's own reader, which knows what it is packed by and its versions."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.bridges.logs.head import Head
from harness.bridges.logs.inspect import InspectLog, read_samples
from harness.bridges.logs.log import Log
from harness.types import HarnessError, Unreadable

PROBLEMS = (ValueError, KeyError, OSError, EOFError, NotImplementedError, RuntimeError,
            zipfile.BadZipFile, zlib.error)  # fmt: skip
"""What inspect_ai, pydantic and zipfile raise where a log cannot be read."""


class InspectAiLog:
    """Reads by inspect_ai what `format=inspect` cannot; slower, and needs that package."""

    tool = InspectLog.tool

    def recognises(self, head: Head) -> bool:
        """Never: it is named with `format=inspect_ai`."""
        return False

    def read(self, path: Path) -> Log:
        """The log; samples are read one at a time where it lists them.

        Raises:
            HarnessError: inspect_ai is not installed.
            Unreadable: inspect_ai cannot read it.
        """
        try:
            from inspect_ai.log import read_eval_log
        except ImportError as error:
            raise HarnessError(
                'format=inspect_ai needs inspect_ai: pip install "harness[inspect]"'
            ) from error
        try:
            header = read_eval_log(str(path), header_only=True).model_dump(mode="json")
            listed = header["eval"]["dataset"].get("sample_ids") is not None
            return read_samples(path, header, _samples(path, listed))
        except PROBLEMS as error:
            raise Unreadable(f"inspect_ai cannot read {str(path)!r} ({error})") from error


def _samples(path: Path, listed: bool) -> Iterator[Mapping[str, Any]]:
    """Each sample; of a log that does not list them, as early ones, all are held."""
    from inspect_ai.log import read_eval_log, read_eval_log_samples

    for sample in (
        read_eval_log_samples(str(path), all_samples_required=False)
        if listed
        else read_eval_log(str(path)).samples or ()
    ):
        yield sample.model_dump(mode="json", exclude={"events", "store"})
