"""Writes answers: rows that end leave the batch, and waiting ones take their place."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from harness.models.hf.hooks import Context
from harness.models.hf.loaded import LoadedModel, cut
from harness.models.hf.memory import is_out_of_memory, release
from harness.models.hf.prefixes import KeyValues, Leaf, Segment, Tokens, share
from harness.models.hf.rows import NO_NUMBERS, Row
from harness.models.hf.sampling import NO_TOKEN, choose
from harness.models.hf.slots import Slots
from harness.types import Generation, GenerationConfig


def write(
    loaded: LoadedModel, rows: Sequence[Row], generation: GenerationConfig
) -> Iterator[list[Generation]]:
    """Write every row's answer, in whatever order they end."""
    left = list(rows)
    while left:
        writer = Writer(loaded, left, generation)
        try:
            yield from writer.run()
            return
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        # What was half written is written anew, to the same end: its noise is keyed.
        left = writer.unfinished()
        tried = writer.trying + writer.entering
        alone = tried if len(tried) == 1 else []
        del writer
        release()
        if alone:
            left.remove(alone[0])
            yield alone[0].failed(f"out of memory on a single request of {alone[0].width} tokens")
        else:
            loaded.halve()
        for row in left:
            row.tokens.clear()


@dataclass(eq=False, slots=True)
class Prompt:
    """A distinct prompt and the rows that are still to be begun with it."""

    leaf: Leaf
    rows: deque[Row]
    repeated: bool
    """Whether several rows begin with it, which then share its keys and values."""
    logits: torch.Tensor | None = None
    """Of its last token; None until it is run."""
    segment: Segment | None = None
    """Holds its own tokens where it is repeated."""


class Writer:
    """One batch whose rows come and go.

    Args:
        loaded: the model.
        rows: to be written.
        generation: when they end, and how tokens are chosen.
    """

    def __init__(
        self, loaded: LoadedModel, rows: Sequence[Row], generation: GenerationConfig
    ) -> None:
        self.loaded = loaded
        self.generation = generation
        self.trying: list[Row] = []
        """Rows in work: those of the slots in use, in order."""
        self.entering: list[Row] = []
        """Rows that are being begun."""
        self._slots = Slots(loaded.device)
        by_prompt: dict[Tokens, deque[Row]] = {}
        for row in rows:
            by_prompt.setdefault(row.prompt, deque()).append(row)
        leaves = share([(prompt, 1) for prompt in by_prompt])
        self._waiting = deque(
            Prompt(leaf, by_prompt[leaf.row], len(by_prompt[leaf.row]) > 1) for leaf in leaves
        )

    def unfinished(self) -> list[Row]:
        """Rows that have not ended."""
        waiting = (row for prompt in self._waiting for row in prompt.rows)
        return [*self.trying, *self.entering, *waiting]

    @torch.inference_mode()
    def run(self) -> Iterator[list[Generation]]:
        """Step by step, until every row has ended."""
        while self._waiting or self.trying:
            while taken := self._take():
                if ended := self._begin(taken):
                    yield ended
            if self.trying and (ended := self._step()):
                yield ended

    def _take(self) -> list[tuple[Prompt, Row]]:
        """Rows that may enter, where there is room for enough of them to be worth a forward."""
        loaded, taken, tokens = self.loaded, list[tuple[Prompt, Row]](), 0
        if self.trying and len(self.trying) > loaded.most_rows * 3 // 4:
            return taken
        widest = max((row.width for row in self.trying), default=0)
        while self._waiting:
            prompt = self._waiting[0]
            tokens += len(prompt.leaf.own) if prompt.logits is None else 0
            widest = max(widest, prompt.rows[0].width)
            room = min(loaded.most_rows, loaded.held_tokens // widest)
            room -= len(self.trying) + len(taken)
            if not self.trying and not taken:
                room = max(room, 1)
            elif tokens > loaded.pass_tokens:
                break
            while room > 0 and prompt.rows:
                taken.append((prompt, prompt.rows.popleft()))
                room -= 1
            if prompt.rows:
                break
            self._waiting.popleft()
        self.entering = [row for _, row in taken]
        return taken

    def _begin(self, taken: Sequence[tuple[Prompt, Row]]) -> list[Generation]:
        """Run the prompts of rows that enter, and write their first tokens."""
        new = [p for p in dict.fromkeys(prompt for prompt, _ in taken) if p.logits is None]
        kept: list[KeyValues] = []
        held: dict[Prompt, range] = {}
        if new:
            logits, kept = self.loaded.prefill([p.leaf for p in new], [1] * len(new))
            first = 0
            for prompt, of_last in zip(new, logits, strict=True):
                own, parent = prompt.leaf.own, prompt.leaf.parent
                prompt.logits, end = of_last, first + len(own)
                if prompt.repeated:
                    start = parent.end if parent else 0
                    cache = cut(kept, first, end)
                    prompt.segment = Segment(own, start, parent, len(prompt.leaf.row), cache)
                else:
                    held[prompt] = range(first, end)
                first = end
        for prompt, row in taken:
            row.parent = prompt.segment or prompt.leaf.parent
            row.seen = prompt.leaf.seen
        ended = self._append(
            self.entering,
            torch.stack([prompt.logits for prompt, _ in taken if prompt.logits is not None]),
        )
        staying = [number for number in range(len(taken)) if number not in ended]
        read = [answer(self.loaded, self.entering[number], self.generation) for number in ended]
        if staying:
            self._slots.add(kept, [held.get(taken[number][0], range(0)) for number in staying])
            self.trying += [self.entering[number] for number in staying]
            self._slots.under([row.parent for row in self.trying])
        self.entering = []
        return read

    def _step(self) -> list[Generation]:
        """Write one more token of every row."""
        self._slots.begin()
        self.loaded.hooks.gate.step([row.seen for row in self.trying], self.loaded.device)
        logits = self.loaded.forward(
            [row.tokens[-1] for row in self.trying],
            [len(row.prompt) + len(row.tokens) - 1 for row in self.trying],
            self._slots,
            range(len(self.trying)),
        )
        ended = self._append(self.trying, logits)
        read = [answer(self.loaded, self.trying[slot], self.generation) for slot in ended]
        for slot in reversed(ended):
            self._slots.remove(slot)
            self.trying[slot] = self.trying[-1]
            self.trying.pop()
        if ended and self.trying:
            self._slots.under([row.parent for row in self.trying])
        return read

    def _append(self, rows: Sequence[Row], logits: torch.Tensor) -> list[int]:
        """Choose each row's next token; gives which rows have ended."""
        logits = self.loaded.hooks.logits(
            logits, lambda: [Context(row.prompt, tuple(row.tokens)) for row in rows]
        )
        early = [
            i for i, row in enumerate(rows) if len(row.tokens) < self.generation.min_new_tokens
        ]
        if early and self.loaded.ends:
            logits[torch.tensor(early)[:, None], torch.tensor(self.loaded.ends)] = -torch.inf
        draws = torch.tensor(
            [0.0 if row.draws is None else row.draws[len(row.tokens)] for row in rows],
            device=logits.device,
        )
        for row, token in zip(rows, choose(logits, self.generation, draws).tolist(), strict=True):
            row.tokens.append(token)
        return [i for i, row in enumerate(rows) if self._has_ended(row)]

    def _has_ended(self, row: Row) -> bool:
        last = row.tokens[-1]
        if len(row.tokens) == self.generation.max_new_tokens or last in self.loaded.ends:
            return True
        if last == NO_TOKEN:
            return True
        # A token holds at least one byte, so a stop string lies in the last few of them.
        return any(
            stop in self.loaded.encoder.decode(row.tokens[-len(stop.encode()) - 8 :])
            and stop in self.loaded.encoder.decode(row.tokens)
            for stop in self.generation.stop
        )


def answer(loaded: LoadedModel, row: Row, generation: GenerationConfig) -> Generation:
    """What a row holds, as it is handed on; failed where its next token could not be chosen."""
    if row.tokens[-1] == NO_TOKEN:
        reason = f"{NO_NUMBERS} at token {len(row.tokens)} of the answer"
        return Generation.failed(row.sample_id, row.index, reason)
    text, finish_reason, count = loaded.encoder.answer(row.tokens, loaded.ends, generation.stop)
    return Generation(
        row.sample_id, row.index, text, finish_reason, len(row.prompt), count, opened=row.opened
    )
