"""Questions with their answers, read from the working copy as they are wanted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, overload

from harness.bridges.files.facts import aligned
from harness.bridges.files.spool import Spool
from harness.bridges.files.turns import Content

Row = dict[str, Any]
Change = Callable[[Row], Row]


class Rows(Sequence[Row]):
    """Each question with its answers, in the log's order; none is held.

    Args:
        spool: where they are, complete.
        change: what becomes of an answer as it is read.
        answered: whether answers are read at all.
    """

    def __init__(
        self, spool: Spool, change: Change | None = None, *, answered: bool = True
    ) -> None:
        self.spool = spool
        self._change = change
        self._answered = answered
        self._mixed = spool.kinds.mixed()

    def __len__(self) -> int:
        return len(self.spool)

    def __iter__(self) -> Iterator[Row]:
        if not self._answered:
            yield from map(self._question, self.spool.asked())
            return
        for asked, answers in self.spool.rows():
            yield self._whole(asked, answers)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | Sequence[Row]:
        if isinstance(index, slice):
            return [self[i] for i in range(len(self))[index]]
        asked, answers = self.spool.row(range(len(self))[index])
        return self._whole(asked, answers) if self._answered else self._question(asked)

    def questions(self) -> Rows:
        """The same without the answers."""
        return Rows(self.spool, answered=False)

    def answers_to(self, name: str) -> list[Row]:
        """The answers to a question.

        Raises:
            KeyError: there is no such question.
        """
        answers: list[Row] = self.named(name)["answers"]
        return answers

    def named(self, name: str) -> Row:
        """The question of a name, with its answers.

        Raises:
            KeyError: there is no such question.
        """
        row = self.spool.row_of(name)
        if row is None:
            raise KeyError(name)
        return self._whole(*row)

    def counts(self) -> tuple[int, int]:
        """How many answers the question with most of them has, and how many there are of all."""
        return self.spool.counts()

    def has_column(self, name: str) -> bool:
        """Whether any question has such metadata."""
        return name in self.spool.kinds

    def _whole(self, asked: Row, answers: list[Row]) -> Row:
        if self._change:
            answers = [self._change(answer) for answer in answers]
        return self._question(asked) | {"answers": answers}

    def _question(self, asked: Row) -> Row:
        asked.setdefault("cluster", text_of(asked["prompt"]) or None)
        if self._mixed:
            asked["metadata"] = aligned(asked["metadata"], self._mixed)
        return asked


class Paired(Rows):
    """Some questions of a log, under the names that another log has for them, undescribed.

    Args:
        rows: of the log.
        names: by the new name the log's own.
    """

    def __init__(self, rows: Rows, names: Mapping[str, str], *, answered: bool = True) -> None:
        super().__init__(rows.spool, rows._change, answered=answered)
        self._rows = rows
        self._names = names

    def __len__(self) -> int:
        return len(self._names)

    def __iter__(self) -> Iterator[Row]:
        yield from map(self.named, self._names)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | Sequence[Row]:
        names = list(self._names)[index]
        return self.named(names) if isinstance(names, str) else [self.named(n) for n in names]

    def questions(self) -> Rows:
        """The same without the answers."""
        return Paired(self._rows, self._names, answered=False)

    def named(self, name: str) -> Row:
        """The question of a name, with its answers.

        Raises:
            KeyError: there is no such question.
        """
        row = self._rows.named(self._names[name])
        parts = ("id", "prompt", "cluster", "choices", *(["answers"] if self._answered else []))
        undescribed: Row = {"metadata": {}, "target": None}
        return {part: row.get(part) for part in parts} | undescribed | {"id": name}

    def counts(self) -> tuple[int, int]:
        """How many answers the question with most of them has, and how many there are of all."""
        counts = [len(row["answers"]) for row in Paired(self._rows, self._names)]
        return max(counts, default=0), sum(counts)

    def has_column(self, name: str) -> bool:
        """None: what describes a log's questions is its own."""
        return False


def text_of(content: Content) -> str:
    """A prompt as one text: what is asked alike has the same."""
    return content if isinstance(content, str) else json.dumps(content)
