"""One model's part in a batch: what it computes of the rows' prompts, and of each token after."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import torch

from harness.models.hf.histories import History
from harness.models.hf.levels import cut
from harness.models.hf.loaded import LoadedModel
from harness.models.hf.memory import fill
from harness.models.hf.prefixes import KeyValues, Leaf, Segment, Tokens, share
from harness.models.hf.slots import Slots

LOGITS = 2**26
"""Logits held at once at most where prompts are weighed."""


@dataclass(eq=False, slots=True)
class Beginning:
    """A distinct prompt and what was computed of it."""

    leaf: Leaf
    rows: int
    """That are still to be begun with it."""
    repeated: bool
    """Whether several rows begin with it, which then share its keys and values."""
    outputs: torch.Tensor | None = None
    """Of its last token; None until it is run."""
    segment: Segment | None = None
    """Holds its own tokens where it is repeated."""
    total: float = 0.0
    """Log-probability of the prompt, where prompts are weighed."""

    @property
    def history(self) -> Segment | None:
        """The earlier turn that it goes on from."""
        parent = self.leaf.parent
        return parent if parent and parent.private else None


class _Entering(NamedTuple):
    """A row that is being begun."""

    parent: Segment | None
    held: range
    """Tokens of the forward over prompts that are the row's own."""
    length: int
    """Tokens of its prompt."""
    seen: tuple[float, ...]
    """What steering by the prompt has read of it."""
    history: Segment | None
    """What it takes to its slot before its own tokens."""


class Lane:
    """Keys and values of one model for the rows of a batch, which come and go.

    A batch has one for the model that is asked and one for each auxiliary model of its mitigations;
    each has a tree of its own over what its prompts share, and a slot a row.

    Args:
        loaded: the model.
        prompts: of each row that is to be written, what this model is asked.
        weighed: of each row how many of its prompt's last tokens count in `totals`; None: no
            log-probabilities are kept.
        histories: of prompts that go on from an earlier turn, what they go on from.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        prompts: Sequence[Tokens],
        weighed: Sequence[int] | None = None,
        histories: Mapping[Tokens, Segment] = MappingProxyType({}),
    ) -> None:
        self.loaded = loaded
        self.totals: list[float] = []
        """Log-probability of each row's prompt and what is written of it; of the rows that were
        begun or stepped last."""
        counts = Counter(prompts)
        self._weighed = dict(zip(prompts, weighed, strict=True)) if weighed is not None else None
        continuing = sorted(histories, key=len, reverse=True)
        leaves = [Leaf(prompt, histories[prompt], 1) for prompt in continuing]
        leaves += share([(prompt, 1) for prompt in counts if prompt not in histories])
        self._beginnings = {
            leaf.row: Beginning(leaf, counts[leaf.row], counts[leaf.row] > 1) for leaf in leaves
        }
        fitting = loaded.held_tokens // max(map(len, prompts), default=1)
        self._slots = Slots(loaded.device, min(len(prompts), loaded.most_rows, fitting))
        self._parents: list[Segment | None] = []
        self._ends: list[int] = []
        """Position of each row's next token."""
        self._in_work: list[float] = []
        self._seen: list[tuple[float, ...]] = []
        self._entering: list[_Entering] = []
        self._layers: list[KeyValues] = []
        self._outputs = torch.empty(0)

    @property
    def order(self) -> list[Tokens]:
        """The distinct prompts, those that share most beside each other."""
        return list(self._beginnings)

    def unread(self, prompt: Tokens) -> int:
        """Tokens that are run when the prompt is begun with next."""
        beginning = self._beginnings[prompt]
        return len(beginning.leaf.own_tokens) if beginning.outputs is None else 0

    def continued(self, prompt: Tokens) -> int:
        """Tokens of an earlier turn that are laid beside the prompt when it is run next."""
        beginning = self._beginnings[prompt]
        history = beginning.history
        return len(history.tokens) if history and beginning.outputs is None else 0

    def history(self, slot: int, tokens: Tokens) -> History:
        """What is held of a row in work, for the next turn of its dialogue.

        Args:
            slot: of the row.
            tokens: of its prompt and answer; the last was not run, and is not held.
        """
        whole = tokens[: self._ends[slot]]
        return History(whole, self._parents[slot], self._slots.copy(slot)).alone()

    def begin(self, prompts: Sequence[Tokens]) -> torch.Tensor:
        """Run the prompts of rows that enter, those that were run already not again.

        Returns:
            What the head gives at the last token of each, shape (rows, vocabulary).
        """
        entering = [self._beginnings[prompt] for prompt in prompts]
        new = [b for b in dict.fromkeys(entering) if b.outputs is None]
        held = self._run(new) if new else {}
        self._entering = [
            _Entering(
                b.segment or (b.history.parent if b.history else b.leaf.parent),
                held.get(b, range(0)),
                len(b.leaf.row),
                b.leaf.seen,
                None if b.segment else b.history,
            )
            for b in entering
        ]
        for beginning in entering:
            beginning.rows -= 1
            if not beginning.rows:
                del self._beginnings[beginning.leaf.row]
        self.totals = [beginning.total for beginning in entering]
        self._outputs = torch.stack([b.outputs for b in entering if b.outputs is not None])
        return self._outputs

    def chose(self, tokens: Sequence[int]) -> None:
        """Count the tokens that were chosen for the rows that were begun or stepped last."""
        if self._weighed is None:
            return
        logits = self._outputs.float()
        chosen = torch.tensor(tokens, device=logits.device).clamp(min=0)
        weights = logits.gather(1, chosen[:, None])[:, 0] - logits.logsumexp(-1)
        for row, weight in enumerate(weights.tolist()):
            self.totals[row] += weight

    def enter(self, staying: Sequence[int]) -> None:
        """Give those of the rows that were begun which go on a slot."""
        if staying:
            rows = [self._entering[number] for number in staying]
            histories = [row.history for row in rows]
            self._slots.add(self._layers, [row.held for row in rows], histories)
            self._parents += [row.parent for row in rows]
            self._ends += [row.length for row in rows]
            self._seen += [row.seen for row in rows]
            self._in_work += [self.totals[number] for number in staying]
            self._slots.under(self._parents)
        self._layers, self._entering = [], []

    def step(self, tokens: Sequence[int]) -> torch.Tensor:
        """Run one more token of every row in work.

        Returns:
            What the head gives, shape (rows, vocabulary).
        """
        self._slots.begin()
        positions, self._ends = self._ends, [end + 1 for end in self._ends]
        self.totals = self._in_work
        self.loaded.hooks.gate.step(self._seen, self.loaded.device)
        self._outputs = self.loaded.forward(tokens, positions, self._slots, range(len(tokens)))
        return self._outputs

    def leave(self, ended: Sequence[int]) -> None:
        """Free the slots of rows; the last rows in work take their places, the highest first."""
        for slot in reversed(ended):
            self._slots.remove(slot)
            rows: Sequence[list[Any]] = (self._parents, self._ends, self._in_work, self._seen)
            for column in rows:
                column[slot] = column[-1]
                column.pop()
        if ended and self._parents:
            self._slots.under(self._parents)

    def _run(self, new: Sequence[Beginning]) -> dict[Beginning, range]:
        """Run prompts; gives which of the forward's tokens are those of unrepeated ones."""
        if self._weighed is not None:
            self._weigh(list(new), self._weighed)
        outputs, self._layers = self.loaded.prefill([b.leaf for b in new], [1] * len(new))
        held: dict[Beginning, range] = {}
        first = 0
        for beginning, of_last in zip(new, outputs, strict=True):
            tokens, parent = beginning.leaf.own_tokens, beginning.leaf.parent
            beginning.outputs, end = of_last, first + len(tokens)
            if beginning.repeated:
                start = parent.end if parent else 0
                cache = cut(self._layers, first, end)
                width = len(beginning.leaf.row)
                beginning.segment = Segment(tokens, start, parent, width, cache)
            else:
                held[beginning] = range(first, end)
            first = end
        return held

    def _weigh(self, new: list[Beginning], weighed: dict[Tokens, int]) -> None:
        """Log-probabilities of prompts: a forward of its own that keeps all of their logits."""
        rows = {b.leaf.row: min(weighed[b.leaf.row], len(b.leaf.row) - 1) for b in new}
        totals = weigh_rows(self.loaded, [(row, n) for row, n in rows.items() if n > 0])
        for beginning in new:
            beginning.total = totals.get(beginning.leaf.row, 0.0)


def weigh_rows(loaded: LoadedModel, rows: Sequence[tuple[Tokens, int]]) -> dict[Tokens, float]:
    """Log-probability of the last so many tokens of rows.

    Args:
        loaded: the model.
        rows: each with how many of its tokens are weighed, at least one and not the first.
    """
    totals: dict[Tokens, float] = {}
    waiting = list(rows)
    while waiting:
        most = min(loaded.pass_tokens, max(1, LOGITS // loaded.vocabulary))
        batch = fill(waiting, lambda row: len(row[0]), most)
        del waiting[: len(batch)]
        needed = {row[:-1]: 0 for row, _ in batch}
        for row, count in batch:
            needed[row[:-1]] = max(needed[row[:-1]], count)
        leaves = share(list(needed.items()))
        outputs, _ = loaded.prefill(leaves, [leaf.needed for leaf in leaves])
        ends, end = dict[Tokens, int](), 0
        for leaf in leaves:
            end += leaf.needed
            ends[leaf.row] = end
        for row, count in batch:
            end = ends[row[:-1]]
            steps = outputs[end - count : end, : loaded.vocabulary].float()
            chosen = torch.tensor(row[-count:], device=steps.device)
            weights = steps.gather(1, chosen[:, None])[:, 0] - steps.logsumexp(-1)
            totals[row] = float(weights.sum())
    return totals
