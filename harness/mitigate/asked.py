"""What `python -m harness.mitigate` is asked to make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.mitigate.texts import Learned
from harness.mitigations.fitting.method import Method
from harness.models.hf.model import HuggingFaceModel


@dataclass(frozen=True)
class Asked:
    """What is to be made: all that the command line says, but where to."""

    method: Method
    options: Mapping[str, Any]
    """Of the method, as its YAML and the command line have them."""
    model: HuggingFaceModel
    data: Sequence[Path]
    exclude: Sequence[Path]
    limit: int | None
    seed: int

    @property
    def name(self) -> str:
        """The method's."""
        return str(self.method.identity["mitigation"])

    def question(self, learned: Learned) -> dict[str, object]:
        """All that changes what is made."""
        return {
            "method": dict(self.method.identity),
            "base": dict(self.model.identity),
            "data_sha256": learned.digest,
            "seed": self.seed,
        }
