"""Trains a model's last layers alone: what the others give of each text is computed once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import takewhile
from typing import Any, NamedTuple

import torch
from torch import Tensor

from harness.mitigations.fitting.base import Base, Row
from harness.mitigations.fitting.losses import halves, learned_logits
from harness.mitigations.fitting.method import Fit
from harness.models.hf.hooks import layers_of
from harness.types import HarnessError

PACK_TOKENS = 1024
"""Tokens of one forward."""
ALIKE = 8
"""Rows whose first so many tokens are the same share what they begin with."""
SAME = 0.02
"""Logits of a text in a pack and by itself differ by less, by rounding."""


class Part(NamedTuple):
    """Tokens in a pack: of one row, or what rows of a group begin with."""

    row: int | None
    """None: shared by a group."""
    group: int
    first: int
    """Of its tokens, in the row."""
    tokens: tuple[int, ...]


class Pack(NamedTuple):
    """Rows one after the other: what several begin with stands once, and nothing is filled up."""

    parts: Sequence[Part]
    tokens: Tensor
    """Shape (tokens,)."""
    positions: Tensor
    """Of each token in its row."""
    seen: Tensor
    """0 where a token (first dimension) looks at another, else the least float."""
    places: Tensor
    """At which each learned token is chosen."""
    learned: Tensor
    """The learned tokens."""


class Upper:
    """A model whose last layers are trained, and texts as the layers below them give them.

    Args:
        base: the model; no weight but those of the last layers is trained from now on.
        rows: the texts. Of each token a state is held in memory, 4 bytes for each of its numbers.
        layers: how many are trained.

    Raises:
        HarnessError: the model has no layer more than that.
    """

    def __init__(self, base: Base, rows: Sequence[Row], layers: int) -> None:
        every = layers_of(base.network, base.name)
        if not 1 <= layers < len(every):
            raise HarnessError(
                f"method.layers={layers}: of the {len(every)} layers of model={base.name!r} the "
                f"last 1 to {len(every) - 1} can be trained; null trains all weights"
            )
        self.base, self.rows = base, rows
        self._layers, self._trained = every, every[len(every) - layers :]
        base.network.requires_grad_(False)
        self._trained.requires_grad_(True)
        self._groups = _groups(rows)
        self._states: dict[tuple[int | None, int], Tensor] = {}

    def read(self, fit: Fit) -> None:
        """Compute what the layers below give of each text.

        Raises:
            HarnessError: the last layers on those states give other logits than the model.
        """
        packs = list(self._packs(range(len(self.rows))))[: 1 if fit.forecast else None]
        for number, pack in enumerate(packs, 1):
            states = torch.split(self._below(pack), [len(part.tokens) for part in pack.parts])
            for part, of_part in zip(pack.parts, states, strict=True):
                self._states[part.row, part.group] = of_part.clone()
            if number == 1:
                self._check(pack)
            if number in (1, len(packs)):
                fit.log(f"states of {number} of {len(packs)} packs of texts are read")

    def loss(self, numbers: Sequence[int]) -> Iterator[Tensor]:
        """Mean negative log-probability of the rows' learned tokens, in parts that are summed."""
        packs = list(self._packs(numbers))
        count = sum(len(pack.learned) for pack in packs)
        for pack in packs:
            logits = self._logits(pack)
            yield torch.nn.functional.cross_entropy(logits, pack.learned, reduction="sum") / count

    def _packs(self, numbers: Sequence[int]) -> Iterator[Pack]:
        """The rows of each group together, as many as one forward takes."""
        parts: list[Part] = []
        held = 0
        for n in sorted(numbers, key=lambda n: (self._groups[n][0], n)):
            group, shared = self._groups[n]
            tokens = self.rows[n].tokens
            if parts and held + len(tokens) > PACK_TOKENS:
                yield self._pack(parts)
                parts, held = [], 0
            if shared and all(part.group != group for part in parts):
                parts.append(Part(None, group, 0, tokens[:shared]))
            parts.append(Part(n, group, shared, tokens[shared:]))
            held = sum(len(part.tokens) for part in parts)
        yield self._pack(parts)

    def _pack(self, parts: Sequence[Part]) -> Pack:
        tokens, positions, groups, owners, places, learned = (list[int]() for _ in range(6))
        for part in parts:
            if part.row is not None:
                row = self.rows[part.row]
                begins = max(1, row.begins)
                first = len(tokens) + begins - 1 - part.first
                places.extend(range(first, first + len(row.tokens) - begins))
                learned.extend(row.tokens[begins:])
            positions.extend(range(part.first, part.first + len(part.tokens)))
            groups.extend([part.group] * len(part.tokens))
            owners.extend([-1 if part.row is None else part.row] * len(part.tokens))
            tokens.extend(part.tokens)
        at, group, owner = (torch.tensor(column) for column in (positions, groups, owners))
        seen = (group[:, None] == group) & (at[:, None] >= at)
        seen &= (owner[:, None] == owner) | (owner == -1)
        hidden = torch.zeros(seen.shape).masked_fill(~seen, torch.finfo(torch.float32).min)
        tensors = (torch.tensor(tokens), at, hidden, torch.tensor(places), torch.tensor(learned))
        return Pack(parts, *(tensor.to(self.base.network.device) for tensor in tensors))

    @torch.no_grad()
    def _below(self, pack: Pack) -> Tensor:
        """States before the first trained layer, shape (tokens, width)."""
        states: list[Tensor] = []

        def hook(module: object, inputs: tuple[Tensor, ...]) -> None:
            states.append(inputs[0])
            raise _Reached

        handle = self._trained[0].register_forward_pre_hook(hook)
        try:
            self._run(pack, input_ids=pack.tokens[None])
        except _Reached:
            pass
        finally:
            handle.remove()
        return states[0][0].float()

    def _logits(self, pack: Pack, exact: bool = False) -> Tensor:
        """Logits that the learned tokens are chosen from, shape (tokens, vocabulary)."""
        states = torch.cat([self._states[part.row, part.group] for part in pack.parts])
        with self._upper_alone(), halves(self.base, exact):
            last = self._run(pack, inputs_embeds=states[None]).last_hidden_state[0]
            logits: Tensor = self.base.network.get_output_embeddings()(last[pack.places])
        return logits.float()

    def _run(self, pack: Pack, **inputs: Tensor) -> Any:
        return self.base.network.base_model(
            attention_mask=pack.seen[None, None], position_ids=pack.positions[None],
            use_cache=False, **inputs,
        )  # fmt: skip

    @contextmanager
    def _upper_alone(self) -> Iterator[None]:
        """The network without the layers below."""
        holder, name = next(
            (module, name)
            for module in self.base.network.modules()
            for name, child in module.named_children()
            if child is self._layers
        )
        setattr(holder, name, self._trained)
        try:
            yield
        finally:
            setattr(holder, name, self._layers)

    @torch.no_grad()
    def _check(self, pack: Pack) -> None:
        """Hold the first pack's logits against the model's, in float32: rounding is no fault."""
        numbers = [part.row for part in pack.parts if part.row is not None]
        batch = self.base.batch([self.rows[n] for n in numbers])
        expected = learned_logits(self.base, batch, exact=True)
        far = float((self._logits(pack, exact=True) - expected).abs().max())
        if far > SAME:
            raise HarnessError(
                f"method.layers={len(self._trained)}: these layers of model={self.base.name!r} by "
                f"themselves are off by {far:.3g} in a logit; give null, which trains all weights"
            )


class _Reached(Exception):
    """The layer that is wanted has been reached."""


def _groups(rows: Sequence[Row]) -> list[tuple[int, int]]:
    """Of each row its group, and with how many tokens all rows of that group begin alike."""
    members: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for n, row in enumerate(rows):
        members[row.tokens[:ALIKE]].append(n)
    groups = [(0, 0)] * len(rows)
    for group, numbers in enumerate(members.values()):
        begun = [rows[n].tokens[: max(1, rows[n].begins) - 1] for n in numbers]
        columns = zip(*begun, strict=False)
        shared = sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, columns))
        for n in numbers:
            groups[n] = (group, shared if len(numbers) > 1 else 0)
    return groups
