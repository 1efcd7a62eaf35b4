"""The scores that stand in a log, read from the working copy as they are wanted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from harness.bridges.files.spool import OfAnswer, Spool
from harness.types import Score

Place = tuple[str, int]
"""The name of a question, and which repetition of it."""


class LogScores(Mapping[Place, Mapping[str, Score]]):
    """By question and repetition the tool's scores, by metric; none but the last is held.

    Args:
        spool: where they are.
        names: by the name that a question is asked for by the log's own; None: they are the same,
            and all questions' scores are given.
    """

    def __init__(self, spool: Spool, names: Mapping[str, str] | None = None) -> None:
        self.spool = spool
        self.names = names
        self._last: tuple[str, dict[int, OfAnswer]] | None = None

    def __getitem__(self, place: Place) -> Mapping[str, Score]:
        name, index = place
        last = self._last
        if last is None or last[0] != name:
            self._last = last = name, self._of(name)
        return _read(last[1][index])

    def __iter__(self) -> Iterator[Place]:
        for name, of_question in self._all():
            self._last = name, of_question
            yield from ((name, index) for index in of_question)

    def __len__(self) -> int:
        return sum(len(of_question) for _, of_question in self._all())

    def _of(self, name: str) -> dict[int, OfAnswer]:
        if self.names is None:
            return self.spool.scores_of(name)
        stored = self.names.get(name)
        return {} if stored is None else self.spool.scores_of(stored)

    def _all(self) -> Iterator[tuple[str, dict[int, OfAnswer]]]:
        if self.names is None:
            yield from self.spool.scores()
        else:
            yield from ((name, self._of(name)) for name in self.names)


def _read(of_answer: OfAnswer) -> dict[str, Score]:
    return {
        metric: Score(metric, value, error, words)
        for metric, (value, error, words) in of_answer.items()
    }
