"""Converts a GGUF file once: weights, chat template, and a tokenizer that is held against it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.models.converted import converted_folder
from harness.models.gguf.file import digest_of, parts_of
from harness.types import HarnessError

if TYPE_CHECKING:
    from gguf import GGUFReader

logger = logging.getLogger(__name__)

CONVERSION = "1"
"""Changes when the converted copy would differ."""
CHECKED = "tokens_checked.json"
"""What came of holding the tokenizer against the file's own, in the copy's folder."""
EXACT = {"F16": "float16", "BF16": "bfloat16"}
"""Types of tensors that a smaller dtype than float32 holds without loss."""


def gguf_weights(path: Path) -> str:
    """What identifies the weights: the file and how it is converted."""
    return f"gguf:{digest_of(path)}, conversion {CONVERSION}"


def gguf_folder(path: Path) -> Path:
    """The folder of the converted copy, made on first use; takes no time after that.

    Raises:
        HarnessError: a part is missing, or transformers cannot read such a model.
    """
    parts = parts_of(path)

    def make(folder: Path) -> None:
        if len(parts) == 1:
            _convert_file(path, folder, path)
            return
        from harness.models.gguf.parts import joined

        with joined(parts, folder.with_suffix(".gguf")) as whole:
            _convert_file(whole, folder, path)

    return converted_folder(f"gguf-{digest_of(path)[:12]}-{CONVERSION}", make)


def notes_on_gguf(path: Path) -> list[str]:
    """What a reader must know of a model that comes from such a file."""
    checked = json.loads((gguf_folder(path) / CHECKED).read_text("utf-8"))
    return [
        f"{path.name} holds its weights in {', '.join(checked['types'])}, which are computed here "
        "as the numbers that they stand for; llama.cpp rounds states as well.",
        f"The tokenizer rebuilt from {path.name} {checked['said']}.",
    ]


def convert(gguf: Path, folder: Path, dtype: str, name: str) -> Any:
    """Save a file's model in transformers' format; gives its tokenizer.

    Args:
        gguf: one whole file.
        folder: to be made.
        dtype: of the copy.
        name: what the user called it.

    Raises:
        HarnessError: transformers does not know the model, or not all of its weights.
    """
    import torch
    import transformers
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from harness.models.checkpoints.weights import refuse_other_weights, unlogged

    transformers.utils.logging.disable_progress_bar()
    with _refused(name):
        with unlogged():
            model, report = AutoModelForCausalLM.from_pretrained(
                gguf.parent,
                gguf_file=gguf.name,
                dtype=getattr(torch, dtype),
                output_loading_info=True,
            )
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    refuse_other_weights(report, gguf.parent, f"model={name!r}", type(model).__name__)
    # Marks of a quantised model would keep it from being saved as the plain one it is by now.
    model.hf_quantizer = None
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.save_pretrained(folder)
    return tokenizer


def _convert_file(gguf: Path, folder: Path, path: Path) -> None:
    """Convert a whole file, which stands for `path`."""
    from harness.models.gguf.checked import as_the_file_cuts, check_tokens
    from harness.models.gguf.parts import read_whole

    reader = read_whole(gguf)
    fields = _tokenizer_fields(reader)
    if not fields.get("tokens"):
        raise HarnessError(
            f"model={str(path)!r} holds no tokenizer (tokenizer.ggml.tokens), without which its "
            "model cannot be asked; convert it anew from a checkpoint with one"
        )
    types = sorted({tensor.tensor_type.name for tensor in reader.tensors})
    quantised = [kind for kind in types if kind != "F32"]
    dtype = EXACT.get(quantised[0], "float32") if len(quantised) == 1 else "float32"
    size = sum(int(tensor.n_elements) for tensor in reader.tensors) * (
        4 if dtype == "float32" else 2
    )
    logger.info(
        "converting %s, once, to %.1f GB in the cache, which python -m harness.runs.cache shows",
        path, size / 2**30,
    )  # fmt: skip
    tokenizer = as_the_file_cuts(convert(gguf, folder, dtype, str(path)), fields)
    tokenizer.save_pretrained(folder)
    record = {"of": str(path), "types": types, "said": check_tokens(tokenizer, fields)}
    (folder / CHECKED).write_text(json.dumps(record, ensure_ascii=False, indent=1), "utf-8")


@contextmanager
def _refused(name: str) -> Iterator[None]:
    """Say in one sentence what a library raises of a file."""
    from importlib.metadata import version

    try:
        yield
    except Exception as error:
        reason = ", ".join([type(error).__name__, *str(error).strip().splitlines()[:1]])[:300]
        raise HarnessError(
            f"model={name!r} is a GGUF file that transformers {version('transformers')} cannot "
            f"read ({reason}); serve it (llama-server -m FILE) and ask it with backend=openai "
            "backend.base_url=..."
        ) from error


def _tokenizer_fields(reader: GGUFReader) -> Mapping[str, Any]:
    """What the file says of its tokens, by the names of llama.cpp without their beginning."""
    begins = "tokenizer.ggml."
    return {
        name.removeprefix(begins): field.contents()
        for name, field in reader.fields.items()
        if name.startswith(begins)
    }
