"""What a family asks of texts that have labels: its questions, their wordings and right answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.data import blank, truth_field
from harness.types import HarnessError
from tasks.families.columns import Row

LETTERS = "ABCDEFGHIJ"
FIRST_MEASURES = ("balanced accuracy",)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a text."""

    labels: Mapping[str, str]
    """The name of the label that each value of the column means, in the order in which they are
    listed; with `several` that which each column means where it holds 1, yes or true."""
    asks: Sequence[str]
    """Wordings of the question; the first is the one that is asked where there is no spread."""
    of: Mapping[str, str] = field(default_factory=dict)
    """Values of columns that a record has which it is asked of; a file without them is."""
    column: Sequence[str] = ("label",)
    """The columns that may hold the label."""
    several: bool = False
    """Whether a text may have several labels; these are always written."""
    letters: bool = False
    """Whether labels are listed with letters, which are weighed: for labels of several words."""
    quotes: bool = False
    """Whether the words that show the label are to be quoted; the answer is then written."""
    names: tuple[str, ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(dict.fromkeys(map(str, self.labels.values()))))


@dataclass(frozen=True, slots=True)
class Domain:
    """What makes a task of the family this one: `task.domain` of its YAML."""

    starter: str
    """Address of its own data."""
    questions: Mapping[str, Any]
    """By name; see `Question`."""
    hub: Mapping[str, Any] | None = None
    """Published files: `builder`, `address` with placeholders, and their `values`."""
    examples: str | None = None
    """Address of worked examples, which are never among the texts that are evaluated."""
    text: Sequence[str] = ("text",)
    """The columns that may hold the text."""
    title: str = "Text"
    """What stands before it."""
    context: Mapping[str, str] = field(default_factory=lambda: {"plain": ""})
    """By framing what stands between text and question."""
    explanation: Sequence[str] = ("explanation",)
    """The columns that may hold the words which show the label."""
    columns: Mapping[str, Any] = field(default_factory=dict)
    """Further metadata of its samples; see `Column`."""
    by: Sequence[str] = ()
    """The columns by which accuracy is estimated too."""
    measures: Sequence[str] = FIRST_MEASURES
    """What is estimated of the labels; see harness/statistics/labels.py."""
    each: Sequence[str] = ()
    """What is estimated of each label of each question."""
    coverages: bool = False
    """Whether accuracy is estimated where the least sure answers are left out."""
    margins: Mapping[str, Any] = field(default_factory=dict)
    """Of an estimate by its name: `margin`, `reason` and, if it is one, `guard: true`."""


def target_of(question: Question, row: Row, where: str) -> tuple[int, str]:
    """The number of what is right (a sum of powers of two where it is several), and its name."""
    if question.several:
        lacking = [column for column in question.labels if column not in row]
        if lacking:
            raise HarnessError(f"{where} has no column {' and '.join(map(repr, lacking))}")
        held = [
            question.names.index(name)
            for column, name in question.labels.items()
            if truth_field(row, column, where)
        ]
        words = ", ".join(question.names[place] for place in sorted(held))
        return sum(2**place for place in set(held)), words or "none"
    names = [name for name in question.column if not blank(row.get(name))]
    if not names:
        raise HarnessError(f"{where} has no label in {' or '.join(map(repr, question.column))}")
    value = str(row[names[0]]).strip().casefold().removesuffix(".0")
    known = {str(level).casefold(): label for level, label in question.labels.items()}
    if value not in known:
        raise HarnessError(
            f"{where}: {names[0]} is {row[names[0]]!r}, none of {', '.join(question.labels)}"
        )
    return question.names.index(str(known[value])) + 1, str(known[value])


def wording(question: Question, variant: int, weighed: bool) -> str:
    """The question as it is asked: a wording, the labels, and how to answer."""
    listed = ", ".join(question.names)
    ask = question.asks[variant]
    if question.several:
        return f'{ask}\nThere are: {listed}. List all that hold, with commas, or write "none".'
    if question.quotes:
        return (
            f'{ask}\nThere are: {listed}.\nWrite two lines: "Answer: " and the one that fits '
            'best, then "Quote: " and the few words of the text that show it, copied exactly.'
        )
    if question.letters:
        lines = [f"{LETTERS[i]}. {name}" for i, name in enumerate(question.names)]
        end = "its letter" if weighed else "the words of the one that fits"
        return "\n".join([ask, *lines, f"Answer with {end} alone."])
    return f"{ask}\nAnswer with one of these alone: {listed}."
