"""A value head: how surely a text ends toxic, by the model's states and the token chosen next."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from harness.mitigations.decoding.valued import FILE, about_head, unreadable, values_path
from harness.types import HarnessError

if TYPE_CHECKING:
    from harness.models.hf.loaded import LoadedModel


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


def head_of(mitigation: str, values: str | None, loaded: LoadedModel) -> ValueHead:
    """The value head that a mitigation names, for a loaded model.

    Raises:
        HarnessError: it is not there, not whole, or of other states or tokens than the model's.
    """
    path = values_path(mitigation, values)
    head = read_head(path, loaded.device)
    theirs = head.base.in_features, len(head.shift)
    ours = int(loaded.model.config.get_text_config().hidden_size), loaded.vocabulary
    if theirs != ours:
        raise HarnessError(
            f"mitigation.values={values!r} is of states {theirs[0]:,} wide and {theirs[1]:,} "
            f"tokens, and model={loaded.encoder.name!r} has {ours[0]:,} and {ours[1]:,}; make one "
            "of its own with python -m harness.mitigate method=value_model"
        )
    return head


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
            tensors = {name: file.get_tensor(name).float() for name in names}
        head.load_state_dict(tensors)
        if bad := [name for name, tensor in tensors.items() if not bool(tensor.isfinite().all())]:
            raise ValueError(f"{bad[0]} has numbers that are not finite")
    except (OSError, SafetensorError, KeyError, RuntimeError, ValueError) as error:
        raise HarnessError(unreadable(path, error)) from error
    return head.to(device).eval().requires_grad_(False)
