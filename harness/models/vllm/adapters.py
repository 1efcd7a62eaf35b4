"""Adapters of peft that vLLM applies beside their base's weights: LoRA, of which it takes most."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import safe_open

from harness.models.checkpoints.adapter import CONFIG, WEIGHTS
from harness.models.hf.source import Source
from harness.types import HarnessError

RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""The highest ranks that vLLM 0.32 can be set to."""
UNTAKEN = ("use_dora", "lora_bias", "modules_to_save", "trainable_token_indices",
           "layer_replication", "alora_invocation_tokens", "use_bdlora", "use_qalora",
           "megatron_config")  # fmt: skip
"""Of LoRA what vLLM does not compute; some of it it would leave out without a word."""
PLAIN_STARTS = ("gaussian", "eva", "orthogonal", "mica")
"""Ways to begin training that leave the base as it is."""
PART = re.compile(r"(?:.*\.)?(\w+)\.lora_\w+(?:\.weight)?")
"""The name of a tensor of LoRA, by which the module is known that it is for."""
MERGED = "ask it with backend=hf, which merges it into its base"


@dataclass(frozen=True)
class Adapter:
    """What vLLM is told of an adapter."""

    folder: Path
    rank: int
    """The highest that vLLM is to take."""
    modules: tuple[str, ...]
    """Last names of those that it changes. vLLM is told: it else takes the place of all that could
    be changed, and what takes the output layer's fails where the log-probabilities of a prompt are
    asked for (0.32)."""

    def check_weighing(self, name: str) -> None:
        """Refuse what would end vLLM's engine.

        Args:
            name: what the user called it.

        Raises:
            HarnessError: it changes the output layer.
        """
        if "lm_head" in self.modules:
            raise HarnessError(
                f"model={name!r} is an adapter of the output layer, too, of which vLLM gives no "
                f"log-probabilities of choices; {MERGED}"
            )


def check_beside(source: Source, name: str) -> None:
    """Refuse an adapter that vLLM would not apply, or not wholly.

    Args:
        source: of the adapter.
        name: what the user called it.

    Raises:
        HarnessError: with what it is.
    """
    config = _config(source)
    kind = str(config.get("peft_type"))
    if kind != "LORA":
        raise HarnessError(
            f"model={name!r} is an adapter of peft's {kind}, and vLLM applies LoRA alone; {MERGED}"
        )
    if source.base is not None and source.base.base is not None:
        raise HarnessError(
            f"model={name!r} is an adapter of an adapter, and vLLM applies one at a time; {MERGED}"
        )
    begun = config.get("init_lora_weights", True)
    untaken = [f"{key}={config[key]}" for key in UNTAKEN if config.get(key)]
    untaken += [f"bias={bias}" for bias in [config.get("bias")] if bias not in (None, "none")]
    if isinstance(begun, str) and begun.lower() not in PLAIN_STARTS:
        untaken.append(f"init_lora_weights={begun}")
    if _rank(config) > RANKS[-1]:
        untaken.append(f"r={_rank(config)}")
    if untaken:
        raise HarnessError(
            f"model={name!r} is a LoRA adapter with {', '.join(untaken)}, which vLLM does not "
            f"compute; {MERGED}"
        )


def beside(source: Source) -> Adapter:
    """What vLLM is told of an adapter that was checked; its weights are fetched."""
    needed, folder = _rank(_config(source)), source.weights_folder()
    with safe_open(folder / WEIGHTS, "pt") as tensors:
        names = list(tensors.keys())
    parts = {match[1] for name in names if (match := PART.fullmatch(name))}
    return Adapter(folder, next(rank for rank in RANKS if rank >= needed), tuple(sorted(parts)))


def settings_of(adapter: Adapter | None) -> dict[str, Any]:
    """Engine options of vLLM for an adapter."""
    if adapter is None:
        return {}
    modules = list(adapter.modules)
    return {
        "enable_lora": True, "max_lora_rank": adapter.rank, "lora_target_modules": modules or None,
    }  # fmt: skip


async def applied(core: Any, adapter: Adapter | None, name: str) -> dict[str, Any]:
    """Give vLLM's engine an adapter; gives the arguments of a request that apply it.

    Raises:
        HarnessError: it does not fit the base.
    """
    if adapter is None:
        return {}
    from vllm.lora.request import LoRARequest

    request = LoRARequest(name, 1, str(adapter.folder))
    try:
        await core.add_lora(request)
    except Exception as error:
        message = " ".join(str(error).split())[:300]
        raise HarnessError(
            f"model={name!r} cannot be applied by vLLM ({type(error).__name__}: {message}); "
            "give its own base with backend.base=MODEL, or ask it with backend=hf"
        ) from error
    return {"lora_request": request}


def _config(source: Source) -> Mapping[str, Any]:
    config: Mapping[str, Any] = json.loads((source.small_files / CONFIG).read_text("utf-8"))
    return config


def _rank(config: Mapping[str, Any]) -> int:
    """The highest rank of any of its modules."""
    return max([int(config.get("r") or 8), *map(int, (config.get("rank_pattern") or {}).values())])
