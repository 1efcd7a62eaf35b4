"""Writes answers: rows that end leave the batch, and waiting ones take their place."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

import torch

from harness.models.hf.auxiliaries import beside_of, changed, lanes_of, share_of
from harness.models.hf.histories import SHARE
from harness.models.hf.hooks import Context
from harness.models.hf.lanes import Lane
from harness.models.hf.loaded import LoadedModel
from harness.models.hf.memory import is_out_of_memory, release
from harness.models.hf.prefixes import Segment, Tokens
from harness.models.hf.rows import NO_NUMBERS, Row
from harness.models.hf.sampling import NO_TOKEN, choose
from harness.types import Generation, GenerationConfig

COPIED = 0.25
"""Part of the tokens that may be held of which copies are laid beside the prompts of a forward."""


def write(
    loaded: LoadedModel, rows: Sequence[Row], generation: GenerationConfig
) -> Iterator[list[Generation]]:
    """Write every row's answer, in whatever order they end."""
    unfinished = list(rows)
    while unfinished:
        writer = Writer(loaded, unfinished, generation)
        try:
            yield from writer.run()
            return
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        # What was half written is written anew, to the same end: its noise is keyed.
        unfinished = writer.unfinished()
        tried = writer.trying + writer.entering
        alone = tried if len(tried) == 1 else []
        del writer
        release()
        if alone:
            unfinished.remove(alone[0])
            yield alone[0].failed(f"out of memory on a single request of {alone[0].width} tokens")
        else:
            loaded.halve()
        for row in unfinished:
            row.tokens.clear()


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
        self.ends = loaded.encoder.stopping(loaded.ends, generation.stop)
        """Tokens that end an answer, special ones among the stop strings too."""
        self.trying: list[Row] = []
        """Rows in work: those of the slots in use, in order."""
        self.entering: list[Row] = []
        """Rows that are being begun."""
        self.lane = Lane(loaded, [row.prompt for row in rows], histories=_histories(loaded, rows))
        self.beside = lanes_of(loaded, rows)
        """Of its auxiliary models."""
        by_prompt: dict[Tokens, deque[Row]] = {}
        for row in rows:
            by_prompt.setdefault(row.prompt, deque()).append(row)
        self._waiting = deque(by_prompt[prompt] for prompt in self.lane.order)
        """Rows of each distinct prompt that are still to be begun."""
        self._share = share_of(loaded)

    def unfinished(self) -> list[Row]:
        """Rows that have not ended."""
        waiting = (row for rows in self._waiting for row in rows)
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

    def _take(self) -> list[Row]:
        """Rows that may enter, where there is room for enough of them to be worth a forward."""
        loaded, taken, tokens, continued = self.loaded, list[Row](), 0, 0
        held = int(loaded.held_tokens * self._share) - loaded.histories.tokens
        if self.trying and len(self.trying) > loaded.most_rows * 3 // 4:
            return taken
        widest = max((row.widest for row in self.trying), default=0)
        while self._waiting:
            rows = self._waiting[0]
            tokens += self.lane.unread(rows[0].prompt)
            continued += self.lane.continued(rows[0].prompt)
            widest = max(widest, rows[0].widest)
            room = min(loaded.most_rows, held // widest)
            room -= len(self.trying) + len(taken)
            if not self.trying and not taken:
                room = max(room, 1)
            elif tokens > loaded.pass_tokens or continued > max(held, 0) * COPIED:
                break
            while room > 0 and rows:
                taken.append(rows.popleft())
                room -= 1
            if rows:
                break
            self._waiting.popleft()
        self.entering = taken
        return taken

    def _begin(self, taken: Sequence[Row]) -> list[Generation]:
        """Run the prompts of rows that enter, and write their first tokens."""
        outputs = self.lane.begin([row.prompt for row in taken])
        outputs_beside = [
            lane.begin([row.beside[number] for row in taken])
            for number, lane in enumerate(self.beside)
        ]
        ended = self._append(taken, outputs, outputs_beside)
        staying = [number for number in range(len(taken)) if number not in ended]
        read = [answer(self.loaded, taken[number], self.generation) for number in ended]
        for lane in (self.lane, *self.beside):
            lane.enter(staying)
        self.trying += [taken[number] for number in staying]
        self.entering = []
        return read

    def _step(self) -> list[Generation]:
        """Write one more token of every row."""
        tokens = [row.tokens[-1] for row in self.trying]
        outputs = self.lane.step(tokens)
        ended = self._append(self.trying, outputs, [lane.step(tokens) for lane in self.beside])
        read = [answer(self.loaded, self.trying[slot], self.generation) for slot in ended]
        self._hold(ended)
        for lane in (self.lane, *self.beside):
            lane.leave(ended)
        for slot in reversed(ended):
            self.trying[slot] = self.trying[-1]
            self.trying.pop()
        return read

    def _hold(self, ended: Sequence[int]) -> None:
        """Hold what was computed of rows whose dialogues go on."""
        loaded = self.loaded
        for slot in ended:
            row = self.trying[slot]
            if row.open and row.tokens[-1] != NO_TOKEN and not loaded.hooks.gate.readers:
                history = self.lane.history(slot, (*row.prompt, *row.tokens))
                most = loaded.held_tokens * self._share * SHARE
                loaded.histories.keep((row.sample_id, row.index), history, most)

    def _append(
        self, rows: Sequence[Row], outputs: torch.Tensor, outputs_beside: Sequence[torch.Tensor]
    ) -> list[int]:
        """Choose each row's next token; gives which rows have ended."""
        lanes = zip(self.beside, self.loaded.auxiliaries, outputs_beside, strict=True)
        logits = changed(
            self.loaded,
            outputs,
            lambda: [Context(row.prompt, tuple(row.tokens)) for row in rows],
            [beside_of(lane, auxiliary, output) for lane, auxiliary, output in lanes],
        )
        early = [
            i for i, row in enumerate(rows) if len(row.tokens) < self.generation.min_new_tokens
        ]
        if early and self.ends:
            logits[torch.tensor(early)[:, None], torch.tensor(self.ends)] = -torch.inf
        draws = torch.tensor(
            [0.0 if row.draws is None else row.draws[len(row.tokens)] for row in rows],
            device=logits.device,
        )
        tokens = choose(logits, self.generation, draws).tolist()
        for row, token in zip(rows, tokens, strict=True):
            row.tokens.append(token)
        for lane in self.beside:
            lane.chose(tokens)
        return [i for i, row in enumerate(rows) if self._has_ended(row)]

    def _has_ended(self, row: Row) -> bool:
        last = row.tokens[-1]
        if len(row.tokens) == self.generation.max_new_tokens or last in self.ends:
            return True
        if last == NO_TOKEN:
            return True
        # A token holds at least one byte, so a stop string lies in the last few of them.
        return any(
            stop in self.loaded.encoder.decode(row.tokens[-len(stop.encode()) - 8 :])
            and stop in self.loaded.encoder.decode(row.tokens)
            for stop in self.generation.stop
        )


def _histories(loaded: LoadedModel, rows: Sequence[Row]) -> dict[Tokens, Segment]:
    """By prompt the earlier turn that it goes on from, where that is held; it is given away."""
    if any(row.open or row.after for row in rows):
        loaded.histories.begin()
    histories = {}
    for row in rows:
        history = loaded.histories.take((row.after, row.index)) if row.after else None
        if history and (segment := history.of(row.prompt)):
            histories[row.prompt] = segment
    return histories


def answer(loaded: LoadedModel, row: Row, generation: GenerationConfig) -> Generation:
    """What a row holds, as it is handed on; failed where its next token could not be chosen."""
    if row.tokens[-1] == NO_TOKEN:
        reason = f"{NO_NUMBERS} at token {len(row.tokens)} of the answer"
        return Generation.failed(row.sample_id, row.index, reason)
    ends = loaded.encoder.stopping(loaded.ends, generation.stop)
    text, finish_reason, count = loaded.encoder.answer(row.tokens, ends, generation.stop)
    return Generation(
        row.sample_id, row.index, text, finish_reason, len(row.prompt), count, opened=row.opened
    )
