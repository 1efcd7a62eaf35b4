"""all-MiniLM-L6-v2 with low-rank adapters and a head: the network of the offline scorers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import BertConfig, BertModel, BertTokenizerFast

from harness.scorers.encoder import encoder_folder
from harness.scorers.offline.packed import PACKED_TOKENS, Packed
from harness.scorers.offline.texts import (
    BATCH_TOKENS,
    REQUEST,
    TOKENS,
    Text,
    batches,
    collate,
    encode,
    pairs,
    split,
    tokens_of,
)
from harness.types import HarnessError

__all__ = [
    "BITS",
    "TOKENS",
    "Adapter",
    "Network",
    "Reader",
    "SentenceEncoder",
    "Stored",
    "Text",
    "batches",
    "collate",
    "encode",
    "pairs",
    "split",
]

BITS = 8
"""Of states and weights, where a file says so; a file that says nothing is read in float32."""
ADAPTED = ("query", "key", "value", "dense")
"""Linear maps of every layer that have an adapter."""


class Adapter(nn.Module):
    """Adds a product of two thin matrices to a weight (LoRA, Hu et al. 2021, arXiv 2106.09685)."""

    def __init__(self, out: int, into: int, rank: int) -> None:
        super().__init__()
        self.down = nn.Parameter(torch.randn(rank, into) / into**0.5)
        self.up = nn.Parameter(torch.zeros(out, rank))

    def forward(self, states: Tensor) -> Tensor:
        """What it adds to the states that the weight gives."""
        return (states @ self.down.T) @ self.up.T

    def merged(self, weight: Tensor) -> Tensor:
        """The weight as it is used."""
        return weight + self.up @ self.down


class Network(nn.Module):
    """The encoder and a head on the mean and the maximum of its states.

    Args:
        outputs: numbers that it gives for a text.
        rank: of the adapters.
    """

    def __init__(self, outputs: int, rank: int) -> None:
        super().__init__()
        self.encoder, self.tokenizer = published()
        for parameter in self.encoder.parameters():
            parameter.requires_grad = False
        self.adapters = nn.ModuleDict()
        self._adapting: list[Any] = []
        for name, module in self.encoder.named_modules():
            if isinstance(module, nn.Linear) and name.rpartition(".")[2] in ADAPTED:
                adapter = Adapter(module.out_features, module.in_features, rank)
                self.adapters[name.replace(".", "/")] = adapter
                self._adapting.append(module.register_forward_hook(_adding(adapter)))
        width = int(self.encoder.config.hidden_size)
        self.head = nn.Sequential(
            nn.Linear(2 * width, 256), nn.GELU(), nn.Dropout(0.1), nn.Linear(256, outputs)
        )

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """Logits, of shape (texts, outputs)."""
        states = self.encoder(**batch).last_hidden_state
        mask = batch["attention_mask"][:, :, None].to(states.dtype)
        mean = (states * mask).sum(1) / mask.sum(1)
        most = states.masked_fill(mask == 0, -1e4).amax(1)
        logits: Tensor = self.head(torch.cat([mean, most], 1))
        return logits

    def merge(self) -> None:
        """Put the adapters into the weights, where they cost nothing."""
        with torch.no_grad():
            for name, adapter in self.adapters.items():
                weight = self.encoder.get_parameter(f"{name.replace('/', '.')}.weight")
                assert isinstance(adapter, Adapter)
                weight.copy_(adapter.merged(weight))
        for hook in self._adapting:
            hook.remove()
        self._adapting, self.adapters = [], nn.ModuleDict()

    def take(self, state: Mapping[str, Tensor]) -> None:
        """Take over what a training left.

        Raises:
            KeyError: it has other names than what training changes here.
            RuntimeError: it has other shapes.
        """
        lacking, unknown = self.load_state_dict(state, strict=False)
        if unknown or any(not name.startswith("encoder.") for name in lacking):
            raise KeyError("other names of weights")

    def trained(self) -> dict[str, Tensor]:
        """What training changes, in half precision."""
        return {
            name: value.detach().to(torch.float16).contiguous()
            for name, value in self.state_dict().items()
            if not name.startswith("encoder.")
        }


def _adding(adapter: Adapter) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor]:
    """The adapter as what happens after a linear map."""
    return lambda module, inputs, output: output + adapter(inputs[0])


class Stored(NamedTuple):
    """A file that `python -m harness.train` made."""

    facts: Mapping[str, Any]
    """`outputs`, `rank`, and what else reading it needs."""
    state: Mapping[str, Tensor]

    @classmethod
    def read(cls, path: Path) -> Stored:
        """Raises OSError, SafetensorError or ValueError where it is not there or not whole."""
        with safe_open(path, "pt") as file:
            facts = json.loads((file.metadata() or {}).get("harness", "{}"))
            return cls(facts, {name: file.get_tensor(name).float() for name in file.keys()})  # noqa: SIM118


class Reader:
    """Reads texts with trained weights.

    Args:
        weights: a safetensors file that `python -m harness.train` made.
        device: as torch writes it; `auto`: an accelerator where there is one.

    Raises:
        HarnessError: the encoder's package or the weights are not there or not whole.
    """

    def __init__(self, weights: Path, device: str = "auto") -> None:
        try:
            self.facts, state = Stored.read(weights)
            network = Network(self.facts["outputs"], self.facts["rank"])
            network.take(state)
        except (OSError, SafetensorError, KeyError, ValueError, RuntimeError) as error:
            raise HarnessError(
                f"weights {str(weights)!r} cannot be read ({error}); make them with "
                "python -m harness.train"
            ) from error
        network.merge()
        self.device = found_device(device)
        self.outputs = int(self.facts["outputs"])
        self.network = network.to(self.device).eval()
        self._packed = Packed(
            self.network.encoder, self.network.head, rounded=self.facts.get("bits") == BITS
        )

    def __call__(self, texts: Sequence[Text]) -> NDArray[np.float64]:
        """Logits, of shape (texts, outputs), whatever stands beside a text."""
        encoded = encode(self.network.tokenizer, texts)
        ids, types = encoded["input_ids"], encoded["token_type_ids"]
        logits = np.zeros((len(texts), self.outputs))
        with torch.inference_mode():
            for numbers in batches([len(row) for row in ids], _room(self.device)):
                batch = self._packed([ids[i] for i in numbers], [types[i] for i in numbers])
                logits[numbers] = batch.double().cpu().numpy()
        return logits

    def pieces(self, text: str) -> list[str]:
        """The text in parts that can be read whole, cut at the ends of sentences."""
        return split(self.network.tokenizer, text, TOKENS - 2)

    def pieces_of(self, texts: Sequence[str]) -> list[list[str]]:
        """Each text's parts: of a short text itself, all texts being measured at once."""
        sizes = [len(row.ids) for row in tokens_of(self.network.tokenizer, texts)]
        room = TOKENS - 2
        return [
            [text] if 0 < size <= room else self.pieces(text)
            for text, size in zip(texts, sizes, strict=True)
        ]

    def pairs(self, request: str, answer: str) -> list[tuple[str, str]]:
        """Each part of an answer with the end of the request."""
        return pairs(self.network.tokenizer, request, answer)

    def pairs_of(
        self, requests: Sequence[str], answers: Sequence[str]
    ) -> list[list[tuple[str, str]]]:
        """The parts of each answer with the end of its request, all being measured at once."""
        asking = [len(row.ids) for row in tokens_of(self.network.tokenizer, requests)]
        saying = [len(row.ids) for row in tokens_of(self.network.tokenizer, answers)]
        return [
            [(request, answer)]
            if 0 < first <= REQUEST and 0 < second <= TOKENS - 3 - first
            else self.pairs(request, answer)
            for request, answer, first, second in zip(
                requests, answers, asking, saying, strict=True
            )
        ]


def published() -> tuple[BertModel, BertTokenizerFast]:
    """The encoder as it was published, and its tokenizer."""
    folder = encoder_folder()
    config = BertConfig.from_pretrained(folder, attn_implementation="sdpa")
    model = BertModel(config, add_pooling_layer=False)
    left_out = ("pooler.", "embeddings.position_ids")
    try:
        state = load_file(folder / "model.safetensors")
        model.load_state_dict({k: v for k, v in state.items() if not k.startswith(left_out)})
    except (OSError, SafetensorError, RuntimeError) as error:
        raise HarnessError(
            f"the sentence encoder in {str(folder)!r} is not whole "
            f"({' '.join(str(error).split())[:200]}); install its package anew"
        ) from error
    return model, BertTokenizerFast.from_pretrained(folder, local_files_only=True)


class SentenceEncoder:
    """The encoder as it was published: the normalised mean of its states, 384 numbers a text.

    Args:
        device: as torch writes it; `auto`: an accelerator where there is one.
    """

    LENGTH = 256
    """Tokens of a text that are read, as its card says."""

    def __init__(self, device: str = "auto") -> None:
        model, self.tokenizer = published()
        self.device = found_device(device)
        self.model = model.to(self.device).eval()

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Embeddings of length 1, of shape (texts, 384)."""
        encoded = self.tokenizer(list(texts), truncation=True, max_length=self.LENGTH)
        rows = {name: encoded[name] for name in ("input_ids", "token_type_ids")}
        embeddings = np.zeros((len(texts), int(self.model.config.hidden_size)))
        with torch.inference_mode():
            for numbers in batches([len(ids) for ids in rows["input_ids"]], _room(self.device)):
                batch = collate(rows, numbers, self.device)
                states = self.model(**batch).last_hidden_state.double()
                mask = batch["attention_mask"][:, :, None].double()
                mean = (states * mask).sum(1) / mask.sum(1)
                embeddings[numbers] = nn.functional.normalize(mean, dim=1).cpu().numpy()
        return embeddings


def _room(device: str) -> int:
    """Tokens that are read together; on a processor few, whose states stay in its cache."""
    return PACKED_TOKENS if device == "cpu" else BATCH_TOKENS


def found_device(device: str) -> str:
    """The device that `auto` stands for."""
    if device != "auto":
        return device
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    return str(accelerator) if accelerator else "cpu"
