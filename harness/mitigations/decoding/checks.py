"""What options of decoding mitigations must be, and the models that they are told of."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from harness.types import HarnessError

if TYPE_CHECKING:
    from harness.models.hf.model import HuggingFaceModel


def check_number(name: str, value: float, low: float, high: float = math.inf) -> float:
    """The number, where it is within its bounds and finite.

    Raises:
        HarnessError: it is not.
    """
    if not math.isfinite(value):
        raise HarnessError(f"mitigation.{name}={value!r} must be a finite number")
    if not low <= value <= high:
        bounds = f"at least {low:g}" if high == math.inf else f"from {low:g} to {high:g}"
        raise HarnessError(f"mitigation.{name}={value!r} must be {bounds}")
    return float(value)


def auxiliary_model(name: str, device: str = "auto") -> HuggingFaceModel:
    """A checkpoint or an adapter of peft that runs beside the model."""
    from harness.models.hf.model import HuggingFaceModel

    return HuggingFaceModel(name, device=device)


def auxiliary_weights(option: str, name: str) -> str:
    """Which weights an auxiliary model has, for an identity; loads none.

    Args:
        option: that names it.
        name: of the model.

    Raises:
        HarnessError: it is no checkpoint.
    """
    from harness.models.hf.auxiliaries import of_option

    with of_option(option):
        return auxiliary_model(name).identity["weights"]


def check_tokenizer(option: str, other: HuggingFaceModel, model: HuggingFaceModel) -> None:
    """Refuse an auxiliary model that has other tokens than the model; loads no weights.

    Args:
        option: that names the auxiliary model.
        other: the auxiliary model.
        model: that is asked.

    Raises:
        HarnessError: its tokenizer is another.
    """
    from harness.models.hf.auxiliaries import of_option

    with of_option(option):
        theirs = other.tokenizer.get_vocab()
    ours = model.tokenizer.get_vocab()
    if theirs != ours:
        shared = sum(1 for token, number in theirs.items() if ours.get(token) == number)
        raise HarnessError(
            f"mitigation.{option}={other.name!r} has another tokenizer than model={model.name!r} "
            f"({len(theirs):,} tokens and {len(ours):,}, of which {shared:,} are the same): give "
            "one that was tuned from it"
        )


def read_text(option: str, value: str) -> str:
    """A text, or with `@FILE` what stands in a file.

    Raises:
        HarnessError: there is no such file, or no text in it.
    """
    if not value.startswith("@"):
        return value
    try:
        return Path(value[1:]).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise HarnessError(f"mitigation.{option}={value!r} cannot be read ({error})") from error
