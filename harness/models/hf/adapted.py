"""Merges an adapter of peft into the model in memory that it belongs to."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from harness.models.checkpoints.adapter import WEIGHTS
from harness.models.hf.quantised import is_quantised
from harness.types import HarnessError

EMBEDDINGS = ("embed_tokens", "lm_head", "wte", "embed_in", "embed_out")
"""Names of matrices with a row for each token."""
SHOWN = 3


def merged(model: Any, folder: Path, name: str, base: str) -> Any:
    """The model with the adapter in it; it is a model of transformers like any other.

    Args:
        model: the base; it is changed.
        folder: of the adapter.
        name: what the user called the adapter.
        base: what the base is called.

    Raises:
        HarnessError: the adapter is not one of this base.
    """
    import peft
    from safetensors.torch import load_file

    where = f"model={name!r} is no adapter of {base!r}"
    try:
        tensors = load_file(folder / WEIGHTS)
        _make_room(model, tensors)
        config = peft.PeftConfig.from_pretrained(str(folder))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            adapted = peft.get_peft_model(model, config)
            report = peft.set_peft_model_state_dict(adapted, tensors)
            _refuse_others(config, report, where)
            # Quantised weights would be rounded anew: there the adapter stays beside them.
            if is_quantised(model):
                adapted = adapted.get_base_model()
            else:
                adapted = adapted.merge_and_unload(safe_merge=True)
    except HarnessError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise HarnessError(
            f"{where} ({type(error).__name__}: {reason}); give its own base with backend.base=MODEL"
        ) from error
    for parameter in adapted.parameters():
        parameter.requires_grad_(False)
    return adapted


def _make_room(model: Any, tensors: dict[str, Any]) -> None:
    """Give the embedding as many rows as the adapter's own has, where it was trained with more."""
    rows = {
        tensor.shape[0]
        for key, tensor in tensors.items()
        if key.endswith(".weight") and key.removesuffix(".weight").endswith(EMBEDDINGS)
    }
    if rows and max(rows) > model.get_input_embeddings().weight.shape[0]:
        model.resize_token_embeddings(max(rows))


def _refuse_others(config: Any, report: Any, where: str) -> None:
    """Refuse an adapter whose tensors are not those that its config promises.

    Raises:
        HarnessError: one is missing or left over; it names them.
    """
    parts = (f"{str(config.peft_type.value).lower()}_", "modules_to_save", "trainable_tokens")
    missing = sorted(key for key in report.missing_keys if any(part in key for part in parts))
    kinds = (("missing", missing), ("left over", sorted(report.unexpected_keys)))
    differ = [
        f"{kind}: {', '.join(keys[:SHOWN])}{' ...' * (len(keys) > SHOWN)}"
        for kind, keys in kinds
        if keys
    ]
    if differ:
        raise HarnessError(
            f"{where}: its tensors are not those that its config names ({'; '.join(differ)}); copy "
            "it anew, or give its own base with backend.base=MODEL"
        )
