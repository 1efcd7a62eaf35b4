"""What was tried of a model before: kept by its weights, the code that ran it, and the machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import transformers

from harness.types import cache_folder, digest_files, fingerprint, machine, written_whole


@dataclass(frozen=True)
class Passed:
    """A model with the weights of its class, which writes from left to right by our attention."""

    widest: int
    """Tokens of the longest row that our attention is right for."""
    token_bytes: int
    """Of one token's keys and values."""


class Trials:
    """Whether one model, as it is run here, has passed all trials before.

    One that did not is tried again each time: what stands in its way may be mended.

    Args:
        about: the model: its weights, its dtype and what is changed in it.
    """

    def __init__(self, about: Mapping[str, str]) -> None:
        cuda = torch.cuda.is_available()
        self._key = {
            **about,
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "code": digest_files(list(Path(__file__).parent.glob("*.py"))),
            "machine": machine(),
            "card": torch.cuda.get_device_name() if cuda else "none",
        }
        self._path = cache_folder() / "trials" / f"{fingerprint(self._key)}.json"

    @property
    def passed(self) -> Passed | None:
        """What was found then; None: nothing is known."""
        try:
            record = json.loads(self._path.read_text("utf-8"))
            return Passed(**record["passed"]) if record["of"] == self._key else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def keep(self, passed: Passed) -> None:
        """Let the next process know; a cache that cannot be written only costs time."""
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with written_whole(self._path) as file:
                file.write(json.dumps({"of": self._key, "passed": asdict(passed)}).encode())
