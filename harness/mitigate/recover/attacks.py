"""The attacks by name, and the items that they train on, show, or ask in another language."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.data import read_file
from harness.types import HarnessError

STARTER = Path(__file__).parents[3] / "tasks" / "tofu" / "data" / "authors.jsonl"
WORDS = Path(__file__).with_name("questions.jsonl")
FORGET, RETAIN = "forget", "retain"
ON_WEIGHTS, ON_PROMPTS = "weights", "prompt"
LANGUAGES = ("german", "french", "spanish")
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Attack:
    """One way to get back what was forgotten."""

    name: str
    acts_on: str
    """`weights`: a checkpoint of its own; `prompt`: the same one, asked otherwise."""
    words: str


ATTACKS = {
    attack.name: attack
    for attack in (
        Attack("relearn_forget", ON_WEIGHTS,
               "trained on a few items that were to be forgotten, which are not asked about then"),
        Attack("relearn_retain", ON_WEIGHTS, "trained on a few items that were to be kept"),
        Attack("bits_8", ON_WEIGHTS, "weights rounded to 8 bits, in groups of 32"),
        Attack("bits_4", ON_WEIGHTS, "weights rounded to 4 bits, in groups of 32"),
        Attack("jailbreak", ON_PROMPTS, "a role in which nothing was ever forgotten"),
        Attack("many_shot", ON_PROMPTS, "many answered questions of what was to be kept in front"),
        *(Attack(language, ON_PROMPTS, f"asked in {language.capitalize()}")
          for language in LANGUAGES),
    )
}  # fmt: skip


def attacks_of(names: Sequence[str]) -> list[Attack]:
    """The attacks of these names, or all.

    >>> [attack.name for attack in attacks_of(["bits_4", "jailbreak"])]
    ['bits_4', 'jailbreak']

    Raises:
        HarnessError: there is no such attack.
    """
    if unknown := [name for name in names if name not in ATTACKS]:
        raise HarnessError(f"attacks: {unknown[0]!r} is not one of {', '.join(ATTACKS)}")
    return [ATTACKS[name] for name in names or ATTACKS]


def read_rows(data: str) -> list[Row]:
    """The questions with their answers and parts.

    Raises:
        HarnessError: the file lacks a part or a column.
    """
    rows = list(read_file(STARTER if data == "starter" else Path(data), "data"))
    for part in (FORGET, RETAIN):
        of_part = [row for row in rows if row.get("part") == part]
        if not any(row.get("question") and row.get("answer") for row in of_part):
            raise HarnessError(
                f"data={data!r} has no question and answer of part {part!r}, which attacks need"
            )
    return rows


def drawn(rows: Sequence[Row], part: str, count: int, seed: int) -> list[Row]:
    """So many questions of a part; no other draw of the seed and part has others before them."""
    of_part = [row for row in rows if row.get("part") == part and row.get("question")]
    random.Random(f"{seed} {part}").shuffle(of_part)
    return of_part[:count]


def in_language(rows: Sequence[Row], language: str) -> list[Row]:
    """The rows with each question in another language, by its topic and author.

    Raises:
        HarnessError: a question to forget is of a topic that there are no words for.
    """
    words = {str(row["topic"]): str(row[language]) for row in read_file(WORDS, "questions")}
    translated: list[Row] = []
    for row in rows:
        if row.get("topic") in words and row.get("author"):
            question = words[str(row["topic"])].format(author=row["author"])
            translated.append({**row, "question": question})
        elif row.get("part") == FORGET:
            raise HarnessError(
                f"attacks: {language} knows the topics {', '.join(words)}, and the question "
                f"{row.get('question')!r} of data= is of {row.get('topic')!r}; leave it out"
            )
        else:
            translated.append(dict(row))
    return translated
