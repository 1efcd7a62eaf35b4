"""Which class of transformers writes text by a checkpoint's config."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from harness.types import HarnessError

SIGHT = ("vision_tower", "vision_model", "visual", "multi_modal_projector", "audio_tower",
         "embed_vision", "embed_audio")  # fmt: skip
"""What reads pictures and sounds in models of several kinds of input (transformers 5.23)."""
INPUTS = ("vision_config", "audio_config")


def class_for(config: Any) -> Any:
    """The automatic class that has a checkpoint's own one, with a head for text.

    Args:
        config: of transformers.
    """
    from transformers import AutoModelForCausalLM, AutoModelForImageTextToText
    from transformers import AutoModelForSeq2SeqLM as AutoModelForPairs
    from transformers.models.auto import modeling_auto as known

    kind = type(config)
    if config.is_encoder_decoder and kind in known.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING:
        return AutoModelForPairs
    of_images = kind in known.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING
    if of_images and kind not in known.MODEL_FOR_CAUSAL_LM_MAPPING:
        return AutoModelForImageTextToText
    return AutoModelForCausalLM


def without_sight(model: Any) -> Any:
    """The model without what reads pictures and sounds, where it has that; it is changed."""
    inner = getattr(model, model.base_model_prefix, model)
    if hasattr(inner, "language_model"):
        logging.getLogger("transformers.modeling_utils").addFilter(_of_parts_here)
        for name in SIGHT:
            if getattr(inner, name, None) is not None:
                setattr(inner, name, None)
    return model


def _of_parts_here(record: logging.LogRecord) -> bool:
    """Whether a warning is not of a part that was left out, which has no attention to be set."""
    return "without finding the associated sub-model" not in record.getMessage()


def refuse_pair(config: Mapping[str, Any], name: str) -> None:
    """Refuse a mitigation inside a model that has two parts.

    Raises:
        HarnessError: it is an encoder-decoder model.
    """
    if config.get("is_encoder_decoder"):
        raise HarnessError(
            f"model={name!r} is an encoder-decoder model, in which no mitigation acts; choose one "
            "that changes prompts or answers"
        )


def notes_on_class(config: Mapping[str, Any], name: str) -> list[str]:
    """What a reader must know of a model that is more, or other, than a causal one."""
    notes = []
    if any(config.get(part) for part in INPUTS):
        notes.append(f"{name} reads pictures or sounds as well; it is asked in text alone here.")
    if config.get("is_encoder_decoder"):
        notes.append(
            f"{name} reads a prompt by an encoder and writes by a decoder, so that an answer is a "
            "text of its own and does not go on with the prompt."
        )
    return notes
