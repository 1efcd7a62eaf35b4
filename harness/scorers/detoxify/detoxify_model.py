"""A checkpoint of Detoxify (Hanu and Unitary 2020), read without running anything in it."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from transformers import AutoConfig, AutoTokenizer

from harness.models.checkpoints.checkpoint import POINTER
from harness.models.checkpoints.others import check_numbers, refuse_no_tokenizer
from harness.scorers.offline.minilm import batches, split
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
        arguments, known_labels, state = _read(checkpoint)
        lacking = [label for label in labels if label not in known_labels]
        if lacking:
            raise HarnessError(
                f"checkpoint {str(checkpoint)!r} gives {', '.join(known_labels)}, but not "
                f"{', '.join(lacking)}; choose another variant with scorers.toxicity.variant=..."
            )
        self.columns = [known_labels.index(label) for label in labels]
        transformers.utils.logging.disable_progress_bar()
        if Path(base).is_dir():
            refuse_no_tokenizer(Path(base), f"scorers.toxicity.base={base!r}")
        try:
            config = AutoConfig.from_pretrained(base, num_labels=arguments["num_classes"])
            self.tokenizer = AutoTokenizer.from_pretrained(base)
        except (OSError, ValueError) as error:
            raise HarnessError(
                f"the configuration and tokenizer of {base!r} cannot be had "
                f"({' '.join(str(error).split())[:150]}); give a folder that holds them with "
                "scorers.toxicity.base=FOLDER"
            ) from error
        model = getattr(transformers, arguments["model_name"])(config)
        weights = {k: v for k, v in state.items() if not k.endswith("position_ids")}
        try:
            model.load_state_dict(weights)
        except RuntimeError as error:
            raise HarnessError(
                f"checkpoint {str(checkpoint)!r} does not fit the configuration of {base!r}: "
                f"{' '.join(str(error).split())[:200]}"
            ) from error
        check_numbers(model, f"checkpoint {str(checkpoint)!r}")
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
        shares = np.zeros((len(texts), len(self.columns)))
        for numbers in batches(lengths):
            rows = [{k: encoded[k][i] for k in encoded} for i in numbers]
            padded = self.tokenizer.pad(rows, return_tensors="pt").to(self.device)
            with torch.inference_mode():
                logits = self.model(**padded).logits
            shares[numbers] = torch.sigmoid(logits).double().cpu().numpy()[:, self.columns]
        return shares

    def pieces(self, text: str) -> list[str]:
        """The text in parts that are read whole, cut at the ends of sentences or else of tokens."""
        return split(self.tokenizer, text, self.tokens - 2)


def _read(checkpoint: Path) -> tuple[dict[str, Any], list[str], dict[str, torch.Tensor]]:
    with checkpoint.open("rb") as file:
        if file.read(len(POINTER)) == POINTER:
            raise HarnessError(
                f"checkpoint {str(checkpoint)!r} is a pointer of Git LFS, not the file; fetch it "
                "with git lfs pull"
            )
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
        name, count = arguments["model_name"], arguments["num_classes"]
        tensors = all(isinstance(tensor, torch.Tensor) for tensor in state.values())
    except (KeyError, TypeError, AttributeError) as error:
        lacks = error if isinstance(error, KeyError) else "its config or state_dict"
        raise HarnessError(
            f"checkpoint {str(checkpoint)!r} is not in Detoxify's format: it lacks {lacks}"
        ) from error
    if not tensors:
        raise HarnessError(
            f"checkpoint {str(checkpoint)!r} is not in Detoxify's format: its state_dict holds "
            "what is no tensor"
        )
    if not isinstance(count, int) or count < len(classes):  # identities may stand behind them
        raise HarnessError(
            f"checkpoint {str(checkpoint)!r} names {len(classes)} classes and says "
            f"num_classes={count!r}, so that which output is which is not known"
        )
    if name not in CLASSES:
        raise HarnessError(
            f"checkpoint {str(checkpoint)!r} is of the class {name!r}, not of {', '.join(CLASSES)}"
        )
    return arguments, classes, state
