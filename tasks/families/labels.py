"""A family: texts that each have one of some labels, or several of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from harness.data import blank, file_at, name_field, read_file, text_field, truth_field
from harness.statistics import AccuracyAtCoverage, LabelMeasure, Mean, Share, SpreadOverVariants
from harness.types import Estimand, HarnessError, Message, Metadata, Records, Sample
from tasks.families.columns import Column, Row, columns_of, labels_of, part_of
from tasks.families.domain import check_groups, check_one_of, domain_records, gated

LETTERS = "ABCDEFGHIJ"
ANSWERS = {"weighed": "labels are weighed", "written": "the answer is written, and parsed"}
FIRST_MEASURES = ("balanced accuracy",)
RATIONALE = {
    "F1": "f1", "precision": "precision", "recall": "recall", "overlap (IoU)": "iou",
    "more than half of the words": "covered", "verbatim": "verbatim", "there": "quoted",
}  # fmt: skip
"""What is estimated of a quote, and the metric of it."""
WEIGHED = {"weighed": True}


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


class LabelledTexts:
    """Which labels a model gives to texts.

    Args:
        name: of the task.
        version: changes whenever the numbers of the same model would.
        domain: what makes it this task; see `Domain`.
        data: `starter`, `hub`, or a file or folder with the domain's columns.
        answer: `weighed` (by the probabilities of labels), or `written`.
        framing: one of the domain's contexts.
        shots: worked examples before each text, from a set of their own.
        variants: wordings of each question that are asked, from 1.
        questions: which of the domain's are asked; all where there are none.
    """

    reporting = ("name", "version", "domain")  # the samples show what these changed

    def __init__(
        self,
        name: str,
        version: str,
        domain: Mapping[str, Any],
        data: str = "starter",
        answer: str = "weighed",
        framing: str = "plain",
        shots: int = 0,
        variants: int = 1,
        questions: Sequence[str] = (),
    ) -> None:
        check_one_of("task.answer", answer, ANSWERS)
        self.name = name
        self.version = version
        self.domain = part_of(Domain, domain, "task.domain")
        check_one_of("task.framing", framing, self.domain.context)
        every = {
            key: part_of(Question, options, f"task.domain.questions.{key}")
            for key, options in self.domain.questions.items()
        }
        for key in questions:
            check_one_of("task.questions", key, every)
        self.questions = {key: every[key] for key in questions or every}
        fewest = min(len(question.asks) for question in self.questions.values())
        if not 1 <= variants <= fewest:
            raise HarnessError(f"task.variants={variants} must be from 1 to {fewest}")
        self.columns = columns_of(self.domain.columns, "task.domain.columns")
        check_groups(self.domain.by, self.columns)
        self.labels = labels_of(self.columns)
        self.data, self.answer, self.framing = data, answer, framing
        self.shots, self.variants = shots, variants
        self.estimands = gated(estimands(self), self.domain.margins)

    def records(self) -> Records:
        """The starter set, the published set, or the user's file."""
        return domain_records(self.data, self.domain.starter, self.domain.hub)

    def samples(self, records: Records) -> Iterator[Sample]:
        """One sample for each text, question and wording; those of a text are a cluster."""
        before = {key: self._worked_examples(key) for key in self.questions}
        asked = 0
        for number, row in enumerate(records.rows, 1):
            for key, question in self.questions.items():
                if all(row.get(c, value) == value for c, value in question.of.items()):
                    for variant in range(self.variants):
                        asked += 1
                        yield self._sample(row, number, records, key, variant, before[key])
        if records.rows and not asked:
            raise HarnessError(
                f"none of the {len(records.rows)} records of {records.name!r} is asked any of "
                f"{', '.join(self.questions)}"
            )

    def weighs(self, question: Question) -> bool:
        """Whether the labels of a question are weighed, rather than written."""
        return self.answer == "weighed" and not question.several and not question.quotes

    def _worked_examples(self, key: str) -> list[Message]:
        if not self.shots:
            return []
        question, address = self.questions[key], self.domain.examples
        rows = [
            row
            for row in (read_file(file_at(address)) if address else ())
            if all(row.get(column) == value for column, value in question.of.items())
        ]
        if not 0 <= self.shots <= len(rows):
            raise HarnessError(
                f"task.shots={self.shots}, but there are {len(rows)} examples of {key!r}"
            )
        turns: list[Message] = []
        records = Records("example", rows)
        for number, row in enumerate(rows[: self.shots], 1):
            example = self._sample(row, number, records, key, 0, ())
            target = str(example.target)
            if question.letters:
                target = LETTERS[question.names.index(target)]
            turns += [example.prompt[0], Message("assistant", f"Answer: {target}")]  # type: ignore[list-item]
        return turns

    def _sample(
        self,
        row: Row,
        number: int,
        records: Records,
        key: str,
        variant: int,
        before: Sequence[Message],
    ) -> Sample:
        question, where = self.questions[key], f"record {number} of {records.name!r}"
        name = name_field(row, "id", f"{records.name}-{number}")
        code, target = _target(question, row, where)
        weighed = self.weighs(question)
        text = text_field(row, self.domain.text, where)
        parts = [f"{self.domain.title}: {text}", "", self.domain.context[self.framing]]
        parts += [_ask(question, variant, weighed)]
        metadata: Metadata = {
            "question": key,
            "labels": "|".join(question.names),
            "label_number": code,
            "several": question.several,
            "variant": variant + 1,
            "weighed": weighed,
            **{column: c.read(row, records, where) for column, c in self.columns.items()},
            **self._explanation(row, records, where, text, question),
        }
        lead = [Message("assistant", "Answer:")] if weighed else []
        marks = LETTERS[: len(question.names)] if question.letters else question.names
        return Sample(
            id=f"{name}-{key}-{variant + 1}",
            prompt=(*before, Message("user", "\n\n".join(filter(None, parts))), *lead),
            target=target,
            choices=tuple(f" {mark}" for mark in marks) if weighed else (),
            cluster=name,
            metadata=metadata,
        )

    def _explanation(
        self, row: Row, records: Records, where: str, text: str, question: Question
    ) -> Metadata:
        """The text, and the words of it that show the label, where they are to be quoted."""
        if not any(other.quotes for other in self.questions.values()):
            return {}
        read = Column(self.domain.explanation, absent="").read(row, records, where)
        return {"text": text, "explanation": read if question.quotes else ""}


def _target(question: Question, row: Row, where: str) -> tuple[int, str]:
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


def _ask(question: Question, variant: int, weighed: bool) -> str:
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


def estimands(task: LabelledTexts) -> tuple[Estimand, ...]:
    """Accuracy twice, the measures of each question, and what needs no reading of the text."""
    domain, right = task.domain, Share(at_least=1)
    weighs = any(map(task.weighs, task.questions.values()))
    rows = [
        Estimand("accuracy", "label_right", right),
        Estimand("accuracy, unparsed is wrong", "label_right_strict", right),
        Estimand("parsed", "label_parsed", right),
        *([Estimand("mass of the labels", "label_mass", Mean(), where=WEIGHED)] if weighs else []),
        Estimand("accuracy", "label_right", right, "question"),
        *(Estimand("accuracy", "label_right", right, name) for name in domain.by),
    ]
    for several in sorted({question.several for question in task.questions.values()}):
        where: Metadata = {"several": several}
        commonest = LabelMeasure("accuracy", groups="question", several=several, always="commonest")
        name = "accuracy, always the commonest label"
        rows.append(Estimand(name, "label_target", commonest, where=where))
        for name in domain.measures:
            if several and name == "MCC":
                continue  # of one class among several; macro MCC is there
            plain = LabelMeasure(name, groups="question", several=several)
            rows += [
                Estimand(name, "label", plain, where=where),
                Estimand(f"{name}, unparsed is wrong", "label_strict", plain, where=where),
            ]
            rows += [
                Estimand(
                    f"{name}, always the {always} label", "label_target",
                    replace(plain, always=always), where=where,
                )
                for always in ("commonest", "first")[: 1 + (name == domain.measures[0])]
            ]  # fmt: skip
    for key, question in task.questions.items():
        rows += [
            Estimand(
                f"{name}, {key}", "label",
                LabelMeasure(name, each=question.names, several=question.several),
                where={"question": key},
            )
            for name in domain.each
        ]  # fmt: skip
    for key, question in task.questions.items():
        where = {"question": key}
        if domain.coverages and task.weighs(question):
            name = f"accuracy at coverage, {key}"
            rows.append(Estimand(name, "label_confidence", AccuracyAtCoverage(), where=where))
        if question.quotes:
            rows += [
                Estimand(f"{name} of the quote", f"rationale_{metric}", Mean(), where=where)
                for name, metric in RATIONALE.items()
            ]
    if task.variants > 1:
        measure = LabelMeasure(domain.measures[0], groups="question")
        rows += [
            Estimand(f"spread over wordings, {part}", "label",
                     SpreadOverVariants(measure, part=part), where={"several": False})
            for part in ("observed", "beyond sampling", "of sampling")
        ]  # fmt: skip
    return tuple(rows)
