"""A family: questions with options of which one is right, about a case or about nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from harness.data import blank, file_at, name_field, read_file, text_field
from harness.statistics import Frequencies, MajorityVote, Mean, Share
from harness.types import Direction, Estimand, HarnessError, Message, Records, Sample
from tasks.families.columns import Column, Row, columns_of, labels_of, part_of
from tasks.families.domain import check_groups, check_one_of, domain_records, gated

LETTERS = "ABCDEFGHIJ"
BLANK = {"ask": "asked without one", "leave_out": "left out"}
"""What becomes of records whose question is blank."""
ASKED = {
    "letters": "Which answer is best? Give its letter.",
    "written": 'Which answer is best? End with "Answer: " and its letter, and write nothing else.',
    "explained": (
        "Which answer is best? Reason step by step about each option in a few sentences, then end "
        'with a line "Answer: " and its letter.'
    ),
}


@dataclass(frozen=True, slots=True)
class Domain:
    """What makes a task of the family this one: `task.domain` of its YAML."""

    starter: str
    """Address of its own data: `pkg://PACKAGE/FOLDER/FILE`, or a path."""
    hub: Mapping[str, Any] | None = None
    """Published files: `builder`, `address` with placeholders, and their `values`."""
    examples: str | None = None
    """Address of worked examples, which are never among the items that are evaluated."""
    question: Sequence[str] = ("question",)
    """The columns that may hold the question."""
    options: Sequence[Sequence[str]] = (("a",), ("b",), ("c",), ("d",))
    """Of each option the columns that may hold it."""
    answer: Sequence[str] = ("answer",)
    """The columns that may hold the letter or the text of the right option."""
    explanation: Sequence[str] = ("explanation",)
    """The columns that may say why it is right; with worked examples it is shown."""
    case: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """What stands before the question: the title of each line, and the columns that may hold it."""
    cluster: str = "case"
    """The column of what is about one case; without it those of one text are."""
    strata: Sequence[str] = ()
    """What is fixed: columns whose values are all there are; see `Estimand`."""
    columns: Mapping[str, Any] = field(default_factory=dict)
    """Further metadata of its samples; see `Column`."""
    by: Sequence[str] = ()
    """The columns by which accuracy is estimated too."""
    margins: Mapping[str, Any] = field(default_factory=dict)
    """Of an estimate by its name: `margin`, `reason` and, if it is one, `guard: true`."""


class Questions:
    """How many questions are answered right, and how that is done.

    Args:
        name: of the task.
        version: changes whenever the numbers of the same model would.
        domain: what makes it this task; see `Domain`.
        data: `starter`, `hub`, or a file or folder with the domain's columns.
        answer: `letters` (weighed by their probabilities), `written`, or `explained` (reasoned
            first).
        shots: worked examples before each question, from a set of their own.
        shuffle: put the options of each question in an order of its own.
        blank_questions: `ask` (the case with its options), or `leave_out`; either way they are
            counted and noted.
    """

    reporting = ("name", "version", "domain", "blank_questions")
    # the samples, which a run is known by, show what these changed

    def __init__(
        self,
        name: str,
        version: str,
        domain: Mapping[str, Any],
        data: str = "starter",
        answer: str = "letters",
        shots: int = 0,
        shuffle: bool = False,
        blank_questions: str = "ask",
    ) -> None:
        check_one_of("task.blank_questions", blank_questions, BLANK)
        check_one_of("task.answer", answer, ASKED)
        self.name = name
        self.version = version
        self.domain = part_of(Domain, domain, "task.domain")
        self.columns = columns_of(self.domain.columns, "task.domain.columns")
        check_groups(self.domain.by, self.columns)
        self.labels = labels_of(self.columns)
        if not 2 <= len(self.domain.options) <= len(LETTERS):
            raise HarnessError(
                f"task.domain.options are {len(self.domain.options)}, not 2 to {len(LETTERS)}"
            )
        self.letters = LETTERS[: len(self.domain.options)]
        weighed = answer == "letters"
        self.estimands = gated(estimands(self.domain, weighed), self.domain.margins)
        self.data = data
        self.answer = answer
        self.examples = _examples(self.domain.examples, shots)
        self.shuffle = shuffle
        self.blank_questions = blank_questions
        self.notes: Sequence[str] = ()

    def records(self) -> Records:
        """The starter set, the published set, or the user's file."""
        return domain_records(self.data, self.domain.starter, self.domain.hub)

    def samples(self, records: Records) -> Iterator[Sample]:
        """One sample a question; what is asked about one case is a cluster."""
        before = self._worked_examples()
        without = 0
        for number, row in enumerate(records.rows, 1):
            if _without(row, self.domain.question):
                without += 1
                if self.blank_questions == "leave_out":
                    continue
            yield self._sample(row, number, records, before)
        if without:
            self.notes = [
                f"{without} of {len(records.rows)} records of {records.name!r} have a blank "
                f"question and are {BLANK[self.blank_questions]}"
            ]

    def _worked_examples(self) -> list[Message]:
        turns: list[Message] = []
        records = Records("example", self.examples)
        for number, row in enumerate(self.examples, 1):
            example = self._sample(row, number, records)
            reason = f"{example.metadata['explanation']}\n" if self.answer == "explained" else ""
            answer = Message("assistant", f"{reason}Answer: {example.target}")
            turns += [*example.prompt[:1], answer]
        return turns

    def _sample(
        self, row: Row, number: int, records: Records, before: Sequence[Message] = ()
    ) -> Sample:
        domain, where = self.domain, f"record {number} of {records.name!r}"
        name = name_field(row, "id", f"{records.name}-{number}")
        texts = [text_field(row, names, where) for names in domain.options]
        right = texts[self._right(row, texts, where)]
        if self.shuffle:
            texts.sort(key=lambda text: _digest(f"{name} {text}"))
        target = self.letters[texts.index(right)]
        weighed = self.answer == "letters"
        metadata: dict[str, str | int] = {
            f"option_{letter}": text for letter, text in zip(self.letters, texts, strict=True)
        }
        metadata |= {name: c.read(row, records, where) for name, c in self.columns.items()}
        explanation = Column(domain.explanation, absent="").read(row, records, where)
        case = _case(row, domain)
        written = hashlib.sha256("\n".join(case).encode("utf-8", "surrogatepass")).hexdigest()
        lead = [Message("assistant", "Answer:")] if weighed else []
        return Sample(
            id=name,
            prompt=(*before, Message("user", self._asked(row, case, texts, where)), *lead),
            target=target,
            choices=tuple(f" {letter}" for letter in self.letters) if weighed else (),
            cluster=name_field(row, domain.cluster, written)[:16],
            metadata=metadata
            | {"target_letter": target, "options": len(texts), "explanation": explanation},
        )

    def _asked(self, row: Row, case: Sequence[str], texts: Sequence[str], where: str) -> str:
        names = self.domain.question
        asks = [] if _without(row, names) else [text_field(row, names, where)]
        listed = [f"{letter}. {text}" for letter, text in zip(self.letters, texts, strict=True)]
        return "\n".join([*case, "", *asks, *listed, "", ASKED[self.answer]])

    def _right(self, row: Row, texts: Sequence[str], where: str) -> int:
        """Which option is right: given by its text, or by its letter."""
        answer = text_field(row, self.domain.answer, where).strip()
        places = [i for i, text in enumerate(texts) if _alike(text, answer)]
        letter = answer.strip("().").upper()
        if not places and letter in self.letters and len(letter) == 1:
            places = [self.letters.index(letter)]
        if len(places) != 1:
            raise HarnessError(
                f"{where}: the right answer {answer[:60]!r} is the text or letter of "
                f"{len(places) or 'none'} of the {len(texts)} choices"
            )
        return places[0]


def estimands(domain: Domain, weighed: bool) -> tuple[Estimand, ...]:
    """Accuracy with what it rests on, which letters were chosen, and how answers are explained."""
    right = Share(at_least=1)
    places = [(letter, float(n)) for n, letter in enumerate(LETTERS[: len(domain.options)], 1)]
    letters = Frequencies(tuple(places), "letter")
    mass = (Estimand("mass of the letters", "choice_mass", Mean()),)
    rows = (
        Estimand("accuracy", "accuracy", right),
        Estimand("accuracy, unparsed is wrong", "accuracy_strict", right),
        Estimand("majority vote", "offset", MajorityVote(), better=Direction.HIGHER),
        Estimand("parsed", "parsed", right),
        *(mass if weighed else ()),  # what was written has no probabilities
        Estimand("guessing", "chance", Mean()),
        *(Estimand("accuracy", "accuracy", right, name) for name in (*domain.by, "target_letter")),
        Estimand("chosen", "position", letters),
        Estimand("always this letter is right", "target_position", letters),
        Estimand("overlap with the explanation", "rouge_l", Mean()),
        Estimand("similarity to the explanation", "similarity", Mean()),
        Estimand("BERTScore with the explanation", "bertscore", Mean()),
        Estimand("preferred to the explanation", "preferred", Mean()),
    )
    return tuple(replace(row, strata=tuple(domain.strata)) for row in rows)


def _examples(address: str | None, shots: int) -> Sequence[Row]:
    examples = read_file(file_at(address)) if address else ()
    if not 0 <= shots <= len(examples):
        raise HarnessError(f"task.shots={shots} must be from 0 to {len(examples)}")
    return examples[:shots]


def _case(row: Row, domain: Domain) -> list[str]:
    """The lines that stand before the question, without those of which nothing is said."""
    texts = {
        title: next(filter(None, (name_field(row, name, "").strip() for name in names)), "")
        for title, names in domain.case.items()
    }
    return [f"{title}: {text}" for title, text in texts.items() if text]


def _without(row: Row, names: Sequence[str]) -> bool:
    """Whether a record has a column of the question and nothing in it."""
    return any(name in row for name in names) and all(blank(row.get(name)) for name in names)


def _alike(text: str, answer: str) -> bool:
    return text.strip().casefold() == answer.casefold()


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
