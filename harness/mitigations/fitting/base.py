"""The model that a method works on, in memory: its network, its tokens, its files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from harness.mitigations.fitting.texts import Text
from harness.models.hf.model import HuggingFaceModel
from harness.models.hf.places import is_several
from harness.models.hf.prompt_encoder import PromptEncoder
from harness.types import HarnessError, Message, Request

LONGEST = 256
"""Tokens of a prompt and of a text that are read; what is longer is cut."""


class Row(NamedTuple):
    """A text in tokens."""

    tokens: tuple[int, ...]
    begins: int
    """How many tokens are the prompt's, which are read and not learned."""


class Batch(NamedTuple):
    """Rows as tensors of one length, shape (rows, tokens)."""

    tokens: torch.Tensor
    mask: torch.Tensor
    """1 where there is a token."""
    learned: torch.Tensor
    """True where a token is the text's."""


class Base:
    """A model of transformers, in float32 while it is worked on.

    Args:
        model: as the command line names it.
    """

    def __init__(self, model: HuggingFaceModel) -> None:
        if is_several(model.device):
            raise HarnessError(
                f"backend.device={model.device!r}: a model that is worked on stays whole; name one "
                "device"
            )
        self.tokenizer, self.network = model.read("float32")
        self.encoder = PromptEncoder(self.tokenizer, model.name)
        declared = self.network.generation_config
        self.ends = self.encoder.ends(declared.eos_token_id if declared else None)
        self.name = model.name
        self.dtype: torch.dtype = getattr(torch, model.identity["dtype"])

    def row(self, text: Text) -> Row:
        """A text in tokens; an answer that is not cut ends with the token that ends answers."""
        asked = (Message("user", text.prompt),) if text.asked else text.prompt
        request = Request("text", asked, choices=(text.text,))
        prompt = self.encoder.encode(request)
        (answer,) = self.encoder.choices(request, prompt)
        ended = text.asked and bool(self.ends) and len(answer) <= LONGEST
        end = [self.ends[-1]] if ended else []
        context = prompt[-LONGEST:]
        return Row((*context, *answer[:LONGEST], *end), len(context))

    def rows(self, texts: Iterable[Text]) -> list[Row]:
        """Texts in tokens, in their order.

        Raises:
            HarnessError: a text is empty.
        """
        rows = [self.row(text) for text in texts]
        if any(len(row.tokens) <= row.begins for row in rows):
            raise HarnessError("data: a text has no token of its own to learn; take it out")
        return rows

    def batch(self, rows: Sequence[Row]) -> Batch:
        """Rows as tensors, filled on the right."""
        longest = max(len(row.tokens) for row in rows)
        shape = (len(rows), longest)
        tokens = torch.full(shape, self.encoder.pad, dtype=torch.long)
        mask = torch.zeros(shape, dtype=torch.long)
        learned = torch.zeros(shape, dtype=torch.bool)
        for number, row in enumerate(rows):
            tokens[number, : len(row.tokens)] = torch.tensor(row.tokens)
            mask[number, : len(row.tokens)] = 1
            learned[number, row.begins : len(row.tokens)] = True
        device = self.network.device
        return Batch(tokens.to(device), mask.to(device), learned.to(device))

    def save(self, folder: Path) -> None:
        """Write a checkpoint in the base's own dtype, with its tokenizer, in the hub's format."""
        self.network.to(self.dtype).save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)


def by_length(rows: Sequence[Row], tokens: int) -> Iterator[list[int]]:
    """Numbers of rows in batches of so many tokens, long rows with long ones."""
    batch: list[int] = []
    for number in sorted(range(len(rows)), key=lambda n: -len(rows[n].tokens)):
        if batch and len(rows[batch[0]].tokens) * (len(batch) + 1) > tokens:
            yield batch
            batch = []
        batch.append(number)
    if batch:
        yield batch
