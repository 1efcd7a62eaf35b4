"""A checkpoint of Detoxify (Hanu and Unitary 2020), read without running anything in it."""

from __future__ import annotations

import pickle
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from transformers import AutoConfig, AutoTokenizer

from harness.types import HarnessError

CLASSES = (
    "BertForSequenceClassification", "RobertaForSequenceClassification",
    "XLMRobertaForSequenceClassification", "AlbertForSequenceClassification",
)  # fmt: skip
RENAMED = {
    "toxic": "toxicity",
    "identity_hate": "identity_attack",
    "severe_toxic": "severe_toxicity",
}
"""Labels of the first checkpoint, as the later ones call them."""
BATCH_TOKENS = 8192
"""Tokens of a batch, padding included."""


class DetoxifyModel:
    """The classifier of a checkpoint, on a device.

    Args:
        checkpoint: in Detoxify's own format, loaded as weights only.
        base: folder or hub id with the configuration and tokenizer that it was made from.
        labels: that it must give, in whatever order.
        device: as torch writes it; `auto`: an accelerator where there is one.

    Raises:
        HarnessError: the checkpoint is none of Detoxify's, or the base cannot be had.
    """

    def __init__(self, checkpoint: Path, base: str, labels: Sequence[str], device: str) -> None:
        arguments, given, state = _read(checkpoint)
        lacking = [label for label in labels if label not in given]
        if lacking:
            raise HarnessError(
                f"checkpoint {str(checkpoint)!r} gives {', '.join(given)}, but not "
                f"{', '.join(lacking)}; choose another variant with scorers.toxicity.variant=..."
            )
        self.columns = [given.index(label) for label in labels]
        transformers.utils.logging.disable_progress_bar()
        try:
            config = AutoConfig.from_pretrained(base, num_labels=int(arguments["num_classes"]))
            self.tokenizer = AutoTokenizer.from_pretrained(base)
        except (OSError, ValueError) as error:
            raise HarnessError(
                f"the configuration and tokenizer of {base!r} cannot be had "
                f"({' '.join(str(error).split())[:150]}); give a folder that holds them with "
                "scorers.toxicity.base=FOLDER"
            ) from error
        model = getattr(transformers, arguments["model_name"])(config)
        found = {k: v for k, v in state.items() if not k.endswith("position_ids")}
        try:
            model.load_state_dict(found)
        except RuntimeError as error:
            raise HarnessError(
                f"checkpoint {str(checkpoint)!r} does not fit the configuration of {base!r}: "
                f"{' '.join(str(error).split())[:200]}"
            ) from error
        if device == "auto":
            accelerator = torch.accelerator.current_accelerator(check_available=True)
            device = str(accelerator) if accelerator else "cpu"
        self.device = device
        self.model = model.to(device).eval()
        offset = 2 if "oberta" in type(model).__name__ else 0  # its positions begin at 2
        self.tokens = min(config.max_position_embeddings - offset, 512)

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """The share of each label, of shape (texts, labels); batches are of like lengths."""
        encoded = self.tokenizer(list(texts), truncation=True, max_length=self.tokens)
        lengths = [len(ids) for ids in encoded["input_ids"]]
        found = np.zeros((len(texts), len(self.columns)))
        batch: list[int] = []
        for number in [*sorted(range(len(texts)), key=lambda i: lengths[i]), None]:
            full = number is None or (len(batch) + 1) * lengths[number] > BATCH_TOKENS
            if batch and full:
                rows = [{k: encoded[k][i] for k in encoded} for i in batch]
                padded = self.tokenizer.pad(rows, return_tensors="pt").to(self.device)
                with torch.inference_mode():
                    logits = self.model(**padded).logits
                found[batch] = torch.sigmoid(logits).double().cpu().numpy()[:, self.columns]
                batch = []
            if number is not None:
                batch.append(number)
        return found

    def pieces(self, text: str) -> list[str]:
        """The text in parts that are read whole, cut at the ends of sentences or else of tokens."""
        room = self.tokens - 2
        sentences = [s for s in re.split(r"(?<=[.!?;])\s+|\n+", text) if s]
        encoded = self.tokenizer(
            sentences, add_special_tokens=False, return_offsets_mapping=True, verbose=False
        )
        parts: list[str] = []
        held: list[str] = []
        size = 0
        for sentence, places in zip(sentences, encoded["offset_mapping"], strict=True):
            for first in range(0, len(places), room):
                cut = places[first : first + room]
                if size + len(cut) > room:
                    parts.append(" ".join(held))
                    held, size = [], 0
                held.append(sentence[cut[0][0] : cut[-1][1]])
                size += len(cut)
        parts += [" ".join(held)] if held else []
        return parts or [text]


def _read(checkpoint: Path) -> tuple[dict[str, Any], list[str], dict[str, torch.Tensor]]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a pickle that it refuses anyway
            content = torch.load(checkpoint, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise HarnessError(
            f"checkpoint {str(checkpoint)!r} cannot be read as weights alone "
            f"({' '.join(str(error).split())[:150]})"
        ) from error
    try:
        arguments = content["config"]["arch"]["args"]
        classes = [RENAMED.get(c, c) for c in content["config"]["dataset"]["args"]["classes"]]
        state = content["state_dict"]
        name = arguments["model_name"]
    except (KeyError, TypeError) as error:
        raise HarnessError(
            f"checkpoint {str(checkpoint)!r} is not in Detoxify's format: it lacks {error}"
        ) from error
    if name not in CLASSES:
        raise HarnessError(
            f"checkpoint {str(checkpoint)!r} is of the class {name!r}, not of {', '.join(CLASSES)}"
        )
    return arguments, classes, state
