"""Checkpoints that a library of others loads, which looks neither at its report nor its weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.models.checkpoints.checkpoint import TOKENIZER_FILES, check_weight_files, check_whole
from harness.types import HarnessError

SENTENCEPIECE = ("sentencepiece.bpe.model",)
"""As XLM-RoBERTa calls its tokenizer's file."""


def check_files(folder: Path, where: str) -> None:
    """Look whether all files of weights and a tokenizer are there and whole; loads nothing.

    Args:
        folder: of the checkpoint.
        where: the option that names it.

    Raises:
        HarnessError: one is not there, is cut, or is a pointer of Git LFS.
    """
    check_weight_files(folder, "", where)
    refuse_no_tokenizer(folder, where)
    for file in sorted(folder.glob("*.safetensors")):
        check_whole(file, where)


def refuse_no_tokenizer(folder: Path, where: str) -> None:
    """Refuse a folder without a tokenizer, for which transformers makes one that knows no word.

    Raises:
        HarnessError: it has none.
    """
    if not any((folder / file).is_file() for file in (*TOKENIZER_FILES, *SENTENCEPIECE)):
        raise HarnessError(
            f"{where} has no tokenizer ({', '.join(TOKENIZER_FILES)}); save the tokenizer beside "
            "the model"
        )


def check_class(folder: Path, auto: Any, where: str) -> None:
    """Compare names and shapes of a checkpoint with those of the class that is to read it.

    Args:
        folder: of the checkpoint.
        auto: the class of transformers that it is to be loaded by.
        where: the option that names it.

    Raises:
        HarnessError: they differ, or transformers cannot say what the model is.
    """
    from transformers.utils import logging

    from harness.models.checkpoints.weights import REPORTED, refuse_other_weights, unlogged

    logging.disable_progress_bar()
    try:
        with unlogged():
            model, report = auto.from_pretrained(folder, device_map="meta", **REPORTED)
    except Exception as error:
        message = " ".join(str(error).split())[:300]
        raise HarnessError(
            f"{where} cannot be loaded by transformers: {type(error).__name__}: {message}"
        ) from error
    if not getattr(model.config, "quantization_config", None):
        refuse_other_weights(report, folder, where, type(model).__name__)


def check_numbers(model: Any, where: str) -> None:
    """Look whether all weights of a loaded model are numbers.

    Args:
        model: of torch.
        where: the option that names it.

    Raises:
        HarnessError: one is NaN or infinite; it names the tensors.
    """
    broken = [
        name
        for name, tensor in model.named_parameters()
        if tensor.is_floating_point() and not bool(tensor.isfinite().all())
    ]
    if broken:
        unlisted = f" and {len(broken) - 4} more" if len(broken) > 4 else ""
        raise HarnessError(
            f"{where} holds weights that are not numbers (NaN or infinite): "
            f"{', '.join(broken[:4])}{unlisted}; copy or train it anew"
        )
