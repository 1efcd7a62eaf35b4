"""Refuses what is no whole checkpoint of a language model, by its files and before it is loaded."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.types import HarnessError

TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model")
INDEX = "model.safetensors.index.json"
WRITERS = ("ForCausalLM", "LMHead", "ForConditionalGeneration")
"""What names of classes hold that write text (transformers 5.23, all of its models)."""
POINTER = b"version https://git-lfs"
"""How a file begins that stands for one in Git LFS (its specification, version 1)."""


def check_checkpoint(folder: Path, name: str, trust_remote_code: bool) -> Mapping[str, Any]:
    """The config of a checkpoint whose small files are those of a model that writes text.

    Args:
        folder: of the checkpoint.
        name: what the user called it.
        trust_remote_code: whether it may run Python of its own.

    Raises:
        HarnessError: it is something else.
    """
    where = f"model={name!r}"
    if reason := _other_file(folder) or _other_folder(folder):
        raise HarnessError(f"{where} {reason}")
    try:
        config: dict[str, Any] = json.loads((folder / "config.json").read_text("utf-8"))
        architectures = [str(architecture) for architecture in config.get("architectures") or ()]
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise HarnessError(
            f"{where} has no readable config.json; give the folder of a checkpoint in "
            "transformers' format, a bundled model or a hub id"
        ) from error
    if "auto_map" in config and not trust_remote_code:
        raise HarnessError(
            f"{where} needs Python code that comes with it; read that code, then allow it with "
            "backend.trust_remote_code=true"
        )
    if architectures and all(map(_is_of_another_kind, architectures)):
        raise HarnessError(
            f"{where} is a checkpoint of {', '.join(architectures)} (config.json), which writes no "
            "text; give one of a causal language model"
        )
    if not any((folder / file).is_file() for file in TOKENIZER_FILES):
        raise HarnessError(
            f"{where} has no tokenizer ({', '.join(TOKENIZER_FILES)}); save the tokenizer "
            "beside the model"
        )
    return config


def check_weight_files(folder: Path, name: str, option: str | None = None) -> None:
    """Look whether all files of weights are there, as transformers would read them.

    Args:
        folder: of the checkpoint.
        name: what the user called the model.
        option: what names it where it is not `model`, for the message.

    Raises:
        HarnessError: one is not there, or is none.
    """
    where = option or f"model={name!r}"
    files = sorted(folder.glob("*.safetensors"))
    if not files and list(folder.glob("*.gguf")):
        raise HarnessError(f"{where} {_holds_gguf(folder)}")
    if not files:
        raise HarnessError(
            f"{where} has no *.safetensors weights; save it with save_pretrained (other weight "
            "files can run code when they are read, and are not loaded)"
        )
    tokenizers = [folder / file for file in TOKENIZER_FILES]
    for file in [*files, *filter(Path.is_file, tokenizers)]:
        refuse_pointer(file, where)
    if (folder / "model.safetensors").is_file():
        return
    if not (folder / INDEX).is_file():
        raise HarnessError(
            f"{where} has {', '.join(file.name for file in files[:4])}, but neither "
            f"model.safetensors nor {INDEX}, by which weights are found; save it with "
            "save_pretrained"
        )
    _check_index(folder, where)


def refuse_pointer(file: Path, where: str) -> None:
    """Refuse what stands for a file in Git LFS.

    Raises:
        HarnessError: it does.
    """
    with file.open("rb") as content:
        if content.read(len(POINTER)) == POINTER:
            raise HarnessError(
                f"{where}: {file.name} is a pointer of Git LFS, not the file; fetch it with "
                "git lfs pull"
            )


def check_whole(file: Path, where: str) -> None:
    """Look whether a safetensors file is one, and whole; reads its names alone.

    Args:
        file: that is there.
        where: the option that names it.

    Raises:
        HarnessError: it is a pointer of Git LFS, or cut.
    """
    from safetensors import SafetensorError, safe_open

    refuse_pointer(file, where)
    try:
        with safe_open(file, "np"):
            pass
    except (SafetensorError, OSError) as error:
        raise HarnessError(
            f"{where}: {file.name} is no whole safetensors file ({error}); copy it anew"
        ) from error


def notes_on_head(config: Mapping[str, Any], name: str) -> list[str]:
    """What a reader must know of a checkpoint that was saved without a head for text."""
    architectures = [str(architecture) for architecture in config.get("architectures") or ()]
    if not architectures or any(kind in "".join(architectures) for kind in WRITERS):
        return []
    return [
        f"The checkpoint of {name} is one of {', '.join(architectures)}, which has no head of its "
        "own; its embedding, to which the config ties the head, stood for one."
    ]


def _check_index(folder: Path, where: str) -> None:
    try:
        named = set(json.loads((folder / INDEX).read_text("utf-8"))["weight_map"].values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise HarnessError(f"{where} has no readable {INDEX}; copy the checkpoint anew") from error
    if absent := sorted(str(file) for file in named if not (folder / str(file)).is_file()):
        raise HarnessError(
            f"{where} lacks {len(absent)} of the {len(named)} files that {INDEX} names: "
            f"{', '.join(absent[:4])}{' ...' * (len(absent) > 4)}; copy the checkpoint anew"
        )


def _other_file(path: Path) -> str | None:
    """What a file is that was given in the place of a folder."""
    if not path.is_file():
        return None
    if path.suffix == ".gguf":
        return "is named like a GGUF file and does not begin like one; copy it anew"
    if path.suffix == ".eval":
        return (
            "is a log of Inspect's, not a model; its answers are scored with "
            f"python -m harness.score answers={path.name}"
        )
    if zipfile.is_zipfile(path):
        return "is an archive; unpack it and give the folder of the checkpoint in it"
    return "is a file; give the folder of a checkpoint, with its config.json and tokenizer"


def _other_folder(folder: Path) -> str | None:
    """What a folder holds in the place of a language model, or beside it."""
    weights = (*folder.glob("*.safetensors"), *folder.glob("*.bin"))
    if (folder / "adapter_config.json").exists():
        if any(not file.name.startswith("adapter") for file in weights):
            return (
                "holds an adapter beside its weights (adapter_config.json): which of the two is "
                "meant is not known; give the adapter in a folder of its own, or move its files "
                "away to ask the base"
            )
        return (
            "is an adapter of peft (adapter_config.json), and adapters are not applied here: merge "
            "it into its base with peft's merge_and_unload() and save_pretrained"
        )
    if (folder / "model_index.json").exists():
        return "is a pipeline of diffusers (model_index.json), no language model"
    if (folder / "modules.json").exists():
        return "is an encoder of sentence-transformers (modules.json), which writes no text"
    if (folder / "config.json").exists():
        return None
    if list(folder.glob("*.gguf")):
        return _holds_gguf(folder)
    if (folder / "params.json").exists():
        return (
            "is in its maker's own format (params.json); give the checkpoint in transformers' "
            "format, which has a config.json"
        )
    inner = sorted(file.parent.name for file in folder.glob("*/config.json"))
    if inner:
        return f"has no config.json, but its folders have; give one of them: {', '.join(inner[:6])}"
    return None


def _holds_gguf(folder: Path) -> str:
    files = sorted(path.name for path in folder.glob("*.gguf"))
    return f"holds GGUF files; give one of them: model={folder / files[0]}"


def _is_of_another_kind(architecture: str) -> bool:
    """Whether a class has a head of its own that is none for text; a bare model has no head."""
    return "For" in architecture and not any(kind in architecture for kind in WRITERS)
