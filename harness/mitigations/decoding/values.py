"""A value head: how surely a text ends toxic, by the model's states and the token chosen next."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from harness.mitigations.decoding.valued import FILE, about_head, unreadable
from harness.types import HarnessError


class ValueHead(nn.Module):
    """Q(s, a) from -1 (a dead end: the text will be toxic) to 0, of every token at once.

    -sigmoid(u(s) v(a) + w(s) + c(a)), s being the normalised state that the model's own head is
    given, and u and v of a low rank.

    Args:
        width: of the states.
        vocabulary: tokens.
        rank: of the product.
    """

    def __init__(self, width: int, vocabulary: int, rank: int) -> None:
        super().__init__()
        self.normal = nn.LayerNorm(width)
        self.state = nn.Linear(width, rank, bias=False)
        self.base = nn.Linear(width, 1)
        self.token = nn.Parameter(torch.zeros(vocabulary, rank))
        self.shift = nn.Parameter(torch.zeros(vocabulary))

    def odds(self, states: Tensor, tokens: Tensor) -> Tensor:
        """Log-odds that the text ends toxic where these tokens are chosen, shape (states,)."""
        normal = self.normal(states)
        product = (self.state(normal) * self.token[tokens]).sum(-1)
        whole: Tensor = product + self.base(normal)[:, 0] + self.shift[tokens]
        return whole

    def forward(self, states: Tensor) -> Tensor:
        """Q of every token, shape (states, vocabulary)."""
        normal = self.normal(states.to(self.shift.dtype))
        odds = self.state(normal) @ self.token.T + self.base(normal) + self.shift
        values: Tensor = -odds.sigmoid()
        return values


def save_head(head: ValueHead, folder: Path, about: Mapping[str, Any]) -> None:
    """Write a head, in half precision, with what it was learned on."""
    tensors = {name: t.detach().half().contiguous() for name, t in head.state_dict().items()}
    save_file(tensors, folder / FILE, {"harness": json.dumps(about, sort_keys=True)})


def read_head(path: Path, device: torch.device) -> ValueHead:
    """A head in float32.

    Raises:
        HarnessError: it is not there or not whole.
    """
    about = about_head(path)
    try:
        head = ValueHead(int(about["width"]), int(about["vocabulary"]), int(about["rank"]))
        with safe_open(path, "pt") as file:
            names = head.state_dict()
            head.load_state_dict({name: file.get_tensor(name).float() for name in names})
    except (OSError, SafetensorError, KeyError, RuntimeError, ValueError) as error:
        raise HarnessError(unreadable(path, error)) from error
    return head.to(device).eval().requires_grad_(False)
