"""A family: texts that each have one of some labels, or several of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.data import file_at, name_field, read_file, text_field
from harness.types import HarnessError, Message, Metadata, Records, Sample
from tasks.families.columns import Column, Row, columns_of, labels_of, part_of
from tasks.families.domain import check_groups, check_one_of, domain_records, gated
from tasks.families.label_estimands import estimands
from tasks.families.label_questions import LETTERS, Domain, Question, target_of, wording

ANSWERS = {"weighed": "labels are weighed", "written": "the answer is written, and parsed"}


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
        weighed = [key for key, question in self.questions.items() if self.weighs(question)]
        asked = estimands(self.domain, self.questions, weighed, variants)
        self.estimands = gated(asked, self.domain.margins)

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
            target, facts = str(example.target), example.metadata
            if self.weighs(question) and question.letters:
                target = LETTERS[question.names.index(target)]
            quote = f'\nQuote: "{facts["explanation"]}"' if question.quotes else ""
            asked = next(message for message in example.prompt if isinstance(message, Message))
            turns += [asked, Message("assistant", f"Answer: {target}{quote}")]
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
        code, target = target_of(question, row, where)
        weighed = self.weighs(question)
        text = text_field(row, self.domain.text, where)
        parts = [f"{self.domain.title}: {text}", "", self.domain.context[self.framing]]
        parts += [wording(question, variant, weighed)]
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
