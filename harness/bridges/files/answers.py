"""Answers from a CSV, JSONL, JSON or Parquet file."""

from __future__ import annotations

import hashlib
import re
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness.bridges.files import lm_eval_samples as lm_eval
from harness.bridges.files.columns import Columns, choose
from harness.bridges.files.facts import facts
from harness.bridges.files.failures import failure
from harness.bridges.files.stored import Stored, answers_stored, spooled
from harness.bridges.files.turns import (
    LONGEST_SHOWN,
    OBJECT,
    Content,
    answer_text,
    excerpt,
    prompt_content,
)
from harness.data import blank, nested, walk_file
from harness.types import HarnessError

MODELS = ("model", "model_name", "model_id")
"""Columns that say who answered."""
MESSAGE = re.compile(r"[\"']role[\"']\s*:")
Row = Mapping[str, object]


def of_file(
    path: Path,
    prompt: str | None,
    answer: str | None,
    model: str | None,
    failed_texts: bool = True,
) -> Stored:
    """Prompts and answers from a CSV, JSONL, JSON or Parquet file, lm-eval's samples among them.

    Args:
        path: of the file, or of a folder of them.
        prompt: its column; None: that which is called as prompts are, or none.
        answer: its column; None: that which is called as answers are.
        model: that gave the answers; None: the file's name.
        failed_texts: count texts that no model but a program wrote for a failure as missing.

    Raises:
        HarnessError: there is no such file or column, or several columns would do.
    """
    head = _Head()
    for row in walk_file(path, "answers"):
        head.add(row)
    if not head.count:
        raise HarnessError(f"answers={str(path)!r} holds no records")
    if model is None:
        _check_one_model(head, path)
    reader, source = _Reader(path, failed_texts), walk_file(path, "answers")
    if head.of_lm_eval:
        rows = spooled(reader.of_lm_eval(source))
    else:
        columns = choose(list(head.names), prompt, answer, f"answers={str(path)!r}")
        rows = spooled(reader.of_columns(source, columns, head.has_ids))
    return answers_stored(path.name, rows, model or path.stem, str(path), reader.notes())


class _Head:
    """What must be known of a file before its rows are read."""

    def __init__(self) -> None:
        self.names: dict[str, None] = {}
        """Of all columns."""
        self.models: dict[str, dict[str, None]] = {}
        """Of each column that says who answered its values."""
        self.count = 0
        self.of_lm_eval = False
        self._ids = array("Q")

    def add(self, row: Row) -> None:
        """Take in a record."""
        if new := [name for name in row if name not in self.names]:
            self.names |= dict.fromkeys(new)
            before = {"None": None} if self.count else {}
            self.models |= {name: dict(before) for name in new if name.casefold() in MODELS}
        for name, values in self.models.items():
            values.setdefault(str(row.get(name)))
        self.of_lm_eval = self.of_lm_eval or lm_eval.is_sample(row)
        if not blank(row.get("id")):
            content = str(row["id"]).encode("utf-8", "surrogatepass")
            self._ids.append(int.from_bytes(hashlib.blake2b(content, digest_size=8).digest()))
        self.count += 1

    @property
    def has_ids(self) -> bool | None:
        """Whether the ids tell the records apart; None: there are none."""
        if not self._ids:
            return None
        return len(np.unique(np.frombuffer(self._ids, np.uint64))) == self.count


def _check_one_model(head: _Head, path: Path) -> None:
    """Refuse answers of several models, which would be one model's by the file's name.

    Raises:
        HarnessError: they are of several, and nobody said that they belong together.
    """
    for name, values in head.models.items():
        models = list(values)
        if len(models) > 1:
            raise HarnessError(
                f"answers={str(path)!r} holds answers of {len(models)} models by its column "
                f"{name!r} ({', '.join(models[:3])}{', ...' if len(models) > 3 else ''}): score a "
                f"file of each, or all of them together with model=NAME by={name}"
            )


class _Reader:
    """Reads rows, and counts what of them was left out or taken for something else."""

    def __init__(self, path: Path, failed_texts: bool) -> None:
        self.name = path.name
        self.failed_texts = failed_texts
        self.columns: Columns | None = None
        self.filters = lm_eval.Filters()
        self.failures: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()

    def of_columns(
        self, source: Iterable[Row], columns: Columns, has_ids: bool | None
    ) -> Iterator[dict[str, Any]]:
        """A row with a prompt and an answer for each record."""
        self.columns = columns
        for number, row in enumerate(source):
            if has_ids is False:
                self.counts["ids"] += 1
            where = f"record {number + 1} of {self.name}"
            if columns.answer not in row:
                raise HarnessError(
                    f"{where} has no column {columns.answer}; it has {', '.join(row)}: name them "
                    "with columns.prompt=... and columns.answer=..."
                )
            asked = self._prompt(row, columns.prompt, where)
            answers = [self._answer(row[columns.answer], row)]
            name = str(row["id"]) if has_ids else f"{number:06d}"
            yield _record(name, asked, row, answers)

    def of_lm_eval(self, source: Iterable[Row]) -> Iterator[dict[str, Any]]:
        """A row with a prompt and its answers for each document."""
        for number, row in enumerate(source):
            where = f"record {number + 1} of {self.name}"
            if not lm_eval.is_sample(row):
                raise HarnessError(f"{where} is no sample of lm-eval's, as others of the file are")
            if self.filters.repeats(row):
                continue
            asked, answers = lm_eval.prompt_and_answers(row, where)
            rows_of_answers = [self._answer(answer, {}) for answer in answers]
            yield _record(f"{number:06d}", asked, row, rows_of_answers)

    def _prompt(self, row: Row, columns: Sequence[str], where: str) -> Content:
        """What a record asks: the text of one column, or the texts of two below each other."""
        present = [row[name] for name in columns if not blank(row.get(name))]
        if columns and not present:
            self.counts["no prompt"] += 1
        if len(present) == 1:
            content = prompt_content(present[0], where)
            if isinstance(present[0], str) and isinstance(content, list):
                self.counts["as text"] += 1
            return content
        if not all(isinstance(part, str) for part in present):
            raise HarnessError(f"{where}: {' and '.join(map(repr, columns))} are not both texts")
        return "\n\n".join(str(part) for part in present)

    def _answer(self, value: object, row: Row) -> dict[str, str | None]:
        """A text, or why there is none."""
        if blank(value) and isinstance(row.get("error"), str) and not blank(row["error"]):
            return {"text": None, "error": f"the file's error is {excerpt(row['error'])}"}
        text = answer_text(value)
        if text is None:
            return {"text": None, "error": f"the file has {excerpt(value)} for an answer"}
        if isinstance(value, str):
            text = self._unpacked(text)
        if self.failed_texts and (kind := failure(text) or _object(text)):
            self.failures[text.strip().partition("\n")[0][:40]] += 1
            return {"text": None, "error": f"the file has {excerpt(text)} for an answer: {kind}"}
        try:
            text.encode()
        except UnicodeEncodeError:
            return {"text": None, "error": f"the file has {excerpt(text)}, which is not text"}
        return {"text": text, "error": None}

    def _unpacked(self, text: str) -> str:
        """The text of a message or of parts that stand as text; any other text as it is."""
        if not OBJECT.match(text):
            return text
        value = nested(text)
        if isinstance(value, dict) and "role" not in value:
            return text
        content = answer_text(value)
        if content is None:
            return text
        self.counts["answers as text"] += 1
        return content

    def notes(self) -> list[str]:
        """What was read as what, and what was left out, in sentences."""
        notes = [self.columns.sentence(self.name)] if self.columns else []
        if n := sum(self.failures.values()):
            words = ", ".join(repr(word) for word, _ in self.failures.most_common(3))
            notes.append(
                f"{n} answers of {self.name} are texts that stand for a failure ({words}) and "
                "count as missing; with failed_texts=false they are scored"
            )
        if self.filters.left_out:
            names = ", ".join(f"{name} ({n})" for name, n in self.filters.left_out.items())
            notes.append(
                f"records of {self.name} that repeat a document for another filter of lm-eval's "
                f"are left out: {names}"
            )
        return notes + [
            SENTENCES[kind].format(n, self.name) for kind, n in self.counts.items() if n
        ]


SENTENCES = {
    "ids": "the ids of {1} are not used, for some of its {0} records have none or one of another's",
    "as text": "{0} prompts of {1} are turns that stand as text, and were read as turns",
    "no prompt": "{0} records of {1} have no prompt, and scorers that read it see none",
    "answers as text": "{0} answers of {1} are messages as text; their content is scored",
}


def _object(text: str) -> str | None:
    """What a text is that is a list of texts or a message rather than a text; None: it is none."""
    if OBJECT.match(text) and MESSAGE.search(text[:LONGEST_SHOWN]):
        return "a message as text that cannot be read"
    value = nested(text) if text.lstrip().startswith("[") else None
    is_list = isinstance(value, list) and all(isinstance(item, str) for item in value)
    return "a list as text" if is_list else None


def _record(
    name: str,
    asked: Content,
    row: Row,
    answers: Sequence[Mapping[str, str | None]],
) -> dict[str, Any]:
    return {"id": name, "prompt": asked, "metadata": facts(row), "answers": list(answers)}
