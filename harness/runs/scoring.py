"""Scores answers: while the model generates where that takes nothing from it, else after."""

from __future__ import annotations

import queue
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from itertools import groupby
from typing import Self

import numpy as np
from numpy.typing import NDArray

from harness.runs.dialogues import Dialogues
from harness.runs.index import READ_AT_ONCE, Answer, Scored, StoredScores
from harness.store import Gathered
from harness.types import Model, Scorer, ScorerRegistry, trait, weights_of

SCORE_AT_ONCE = 64
"""Generations that a scorer is given together; a kill can cost so many, or `SCORES_WAIT`."""
SCORES_WAIT = 2.0
"""Seconds that the scores of a quick scorer may wait to be stored together."""
OVERLAP_AT_ONCE = 4096
"""Answers that may wait for the thread; what comes when there are more is scored afterwards."""
FAREWELL = 2.0
"""Seconds that a run which ends early waits for a scorer at work."""

Progress = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
"""`with progress("generating", total) as advance: advance(done)`."""


def overlaps(scorer: Scorer, model: Model) -> bool:
    """Whether a scorer needs nothing that the model uses; asked once the model has answered.

    One that needs no device does not, nor one on another device than the model's. Where either has
    not said which, it may; and a judge that is the model under test does.
    """
    device, used = trait(scorer, "device"), trait(model, "device_used")
    if scorer.identity.get("judge_weights") == weights_of(model.identity):
        return False
    if device is None or used is None:
        return True
    scorers, models = (re.match(r"([a-z]+)(?::(\d+)$)?", where) for where in (device, used))
    if not scorers or not models or "auto" in (scorers[1], models[1]):
        return False
    if scorers[1] != models[1]:
        return True
    return None not in (scorers[2], models[2]) and scorers[2] != models[2]


class Overlap:
    """Scores what has just finished in a thread, while the model generates.

    It never makes the model wait, and holds a bounded number of answers: what it cannot keep up
    with is scored afterwards.

    Args:
        scorers: of the run.
        model: that is asked meanwhile.
        stored: the scores of each scorer, to which nothing else may write meanwhile.
        check: holds the scorers against their record; called once, when the first answers are
            there and before one is scored.
    """

    def __init__(
        self,
        scorers: ScorerRegistry,
        model: Model,
        stored: Mapping[str, StoredScores],
        check: Callable[[], None],
    ) -> None:
        self._check = check
        self.scorers = scorers
        self.model = model
        self.stored = stored
        self.seconds: dict[str, float] = {}
        """How long each scorer worked while the model generated."""
        self._answers: queue.SimpleQueue[Sequence[Answer]] = queue.SimpleQueue()
        self._offered = self._taken = 0
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None
        self._begun = self._ending = False
        self._writing = threading.Lock()
        self._over = False

    def offer(self, answers: Sequence[Answer]) -> None:
        """Hand over what has just finished; raises what ended the thread."""
        if self._error:
            raise self._error
        if not self._begun:
            self._begin()
        if self._thread and self._offered - self._taken < OVERLAP_AT_ONCE:
            self._answers.put(answers)
            self._offered += len(answers)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *raised: object) -> None:
        self._ending = True
        self._answers.put(())
        try:
            if self._thread:
                self._thread.join(None if kind is None else FAREWELL)
        finally:
            with self._writing:  # a scorer that does not come back must not write to this run
                self._over = True
        if self._error and kind is None:
            raise self._error

    def _begin(self) -> None:
        self._begun = True
        self.seconds = {
            name: 0.0 for name, scorer in self.scorers.items() if overlaps(scorer, self.model)
        }
        if self.seconds:
            self._thread = threading.Thread(target=self._work, name="scoring", daemon=True)
            self._thread.start()
        else:
            self._check()

    def _work(self) -> None:
        try:
            self._check()
            with ExitStack() as stack:
                gathered = {
                    name: stack.enter_context(Gathered(self._writer(name), SCORES_WAIT))
                    for name in self.seconds
                }
                while not self._ending:
                    answers = self._next()
                    for first in range(0, len(answers), SCORE_AT_ONCE):
                        for name, held in gathered.items():
                            held.add(self._score(name, answers[first : first + SCORE_AT_ONCE]))
                    self._taken += len(answers)
        except BaseException as error:  # noqa: BLE001 - the run ends with it
            self._error = error

    def _next(self) -> list[Answer]:
        """What has come, up to what a scorer is given at once; waits for the first of it."""
        answers = list(self._answers.get())
        while 0 < len(answers) < SCORE_AT_ONCE and not self._answers.empty():
            answers += self._answers.get()
        return answers

    def _score(self, name: str, answers: Sequence[Answer]) -> list[Scored]:
        lacking = [answer for answer in answers if self.stored[name].lacks(answer)]
        if self._ending or not lacking:
            return []
        started = time.monotonic()
        scored = score(self.scorers, name, lacking)
        self.seconds[name] += time.monotonic() - started
        return scored

    def _writer(self, name: str) -> Callable[[Sequence[Scored]], None]:
        def write(scored: Sequence[Scored]) -> None:
            with self._writing:
                if not self._over:
                    self.stored[name].append(scored)

        return write


def score(scorers: ScorerRegistry, name: str, answers: Sequence[Answer]) -> list[Scored]:
    """Each answer with what a scorer says of it."""
    samples, generations = [a.sample for a in answers], [a.generation for a in answers]
    return list(zip(answers, scorers.score(name, samples, generations), strict=True))


def score_rest(scorers: ScorerRegistry, stored: StoredScores, progress: Progress) -> float:
    """Score what is stored and has no scores yet, in the task's order; gives the seconds."""
    started, todo = time.monotonic(), stored.todo()
    if not todo.any():
        return 0.0
    with (
        progress(f"scoring {stored.name}", int(todo.sum())) as advance,
        Gathered(stored.append, SCORES_WAIT) as gathered,
    ):
        for chunk in _chunks(stored, todo):
            gathered.add(score(scorers, stored.name, chunk))
            advance(len(chunk))
    return time.monotonic() - started


def _chunks(stored: StoredScores, todo: NDArray[np.bool_]) -> Iterator[list[Answer]]:
    """What is to be scored, cut at fixed numbers, so that a resumed run cuts alike."""
    generations = stored.generations
    n, dialogues = generations.n, Dialogues(generations)
    for first, window in generations.samples.windows():
        stop = (first + len(window)) * n
        dialogues.read(first, window)
        for low in range(first * n, stop, READ_AT_ONCE):
            numbers = low + np.flatnonzero(todo[low : min(low + READ_AT_ONCE, stop)])
            answers = (
                Answer(
                    number,
                    dialogues.asked(window[number // n - first], number % n),
                    generation,
                    digest,
                )
                for number, generation, digest in zip(
                    numbers.tolist(),
                    generations.read(numbers),
                    generations.digest[numbers].tolist(),
                    strict=True,
                )
            )
            for _, chunk in groupby(answers, lambda answer: answer.number // SCORE_AT_ONCE):
                yield list(chunk)
