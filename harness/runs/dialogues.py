"""Dialogues: samples that come after others, asked turn by turn, all open dialogues together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import compress, groupby
from typing import NamedTuple

import numpy as np

from harness.runs.index import Answer, StoredGenerations
from harness.runs.persons import Line, PersonWords
from harness.types import Generation, HarnessError, Person, Sample, trait

LOST = "an earlier turn of its dialogue has no answer"
UNSAID = "the person said nothing before it"


class Ask(NamedTuple):
    """A sample as it is asked, and which of its generations are lacking."""

    first: int
    """The number in the run of its generation 0."""
    sample: Sample
    indices: tuple[int, ...]
    open: bool = False
    """Whether another sample comes after it."""


class Dialogues:
    """What was answered before each turn, and what the turn therefore asks.

    A dialogue is a chain of samples, each `after` another; its generation `i` is made of the
    answers `i` of the turns before it. Tasks without such samples pay nothing.

    Args:
        generations: of the run; answers that are stored are read from it.
        person: a model that speaks for the person; None: the task, or what is stored of a model.
        seed: of the person's noise.
    """

    def __init__(
        self, generations: StoredGenerations, person: Person | None = None, seed: int = 0
    ) -> None:
        self.generations = generations
        self.words = PersonWords(generations.store, person, seed)
        task = generations.samples.task
        self._next_turn: Callable[..., Sample] | None = trait(task, "next_turn")
        self._person_prompt = trait(task, "person_prompt")
        self.chained = False
        """Whether any sample that was read comes after another."""
        self._before: dict[str, str | None] = {}
        self._texts: dict[tuple[str, int], str | None] = {}

    def turns(
        self, first: int, window: Sequence[Sample], lacking: Sequence[Sequence[bool]]
    ) -> Iterator[tuple[list[Ask], list[Answer]]]:
        """What can be asked next, until all of a window is; answers come in by `note` meanwhile.

        With it come the answers that can no longer be had.

        Args:
            first: the number of the window's first sample.
            window: of the run's samples.
            lacking: of each sample which generations are to be asked for.

        Raises:
            HarnessError: a sample comes after one that is not asked before it.
        """
        n = self.generations.n
        followed = {sample.after for sample in window}
        asks = [
            Ask(place * n, sample, tuple(compress(range(n), lacks)), sample.id in followed)
            for place, (sample, lacks) in enumerate(zip(window, lacking, strict=True), first)
        ]
        pending = [ask for ask in asks if ask.indices]
        if not any(sample.after for sample in window):
            self.words.check_asked(window)
            if pending:
                yield pending, []
            return
        self.read(first, window, lacking)
        while pending:
            self.words.speak(self._lines(pending))
            ready, lost, later = self._sorted(pending)
            if not ready and not lost:
                sample = pending[0].sample
                if sample.after in self._before:  # the model left it out, and the run will say so
                    return
                raise HarnessError(
                    f"sample {sample.id!r} comes after {sample.after!r}, which is not asked before "
                    "it; a task yields the turns of a dialogue in order, and has whole_clusters "
                    "with a cluster a dialogue"
                )
            self.note(lost)
            yield ready, lost
            pending = later

    def read(
        self, first: int, window: Sequence[Sample], lacking: Sequence[Sequence[bool]] = ()
    ) -> None:
        """Take in what is stored of a window that has dialogues.

        Args:
            first: the number of the window's first sample.
            window: of the run's samples.
            lacking: of each sample which generations are not to be read; none: all are.
        """
        if not any(sample.after for sample in window):
            return
        self.chained = True
        if window[0].after is None:  # what came before is of other dialogues
            self._before, self._texts = {}, {}
        self._before |= {sample.id: sample.after for sample in window}
        self.words.read(self._before)
        numbers = np.arange(first * self.generations.n, (first + len(window)) * self.generations.n)
        stored = self.generations.shard[numbers] >= 0
        if lacking:
            stored &= ~np.array(lacking, dtype=np.bool_).ravel()
        self._note(self.generations.read(numbers[stored]))

    def window(self, first: int, window: Sequence[Sample]) -> list[Sample]:
        """The samples of a window whose answers are stored, as generation 0 answers them."""
        self.read(first, window)
        return [self.asked(sample, 0) for sample in window]

    def note(self, answers: Sequence[Answer]) -> None:
        """Take in what was answered."""
        if self._before:
            self._note([answer.generation for answer in answers])

    def asked(self, sample: Sample, index: int) -> Sample:
        """The sample as generation `index` of it answers it.

        Raises:
            HarnessError: the task does not say what its later turns ask.
        """
        if sample.after is None:
            return sample
        if self._next_turn is None:
            raise HarnessError(
                f"sample {sample.id!r} comes after {sample.after!r}, and its task has no next_turn "
                "that says what it asks then"
            )
        turns = self._turns_before(sample)
        answers = [self._texts.get((turn, index)) for turn in turns]
        if None in answers:
            return sample
        if not self.words.spoken:
            return self._next_turn(sample, answers)
        words = [self.words.text(turn, index) for turn in (*turns[1:], sample.id)]
        return sample if None in words else self._next_turn(sample, answers, words)

    def _turns_before(self, sample: Sample) -> list[str]:
        """The turns of its dialogue that are before it, the first one first."""
        turns: list[str] = []
        turn = sample.after
        while turn is not None:
            turns.append(turn)
            turn = self._before.get(turn)
        return turns[::-1]

    def _lines(self, pending: Sequence[Ask]) -> list[Line]:
        """What a model that speaks for the person is to say now."""
        if self.words.person is None or self._person_prompt is None:
            return []
        lines = []
        for ask in pending:
            before = ask.sample.after
            for index in ask.indices if before else ():
                known = self._texts.get((str(before), index)) is not None
                if not known or not self.words.lacks(ask.sample.id, index):
                    continue
                turns = self._turns_before(ask.sample)
                answers = [self._texts[turn, index] for turn in turns]
                words = [self.words.text(turn, index) for turn in turns[1:]]
                prompt = self._person_prompt(ask.sample, answers, words)
                after = before if len(turns) > 1 else None
                lines.append(Line(ask.sample.id, index, prompt, after, ask.open))
        return lines

    def _note(self, generations: Sequence[Generation]) -> None:
        self._texts |= {(g.sample_id, g.index): g.text for g in generations}

    def _sorted(self, pending: Sequence[Ask]) -> tuple[list[Ask], list[Answer], list[Ask]]:
        """What can be asked now, what can no longer be answered, and what has to wait."""
        ready, lost, later = [], [], []
        for ask in pending:
            asked: list[tuple[Sample, int]] = []
            waiting = []
            before = ask.sample.after
            for index in ask.indices:
                if before is not None and (before, index) not in self._texts:
                    waiting.append(index)
                elif before is not None and self._texts[before, index] is None:
                    failed = Generation.failed(ask.sample.id, index, LOST)
                    lost.append(Answer.of(ask.first + index, ask.sample, failed))
                elif (error := self.words.error(ask.sample.id, index)) is not None:
                    failed = Generation.failed(ask.sample.id, index, f"{UNSAID}: {error}")
                    lost.append(Answer.of(ask.first + index, ask.sample, failed))
                else:
                    asked.append((self.asked(ask.sample, index), index))
            for _, alike in groupby(asked, lambda pair: pair[0]):
                pairs = list(alike)
                indices = tuple(index for _, index in pairs)
                ready.append(ask._replace(sample=pairs[0][0], indices=indices))
            if waiting:
                later.append(ask._replace(indices=tuple(waiting)))
        return ready, lost, later
