"""Merges an adapter of peft into the model in memory that it belongs to."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch

from harness.models.checkpoints.adapter import CONFIG, WEIGHTS
from harness.models.checkpoints.classes import SIGHT
from harness.models.hf.quantised import is_quantised
from harness.models.hf.spreading import device_of
from harness.models.hf.trying import NOISE
from harness.types import HarnessError

EMBEDDINGS = ("embed_tokens", "lm_head", "wte", "embed_in", "embed_out", "shared")
"""Names of matrices with a row for each token."""
SHOWN = 3
TRIED = 8
"""Tokens by which a merged adapter is held against the one beside its base."""


@dataclass(frozen=True)
class Adapter:
    """An adapter as it stands in its folder."""

    name: str
    """What the user called it."""
    config: Any
    """Peft's."""
    tensors: dict[str, torch.Tensor]


def read_adapter(folder: Path, name: str) -> Adapter:
    """An adapter that peft knows wholly, before its base is read.

    Args:
        folder: of the adapter.
        name: what the user called it.

    Raises:
        HarnessError: peft knows its kind or one of its settings not, or a tensor is no number.
    """
    import json

    import peft
    from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING
    from safetensors.torch import load_file

    settings = json.loads((folder / CONFIG).read_text("utf-8"))
    kind = PEFT_TYPE_TO_CONFIG_MAPPING.get(settings["peft_type"])
    update = f"which peft {peft.__version__} does not know; install a newer one"
    if kind is None:
        raise HarnessError(
            f"model={name!r} is an adapter of kind {settings['peft_type']!r}, {update}"
        )
    known = {setting.name for setting in fields(kind)}
    unknown = [f"{key}={value!r}" for key, value in settings.items() if key not in known and value]
    if unknown:
        raise HarnessError(
            f"model={name!r} is an adapter with {', '.join(unknown[:SHOWN])} ({CONFIG}), {update}"
        )
    tensors = load_file(folder / WEIGHTS)
    broken = [key for key, tensor in tensors.items() if not bool(tensor.float().isfinite().all())]
    if broken:
        raise HarnessError(
            f"model={name!r} is an adapter with numbers that are not finite ({broken[0]}); copy or "
            "train it anew"
        )
    try:
        with _quiet():
            config = peft.PeftConfig.from_pretrained(str(folder))
    except Exception as error:
        raise HarnessError(
            f"model={name!r} has an {CONFIG} that peft does not take ({_reason(error)}); copy it "
            "anew"
        ) from error
    return Adapter(name, config, tensors)


def merged(model: Any, adapter: Adapter, base: str) -> Any:
    """The model with the adapter in it; it is a model of transformers like any other.

    Args:
        model: the base; it is changed.
        adapter: that is to be merged.
        base: what the base is called.

    Raises:
        HarnessError: the adapter is not one of this base, or cannot be merged.
    """
    import peft

    rounded = is_quantised(model)
    where = f"model={adapter.name!r} is no adapter of {base!r}"
    if rounded:
        where += " in quantised weights"
    try:
        with _quiet():
            _make_room(model, adapter.tensors)
            adapted = peft.get_peft_model(model, adapter.config).eval()
            report = peft.set_peft_model_state_dict(adapted, adapter.tensors)
            _refuse_others(adapted, report, adapter.tensors, where)
    except HarnessError:
        raise
    except Exception as error:
        raise HarnessError(
            f"{where} ({_reason(error)}); give its own base with backend.base=MODEL"
            f"{', or plain weights' if rounded else ''}"
        ) from error
    within = _beside(adapted, where) if rounded else _merged_exactly(adapted, adapter)
    _share_config(within, adapter.config)
    for parameter in within.parameters():
        parameter.requires_grad_(False)
    return within


def _beside(adapted: Any, where: str) -> Any:
    """The base with the adapter beside its weights, which would be rounded anew by a merge.

    Raises:
        HarnessError: peft cannot compute it there.
    """
    try:
        for _ in range(2):  # the first forward of some turns weights into what no second can read
            _logits(adapted)
    except Exception as error:
        raise HarnessError(
            f"{where} ({_reason(error)}); ask it over plain weights, or in another scheme"
        ) from error
    return adapted.get_base_model()


def _merged_exactly(adapted: Any, adapter: Adapter) -> Any:
    """The base with the adapter in its weights, which says what it said with it beside.

    Raises:
        HarnessError: peft cannot merge it, or something else comes of it.
    """
    subject = f"model={adapter.name!r} is an adapter that peft cannot merge into weights"
    before = _logits(adapted)
    try:
        _part(adapted)
        with _quiet():
            within = adapted.merge_and_unload(safe_merge=True)
    except Exception as error:
        raise HarnessError(
            f"{subject} ({_reason(error)}); give a checkpoint that it is merged into"
        ) from error
    moved = float((before - _logits(within)).square().mean().sqrt() / before.std())
    if not moved <= NOISE.get(within.dtype, 1e-3):  # what is no number is no agreement
        raise HarnessError(
            f"{subject}: logits then differ by {moved:.3g} standard deviations from those with the "
            "adapter beside its base; give a checkpoint that it is merged into"
        )
    return within


def _part(adapted: Any) -> None:
    """Give each layer that is changed a weight of its own, where it shares one with another.

    What is merged into a tied output layer would change the embedding, too, and what is merged
    into a layer that stands twice, both. A bias that an adapter adds to is 0 where there is none.
    """
    from peft.tuners.tuners_utils import BaseTunerLayer

    model = adapted.get_base_model()
    holders: dict[int, int] = {}
    for module in model.modules():
        for weight in module._parameters.values():
            if weight is not None:
                holders[id(weight)] = holders.get(id(weight), 0) + 1
    for layer in (module for module in model.modules() if isinstance(module, BaseTunerLayer)):
        inner: Any = layer.get_base_layer()
        weight = inner._parameters.get("weight")
        if weight is None:
            continue
        if holders[id(weight)] > 1:
            inner.weight = torch.nn.Parameter(weight.detach().clone(), requires_grad=False)
            if inner in (model.get_input_embeddings(), model.get_output_embeddings()):
                model.config.get_text_config().tie_word_embeddings = False
                model.config.tie_word_embeddings = False
        lacks = isinstance(inner, torch.nn.Linear) and getattr(inner, "bias", None) is None
        if lacks and _adds_bias(adapted):
            inner.bias = torch.nn.Parameter(weight.new_zeros(len(weight)), requires_grad=False)


def _share_config(model: Any, config: Any) -> None:
    """Give layers that an adapter repeats the model's own config, of which peft makes copies.

    By it an attention is set, so that a layer with another would keep its own.
    """
    if getattr(config, "layer_replication", None):
        of_text = model.config.get_text_config()
        for module in model.get_decoder().modules():
            if isinstance(getattr(module, "config", None), type(of_text)):
                module.config = of_text


def _adds_bias(adapted: Any) -> bool:
    config = adapted.active_peft_config
    return bool(getattr(config, "lora_bias", False)) or config.peft_type.value == "BEFT"


@torch.inference_mode()
def _logits(model: Any) -> torch.Tensor:
    """What a model says of a few tokens, float32."""
    config = model.config
    size = int(config.get_text_config().vocab_size)
    drawn = torch.randint(size, (1, TRIED), generator=torch.Generator().manual_seed(0))
    tokens = drawn.to(device_of(model.get_input_embeddings()))
    pair = {"decoder_input_ids": tokens} if config.is_encoder_decoder else {}
    logits: torch.Tensor = model(input_ids=tokens, use_cache=False, **pair).logits
    return logits.float()


@contextmanager
def _quiet() -> Iterator[None]:
    """No warnings of peft's, and what it draws at random is drawn alike each time."""
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        yield


def _make_room(model: Any, tensors: dict[str, Any]) -> None:
    """Give the embedding as many rows as the adapter's own has, where it was trained with more."""
    rows = {
        tensor.shape[0]
        for key, tensor in tensors.items()
        if key.endswith(".weight") and key.removesuffix(".weight").endswith(EMBEDDINGS)
    }
    if rows and max(rows) > model.get_input_embeddings().weight.shape[0]:
        model.resize_token_embeddings(max(rows))


def _refuse_others(adapted: Any, report: Any, tensors: dict[str, Any], where: str) -> None:
    """Refuse an adapter whose tensors are not those that peft would save of it.

    Of what layers share, and of what is tied, one is saved; what belongs to parts that read
    pictures is of no use in text.

    Raises:
        HarnessError: one is missing or left over; it names them.
    """
    import peft

    saved = peft.get_peft_model_state_dict(adapted, save_embedding_layers=False)
    lacking = [key.replace(".default", "") for key in report.missing_keys]
    missing = sorted(
        key
        for key in saved.keys() - tensors.keys()
        if any(other.endswith(key.removeprefix("base_model.")) for other in lacking)
    )
    unknown = sorted(
        key for key in report.unexpected_keys if not set(SIGHT).intersection(key.split("."))
    )
    kinds = (("missing", missing), ("left over", unknown))
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


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
