"""Adapters of peft: what one is by its files, and the base that it belongs to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from harness.models.checkpoints.checkpoint import TOKENIZER_FILES, check_whole
from harness.types import HarnessError

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
SOFT = ("PROMPT_TUNING", "PREFIX_TUNING", "P_TUNING", "MULTITASK_PROMPT_TUNING", "CPT", "XLORA",
        "ADAPTION_PROMPT", "CARTRIDGE", "POLY", "LILY", "SHADOW")  # fmt: skip
"""Kinds that change no weight, or not the same way for every token: they cannot be merged."""
BY_TOKEN = ("alora_invocation_tokens", "arrow_config")
"""Settings of LoRA by which it is not the same for every token."""
LOST_STARTS = ("corda", "lora_ga")
"""Ways to begin training that change the base by data which no adapter holds (peft 0.21)."""
TASKS = (None, "CAUSAL_LM", "SEQ_2_SEQ_LM")
CARDS = "mitigation.yaml"
"""What `python -m harness.mitigate` writes beside what it made."""


def adapter_config(folder: Path, name: str, is_local: bool) -> Mapping[str, Any] | None:
    """The config of an adapter that can be merged; None: the folder is none, or holds more.

    Args:
        folder: of small files.
        name: what the user called it.
        is_local: whether all its files are there.

    Raises:
        HarnessError: it is an adapter of another kind.
    """
    if not (folder / CONFIG).is_file() or whole_weights(folder):
        return None
    if (folder / "config.json").is_file() and not is_local:
        return None  # weights may stand beside it
    try:
        config: Mapping[str, Any] = dict(json.loads((folder / CONFIG).read_text("utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise HarnessError(f"model={name!r} has no readable {CONFIG}; copy it anew") from error
    _refuse_kind(config, name)
    return config


def whole_weights(folder: Path) -> list[Path]:
    """The files of weights in a folder that are no adapter's."""
    files = [*folder.glob("*.safetensors"), *folder.glob("pytorch_model*.bin")]
    return [path for path in files if not path.name.startswith("adapter")]


def _refuse_kind(config: Mapping[str, Any], name: str) -> None:
    """Refuse an adapter that cannot be merged, by what its config says.

    Raises:
        HarnessError: it is of another kind, for another task, or of a base that is no more.
    """
    kind, task = config.get("peft_type"), config.get("task_type")
    if not kind:
        raise HarnessError(
            f"model={name!r} has an {CONFIG} that names no peft_type, by which adapters are told "
            "apart; copy it anew"
        )
    by_token = [f"{key}={config[key]}" for key in BY_TOKEN if config.get(key)]
    if kind in SOFT or by_token:
        method = f"{kind} with {', '.join(by_token)}" if by_token else kind
        raise HarnessError(
            f"model={name!r} is an adapter of peft's {method}, which cannot be merged into "
            "weights; LoRA, DoRA, IA3 and others that change weights can"
        )
    if task not in TASKS:
        raise HarnessError(
            f"model={name!r} is an adapter for {task} ({CONFIG}), which writes no text; give one "
            "of a causal language model"
        )
    begun = str(config.get("init_lora_weights"))
    if begun.lower().startswith(LOST_STARTS):
        raise HarnessError(
            f"model={name!r} is an adapter with init_lora_weights={begun}, which changed the base "
            "as its training began, by what no adapter holds; save it with save_pretrained("
            "path_initial_model_for_weight_conversion=...), which gives one of the base as it was"
        )


def check_adapter(folder: Path, name: str, is_local: bool) -> None:
    """Look whether peft is, and the adapter's weights are whole and in a form that runs no code.

    Args:
        folder: of the adapter.
        name: what the user called it.
        is_local: whether its weights are to be there already.

    Raises:
        HarnessError: one is not there, or not whole.
    """
    if find_spec("peft") is None:
        raise HarnessError(
            f"model={name!r} is an adapter, which needs peft: pip install 'harness[mitigate]'"
        )
    if not is_local:
        return
    file = folder / WEIGHTS
    if not file.is_file():
        files = ", ".join(sorted(path.name for path in folder.glob("adapter_model*"))) or "none"
        raise HarnessError(
            f"model={name!r} is an adapter without {WEIGHTS} (there: {files}); save it with "
            "save_pretrained, for other weight files can run code when they are read"
        )
    check_whole(file, f"model={name!r}")


def base_named(config: Mapping[str, Any], name: str) -> str:
    """The base that an adapter's config names.

    Raises:
        HarnessError: it names none.
    """
    base = config.get("base_model_name_or_path")
    if not base:
        raise HarnessError(
            f"model={name!r} is an adapter whose {CONFIG} names no base; give it with "
            "backend.base=MODEL"
        )
    return str(base)


def has_tokenizer(folder: Path) -> bool:
    """Whether a tokenizer was saved beside the adapter."""
    return any((folder / file).is_file() for file in TOKENIZER_FILES)


def check_base(folder: Path, name: str, base: str, weights: str) -> None:
    """Hold the base against the one that an adapter of ours was made on, as its card says.

    Args:
        folder: of the adapter.
        name: what the user called it.
        base: what the base is called.
        weights: the base's, as an identity has them.

    Raises:
        HarnessError: it was made on other weights, or its card cannot be read.
    """
    try:
        lines = (folder / CARDS).read_text("utf-8").splitlines()
    except OSError:
        return
    base_weights = next(
        (parted[1] for parted in map(_parted, lines) if parted[0] == "base_weights"), '""'
    )
    try:
        made_on = str(json.loads(base_weights))
    except ValueError as error:
        raise HarnessError(
            f"model={name!r} has a {CARDS} whose base_weights={base_weights} cannot be read; "
            "copy it anew"
        ) from error
    if made_on and made_on != weights:
        raise HarnessError(
            f"model={name!r} is an adapter of other weights than those of {base!r}: it was made on "
            f"{made_on[:40]}, and these are {weights[:40]}; give its own base with "
            "backend.base=MODEL"
        )


def _parted(line: str) -> tuple[str, str]:
    key, _, value = line.partition(": ")
    return key, value
