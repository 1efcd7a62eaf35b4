"""Whether a model's weights are those of its checkpoint: none drawn at random, none left over."""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors import safe_open
from transformers import AutoModel, PreTrainedTokenizerBase

from harness.models.checkpoints.classes import class_for
from harness.types import HarnessError

logger = logging.getLogger(__name__)

MASK = re.compile(r"\.(attn|attention)\.(masked_)?bias$")
"""Causal masks and what fills them, which transformers saved with GPT-2, GPT-Neo and GPT-J."""
POOLER = re.compile(r"(^|\.)pooler\.")
"""Of an encoder: reads its states and changes none, and is missing where it was trained without."""
SHOWN = 4
"""Names of weights in a message."""
REMADE = ("gguf_file", "delta", "autogptq", "gptqmodel")
"""Arguments of lm-eval's by which a model is not read as its checkpoint stands."""
LATER = {torch.float32: 1e-3}
"""Standard deviations of logits by which later tokens may move earlier ones: numerics only."""
LATER_IN_HALF = 0.1
LATER_ROUNDED = 0.4
"""Where weights are quantised: some kernels look at all tokens of a product together."""

Report = Mapping[str, Collection[Any]]
"""What transformers gives with `output_loading_info=True`."""


def check_weights(
    folder: Path, name: str, trust_remote_code: bool = False, others_check: bool = False
) -> None:
    """Compare names and shapes of a checkpoint with its model's; reads no values.

    A quantised one is compared only by what loads it: its names are those of its method.

    Args:
        folder: of the checkpoint.
        name: what the user called it.
        trust_remote_code: whether it may run Python of its own.
        others_check: whether what loads it looks at its names too, so that a model that
            transformers does not know may pass.

    Raises:
        HarnessError: they differ, or transformers cannot say what the model is.
    """
    try:
        config = transformers.AutoConfig.from_pretrained(
            folder, trust_remote_code=trust_remote_code
        )
        if getattr(config, "quantization_config", None):
            return
        with unlogged():
            model, report = class_for(config).from_pretrained(
                folder, device_map="meta", trust_remote_code=trust_remote_code, **REPORTED
            )
    except Exception as error:
        if others_check:
            logger.warning(
                "the weights of %s are not compared by name, for transformers does not know the "
                "model: %s", name, _first_line(error),
            )  # fmt: skip
            return
        raise HarnessError(
            f"model={name!r} cannot be loaded by transformers {transformers.__version__}: "
            f"{_first_line(error)}"
        ) from error
    refuse_other_weights(report, folder, f"model={name!r}", type(model).__name__)


def check_encoder(folder: Path, where: str) -> None:
    """Compare names and shapes of an encoder's weights with its model's; reads no values.

    What reads its states, a pooler or a head, may be missing or left over.

    Args:
        folder: of the checkpoint.
        where: the option that names it.

    Raises:
        HarnessError: they differ, or transformers cannot say what the model is.
    """
    try:
        with unlogged():
            model, report = AutoModel.from_pretrained(folder, device_map="meta", **REPORTED)
    except Exception as error:
        raise HarnessError(
            f"{where} cannot be loaded by transformers {transformers.__version__}: "
            f"{_first_line(error)}"
        ) from error
    parts = {name for name, _ in model.named_children()}
    inside = [
        name
        for name in report["unexpected_keys"]
        if name.removeprefix(f"{model.base_model_prefix}.").partition(".")[0] in parts
        and not POOLER.search(name)
    ]
    missing = [name for name in report["missing_keys"] if not POOLER.search(name)]
    report = {**report, "missing_keys": missing, "unexpected_keys": inside}
    refuse_other_weights(report, folder, where, type(model).__name__)


REPORTED: Mapping[str, Any] = {
    "output_loading_info": True,
    "ignore_mismatched_sizes": True,  # they are in the report, which names all of them
    "use_safetensors": True,
}
"""How a model is loaded whose report is looked at."""


@contextlib.contextmanager
def unlogged() -> Iterator[None]:
    """Keep transformers from printing the table of its report, which is looked at instead."""
    logger = logging.getLogger("transformers.modeling_utils")

    def keep(record: logging.LogRecord) -> bool:
        return "LOAD REPORT" not in record.getMessage()

    logger.addFilter(keep)
    try:
        yield
    finally:
        logger.removeFilter(keep)


def refuse_other_weights(report: Report, folder: Path, where: str, model: str) -> None:
    """Refuse a model some of whose weights are not its checkpoint's.

    What transformers knows to be tied, or of no use, is not in its report.

    Args:
        report: of transformers on loading it.
        folder: of the checkpoint.
        where: whose it is, for the message.
        model: the class that was loaded.

    Raises:
        HarnessError: weights are missing, left over or of another shape; it names them.
    """
    missing = sorted(report["missing_keys"])
    leftover = sorted(set(report["unexpected_keys"]) - _masks(report["unexpected_keys"], folder))
    shapes = [
        f"{name} ({tuple(stored)} there, {tuple(wanted)} in the model)"
        for name, stored, wanted in sorted(report["mismatched_keys"])
    ]
    kinds = (("missing", missing), ("left over", leftover), ("of another shape", shapes))
    differ = [f"{kind}: {_names(names)}" for kind, names in kinds if names]
    if differ:
        raise HarnessError(
            f"{where} does not hold the weights of {model} ({'; '.join(differ)}), so that other "
            f"weights than its own would be used; {_advice(missing, leftover)}"
        )


def check_causal(model: Any, name: str, device: torch.device | None = None) -> None:
    """Look whether a token's logits change with what comes after it.

    Args:
        model: of transformers.
        name: what the user called it.
        device: where it takes tokens; None: where its weights are.

    Raises:
        HarnessError: they do, as in an encoder, which does not write from left to right; or they
            cannot be computed here.
    """
    size = int(model.config.get_text_config().vocab_size)
    device = device or model.device
    drawn = torch.randint(size, (1, 8), generator=torch.Generator().manual_seed(0))
    other = torch.cat([drawn[:, :6], (drawn[:, 6:] + size // 2) % size], dim=1)
    try:
        with torch.inference_mode():
            before, after = model(torch.cat([drawn, other]).to(device)).logits[:, :6].float()
    except RuntimeError as error:
        raise HarnessError(
            f"model={name!r} cannot be computed on {device}: {_first_line(error)}"
        ) from error
    moved = float((before - after).square().mean().sqrt() / before.std())
    rounded = getattr(model, "hf_quantizer", None) is not None
    if moved > (LATER_ROUNDED if rounded else LATER.get(model.dtype, LATER_IN_HALF)):
        raise HarnessError(
            f"model={name!r}: what {type(model).__name__} says of a token changes with the tokens "
            "after it, so that it does not write from left to right; give a causal language model"
        )


def check_loaded(model: Any, auto: Any, name: str, args: Mapping[str, Any]) -> None:
    """Look at a model that lm-eval has loaded, which looks neither at its report nor its logits.

    Args:
        model: as lm-eval holds it.
        auto: the class of transformers that lm-eval loads it by.
        name: what the user called it.
        args: lm-eval's, which say where it came from.

    Raises:
        HarnessError: weights are missing, left over, of another shape or no numbers.
    """
    broken = [key for key, value in model.named_parameters() if not bool(value.isfinite().all())]
    if broken:
        raise HarnessError(
            f"model={name!r} holds weights that are not numbers (NaN or infinite): "
            f"{_names(broken)}; copy or train it anew"
        )
    if any(args.get(key) for key in REMADE) or getattr(model.config, "quantization_config", None):
        return
    options = ("revision", "trust_remote_code", "subfolder")
    arguments = {key: args[key] for key in options if key in args}
    pretrained = args["pretrained"]
    with unlogged():
        bare, report = auto.from_pretrained(
            pretrained, device_map="meta", **{**REPORTED, "use_safetensors": None}, **arguments
        )
    refuse_other_weights(report, Path(pretrained), f"model={name!r}", type(bare).__name__)


def refuse_unknown_tokens(
    tokenizer: PreTrainedTokenizerBase, name: str, tokens: Sequence[int], rows: int
) -> None:
    """Refuse tokens that a model's embedding has no row for.

    Args:
        tokenizer: the model's.
        name: what the user called it.
        tokens: of a prompt and its choices, or ends.
        rows: of the embedding.

    Raises:
        HarnessError: there is such a token.
    """
    highest = max(tokens, default=0)
    if highest >= rows:
        raise HarnessError(
            f"model={name!r}: its tokenizer has {len(tokenizer)} tokens and its embedding {rows} "
            f"rows: there is none for token {highest} "
            f"({tokenizer.convert_ids_to_tokens(highest)!r}) of what is asked; save the model with "
            "an embedding resized to its tokenizer, or with the tokenizer that it was trained with"
        )


def writable(
    tokenizer: PreTrainedTokenizerBase, name: str, ends: Sequence[int], rows: int
) -> list[int]:
    """The ends that a model of so many tokens can write.

    Raises:
        HarnessError: there are ends, and it can write none of them.
    """
    within = [end for end in ends if end < rows]
    if not within:
        refuse_unknown_tokens(tokenizer, name, ends, rows)
    return within


def _masks(names: Collection[str], folder: Path) -> set[str]:
    """Those of the names under which a mask lies: constants of a shape that no weight has."""
    masks = {name for name in names if MASK.search(name)}
    if not masks:
        return masks
    constant: set[str] = set()
    for path in folder.glob("*.safetensors"):
        with safe_open(path, "pt") as file:
            for key in filter(MASK.search, file.keys()):
                shape = list(file.get_slice(key).get_shape())
                constant |= {key} if not shape or shape[:2] == [1, 1] else set()
    # A report's names begin with the model's own prefix, or with none, whatever the file's do.
    return {n for n in masks if any(n.endswith(key) or key.endswith(n) for key in constant)}


def _advice(missing: list[str], leftover: list[str]) -> str:
    for name in leftover:
        prefix, _, suffix = name.partition(".")
        if suffix in missing:
            return f"its names begin with {prefix!r}: save the model itself, not its wrapper"
    if any("lora_" in name or ".base_layer." in name for name in leftover):
        return "merge the adapter in it with peft's merge_and_unload() and save it again"
    return "give a whole checkpoint of the class that its config.json names"


def _names(names: list[str]) -> str:
    unlisted = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {unlisted} more" if unlisted > 0 else "")


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return ", ".join([type(error).__name__, *lines[:1]])[:300]
