"""Answers from a CSV, JSONL, JSON or Parquet file."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.bridges.files import lm_eval_samples as lm_eval
from harness.bridges.files.columns import Columns, choose
from harness.bridges.files.facts import align, facts
from harness.bridges.files.failures import failure
from harness.bridges.files.stored import Stored, answers_stored
from harness.bridges.files.turns import (
    LONGEST_SHOWN,
    OBJECT,
    Content,
    answer_text,
    prompt_content,
    shown,
)
from harness.data import blank, nested, read_file
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
    source = read_file(path, "answers")
    if not source:
        raise HarnessError(f"answers={str(path)!r} holds no records")
    names = list(dict.fromkeys(name for row in source for name in row))
    if model is None:
        _check_one_model(source, names, path)
    reader = _Reader(path, failed_texts)
    if any(lm_eval.is_sample(row) for row in source):
        rows = reader.of_lm_eval(source)
    else:
        rows = reader.of_columns(source, choose(names, prompt, answer, f"answers={str(path)!r}"))
    align(rows)
    return answers_stored(path.name, rows, model or path.stem, str(path), reader.notes())


def _check_one_model(source: Sequence[Row], names: Sequence[str], path: Path) -> None:
    """Refuse answers of several models, which would be one model's by the file's name.

    Raises:
        HarnessError: they are of several, and nobody said that they belong together.
    """
    for name in (name for name in names if name.casefold() in MODELS):
        models = list(dict.fromkeys(str(row.get(name)) for row in source))
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

    def of_columns(self, source: Sequence[Row], columns: Columns) -> list[dict[str, Any]]:
        """A row with a prompt and an answer for each record."""
        self.columns = columns
        ids = [str(row["id"]) for row in source if not blank(row.get("id"))]
        named = len(set(ids)) == len(source)
        if ids and not named:
            self.counts["ids"] = len(source)
        rows = []
        for number, row in enumerate(source):
            where = f"record {number + 1} of {self.name}"
            if columns.answer not in row:
                raise HarnessError(
                    f"{where} has no column {columns.answer}; it has {', '.join(row)}: name them "
                    "with columns.prompt=... and columns.answer=..."
                )
            asked = self._prompt(row, columns.prompt, where)
            answers = [self._answer(row[columns.answer], row)]
            name = str(row["id"]) if named else f"{number:06d}"
            rows.append(_kept(name, asked, row, answers))
        return rows

    def of_lm_eval(self, source: Sequence[Row]) -> list[dict[str, Any]]:
        """A row with a prompt and its answers for each document."""
        rows = []
        for number, row in enumerate(source):
            where = f"record {number + 1} of {self.name}"
            if not lm_eval.is_sample(row):
                raise HarnessError(f"{where} is no sample of lm-eval's, as others of the file are")
            if self.filters.repeats(row):
                continue
            asked, answers = lm_eval.prompt_and_answers(row, where)
            rows_of_answers = [self._answer(answer, {}) for answer in answers]
            rows.append(_kept(f"{number:06d}", asked, row, rows_of_answers))
        return rows

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
            return {"text": None, "error": f"the file's error is {shown(row['error'])}"}
        text = answer_text(value)
        if text is None:
            return {"text": None, "error": f"the file has {shown(value)} for an answer"}
        if isinstance(value, str):
            text = self._unpacked(text)
        if self.failed_texts and (kind := failure(text) or _object(text)):
            self.failures[text.strip().partition("\n")[0][:40]] += 1
            return {"text": None, "error": f"the file has {shown(text)} for an answer: {kind}"}
        try:
            text.encode()
        except UnicodeEncodeError:
            return {"text": None, "error": f"the file has {shown(text)}, which is not text"}
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


def _kept(
    name: str,
    asked: Content,
    row: Row,
    answers: Sequence[Mapping[str, str | None]],
) -> dict[str, Any]:
    text = asked if isinstance(asked, str) else json.dumps(asked)
    return {
        "id": name,
        "prompt": asked,
        "cluster": text or None,
        "metadata": facts(row),
        "answers": list(answers),
    }
