"""Questions with their answers and scores, on disk while a log is read: few of them in memory."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import weakref
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from harness.bridges.files.facts import Kinds
from harness.types import HarnessError

QUESTIONS, CHARACTERS = 2048, 4_000_000
"""Questions, and characters of theirs, that are held in memory before they go to the disk."""
CACHE_KIB, PAGE_BYTES = 8192, 8192
TABLE = """CREATE TABLE questions (
    number INTEGER PRIMARY KEY, key BLOB UNIQUE, n INTEGER, asked TEXT, answers TEXT, scores TEXT
)"""
WRITE = "INSERT OR REPLACE INTO questions VALUES (?, ?, ?, ?, ?, ?)"

Row = dict[str, Any]
OfAnswer = dict[str, list[Any]]
"""By metric its value, the reason of a missing one, and the tool's words."""


@dataclass
class Question:
    """What is kept of a question while more may be said of it; change it in place."""

    number: int
    asked: Row = field(default_factory=dict)
    """Its row without the answers, and without a cluster that is the text of the prompt; empty:
    nothing is known of it yet."""
    answers: list[Row] = field(default_factory=list)
    scores: dict[int, OfAnswer] = field(default_factory=dict)
    """By the answer's index."""


class Spool:
    """A working copy of a log on disk, which ends with the process, however that ends.

    It is a database of SQLite's without a name: in the folder that SQLITE_TMPDIR or TMPDIR names,
    else in /var/tmp. Only a bounded number of questions is in memory; a question with all of its
    answers is held as one.
    """

    def __init__(self) -> None:
        self.kinds = Kinds()
        """Of what stands in the questions' metadata."""
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        weakref.finalize(self, self._db.close)
        for setting in (
            f"page_size={PAGE_BYTES}", f"cache_size=-{CACHE_KIB}", "journal_mode=OFF",
            "synchronous=OFF", "temp_store=FILE",
        ):  # fmt: skip
            self._db.execute(f"PRAGMA {setting}")
        self._db.execute(TABLE)
        self._open: dict[str, Question] = {}
        self._held = self._count = self._shelves = 0

    def __len__(self) -> int:
        return self._count

    def find(self, name: str) -> Question | None:
        """A question to be changed; None: there is none of this name."""
        question = self._open.get(name)
        if question is None:
            row = self._fetch("number, asked, answers, scores", "key", _key(name))
            if row is None:
                return None
            self._make_room()
            question = self._open[name] = Question(
                row[0], json.loads(row[1]), json.loads(row[2]), _scores(row[3])
            )
            self._held += sum(map(len, row[1:]))
        return question

    def begin(self, name: str) -> Question:
        """A new question, after all others."""
        self._make_room()
        question = self._open[name] = Question(self._count)
        self._count += 1
        return question

    def weigh(self, characters: int) -> None:
        """Count what was added to a question."""
        self._held += characters

    def asked(self) -> Iterator[Row]:
        """What is known of each question without its answers, in order."""
        for (asked,) in self._all("asked"):
            yield json.loads(asked)

    def rows(self) -> Iterator[tuple[Row, list[Row]]]:
        """What is known of each question, and its answers, in order."""
        for asked, answers in self._all("asked, answers"):
            yield json.loads(asked), json.loads(answers)

    def scores(self) -> Iterator[tuple[str, dict[int, OfAnswer]]]:
        """Each question's name, and the scores of its answers by their index, in order."""
        for asked, scores in self._all("asked, scores"):
            yield str(json.loads(asked)["id"]), _scores(scores)

    def whole(self) -> Iterator[tuple[Row, list[Row], dict[int, OfAnswer]]]:
        """What is known of each question, its answers, and their scores, in order."""
        for asked, answers, scores in self._all("asked, answers, scores"):
            yield json.loads(asked), json.loads(answers), _scores(scores)

    def row(self, number: int) -> tuple[Row, list[Row]]:
        """What is known of the question of this number, and its answers."""
        self.flush()
        row = self._fetch("asked, answers", "number", number)
        if row is None:
            raise IndexError(number)
        return json.loads(row[0]), json.loads(row[1])

    def row_of(self, name: str) -> tuple[Row, list[Row]] | None:
        """What is known of the question of this name, and its answers; None: there is none."""
        self.flush()
        row = self._fetch("asked, answers", "key", _key(name))
        return None if row is None else (json.loads(row[0]), json.loads(row[1]))

    def scores_of(self, name: str) -> dict[int, OfAnswer]:
        """The scores of a question's answers by their index; none where there is no question."""
        self.flush()
        row = self._fetch("scores", "key", _key(name))
        return {} if row is None else _scores(row[0])

    def counts(self) -> tuple[int, int]:
        """How many answers the question with most of them has, and how many there are of all."""
        self.flush()
        most, total = self._db.execute("SELECT max(n), sum(n) FROM questions").fetchone()
        return most or 0, total or 0

    def shelf(self) -> Shelf:
        """An empty place for what a reader must remember."""
        self._shelves += 1
        return Shelf(self, f"shelf_{self._shelves}")

    def flush(self) -> None:
        """Write what is in memory."""
        if not self._open:
            return
        with written():
            self._db.execute("BEGIN")
            self._db.executemany(WRITE, (_written(*item) for item in self._open.items()))
            self._db.execute("COMMIT")
        self._open.clear()
        self._held = 0

    def _make_room(self) -> None:
        if len(self._open) >= QUESTIONS or self._held > CHARACTERS:
            self.flush()

    def _fetch(self, columns: str, by: str, value: object) -> tuple[Any, ...] | None:
        query = f"SELECT {columns} FROM questions WHERE {by} = ?"
        row: tuple[Any, ...] | None = self._db.execute(query, (value,)).fetchone()
        return row

    def _all(self, columns: str) -> Iterator[tuple[Any, ...]]:
        self.flush()
        yield from self._db.execute(f"SELECT {columns} FROM questions ORDER BY number")


class Shelf(MutableMapping[str, Any]):
    """What a reader must remember of a log, by name, on disk: anything that JSON holds."""

    def __init__(self, spool: Spool, table: str) -> None:
        self._spool = spool  # which would close what this reads, were it gone
        self._db = spool._db
        self._table = table
        self._db.execute(
            f"CREATE TABLE {table} (number INTEGER PRIMARY KEY, key BLOB UNIQUE, name TEXT, "
            "value TEXT)"
        )

    def __getitem__(self, name: str) -> Any:
        query = f"SELECT value FROM {self._table} WHERE key = ?"
        row = self._db.execute(query, (_key(name),)).fetchone()
        if row is None:
            raise KeyError(name)
        return json.loads(row[0])

    def __setitem__(self, name: str, value: Any) -> None:
        with written():
            self._db.execute(
                f"INSERT INTO {self._table} (key, name, value) VALUES (?, ?, ?) "
                "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                (_key(name), json.dumps(name), json.dumps(value)),
            )

    def __delitem__(self, name: str) -> None:
        if not self._db.execute(f"DELETE FROM {self._table} WHERE key = ?", (_key(name),)).rowcount:
            raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        for (name,) in self._db.execute(f"SELECT name FROM {self._table} ORDER BY number"):
            yield json.loads(name)

    def __len__(self) -> int:
        count: int = self._db.execute(f"SELECT count(*) FROM {self._table}").fetchone()[0]
        return count


@contextmanager
def written() -> Iterator[None]:
    """Say in a sentence that the working copy could not be written.

    Raises:
        HarnessError: it could not.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise HarnessError(
            f"the working copy of the answers cannot be written ({error}): make room in /var/tmp, "
            "or name a folder that has some with SQLITE_TMPDIR=FOLDER"
        ) from error


def _key(name: str) -> bytes:
    return hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _scores(text: str) -> dict[int, OfAnswer]:
    return {int(index): of_answer for index, of_answer in json.loads(text).items()}


def _written(name: str, question: Question) -> tuple[int, bytes, int, str, str, str]:
    parts: Mapping[str, object] = vars(question)
    asked, answers, scores = (json.dumps(parts[part]) for part in ("asked", "answers", "scores"))
    return question.number, _key(name), len(question.answers), asked, answers, scores
