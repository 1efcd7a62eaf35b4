"""The task trial_results: the numbers of a trial's report, as a meta-analysis needs them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.data import (
    blank,
    file_at,
    level_field,
    name_field,
    read_file,
    read_records,
    text_field,
)
from harness.statistics import Frequencies, LabelMeasure, Mean, Share
from harness.types import (
    Direction,
    Estimand,
    HarnessError,
    Margin,
    Message,
    Records,
    Sample,
    with_margins,
)

Row = Mapping[str, object]
STARTER = "pkg://tasks/trial_results/abstracts.jsonl"
FIELDS = {
    "binary": ("events", "group_size"),
    "continuous": ("mean", "standard_deviation", "group_size"),
}
ARMS = ("intervention", "comparator")
TYPES = ("binary", "continuous")
LETTERS = {"binary": "A", "continuous": "B"}
KINDS = {
    "A": "binary: each person has it or has it not, and people are counted",
    "B": "continuous: something is measured, and means are compared",
    "C": "it cannot be told",
}
TEXT = ("abstract", "text")
ASK = {"both": ("type", "numbers"), "type": ("type",), "numbers": ("numbers",)}
ANSWER = ("letters", "written")
UNKNOWN = "x"
EXAMPLES: Mapping[str, Row] = {
    "binary": {
        "abstract": "Fifty-two people with migraine took ginger (n = 26) or placebo (n = 26). "
        "Vomiting was noted in 5 people with ginger and, the report says, in more with placebo.",
        "outcome": "vomiting", "intervention": "ginger", "comparator": "placebo",
        "intervention_events": 5, "intervention_group_size": 26, "comparator_group_size": 26,
    },
    "continuous": {
        "abstract": "Balance was scored after a course of dancing (n = 33) or of reading (n = 31). "
        "It was 24.5 (SD 3.1) with dancing and 22.0 with reading, whose spread is not given.",
        "outcome": "balance", "intervention": "dancing", "comparator": "reading",
        "intervention_mean": 24.5, "intervention_standard_deviation": 3.1,
        "intervention_group_size": 33, "comparator_mean": 22.0, "comparator_group_size": 31,
    },
}  # fmt: skip
"""Invented reports with their numbers, none of those that are asked about."""


class TrialResults:
    """Of each trial, outcome and pair of arms: which type the outcome is of, and its numbers.

    Args:
        data: `starter`, or a file with the columns of the authors' data.
        ask: `both`, `type` or `numbers`.
        answer: how the type is answered: `letters` (weighed), or `written`.
        articles: a file with `pmcid` and `text`, for data that name the articles alone; null: the
            texts stand beside the outcomes.
        shots: 1: a report with its numbers is shown before each that is asked for its own, for
            models that would not keep the form.

    Raises:
        HarnessError: an option has no such value.
    """

    name = "trial_results"
    version = "1"

    def __init__(
        self,
        data: str = "starter",
        ask: str = "both",
        answer: str = "letters",
        articles: str | None = None,
        shots: int = 0,
    ) -> None:
        if shots not in (0, 1):
            raise HarnessError(f"task.shots={shots} must be 0 or 1")
        for option, value, known in (("ask", ask, tuple(ASK)), ("answer", answer, ANSWER)):
            if value not in known:
                raise HarnessError(f"task.{option}={value!r} is not one of {', '.join(known)}")
        self.data = data
        self.ask = ask
        self.answer = answer
        self.articles = articles
        self.shots = shots
        self.estimands = estimands(ask)

    def records(self) -> Records:
        """The starter set, or the user's file with the texts of its articles."""
        records = read_records(self.data, file_at(STARTER))
        if self.articles is None:
            return records
        texts = {str(row.get("pmcid")): row.get("text") for row in read_file(Path(self.articles))}
        lacking = [pmcid for row in records.rows if (pmcid := str(row.get("pmcid"))) not in texts]
        if lacking:
            raise HarnessError(
                f"task.articles={self.articles!r} lacks the text of {len(set(lacking))} articles "
                f"of {records.name!r}: pmcid {lacking[0]}"
            )
        rows = [{**row, "text": texts[str(row.get("pmcid"))]} for row in records.rows]
        return Records(records.name, rows)

    def samples(self, records: Records) -> Iterator[Sample]:
        """Two samples a record, or one; all of an article are a cluster."""
        for number, row in enumerate(records.rows, 1):
            where = f"record {number} of {records.name!r}"
            if not any(name in row for name in TEXT):
                raise HarnessError(
                    f"{where} has no column 'abstract' or 'text'; where the data name articles "
                    "alone, give their texts as task.articles=FILE with pmcid and text"
                )
            for asked in ASK[self.ask]:
                yield self._sample(row, name_field(row, "id", str(number)), asked, where)

    def _sample(self, row: Row, name: str, asked: str, where: str) -> Sample:
        kind = level_field(row, "outcome_type", TYPES, where)
        lines = _report(row, where)
        metadata: dict[str, Any] = {"asked": asked, "outcome_type": kind}
        weighed = asked == "type" and self.answer == "letters"
        if asked == "type":
            lines.append("Which type is this outcome of, as the text reports it?")
            lines += [f"{letter}. {text}" for letter, text in KINDS.items()]
            lines.append("Answer with the letter alone.")
            metadata |= {"options": len(KINDS), "label_number": TYPES.index(kind) + 1}
            metadata |= {f"option_{letter}": text.split(":")[0] for letter, text in KINDS.items()}
        else:
            lines.append(_numbers_asked(kind))
        lead = (Message("assistant", "Answer:"),) if weighed else ()
        examples = _shown(kind) if self.shots and asked == "numbers" else ()
        return Sample(
            id=f"{name}-{asked}",
            prompt=(*examples, Message("user", "\n".join(lines)), *lead),
            target=LETTERS[kind] if asked == "type" else _reference(row, kind),
            choices=tuple(f" {letter}" for letter in KINDS) if weighed else (),
            cluster=name_field(row, "pmcid", name),
            metadata={"options": None, "label_number": None} | metadata,
        )


def _report(row: Row, where: str) -> list[str]:
    """The report, and which outcome of which arms is asked about."""
    facts = [
        f"{title}: {text_field(row, (title.casefold(),), where)}"
        for title in ("Outcome", "Intervention", "Comparator")
    ]
    return [text_field(row, TEXT, where), "", *facts, ""]


def _shown(kind: str) -> tuple[Message, Message]:
    """The worked example, with one number that is unknown."""
    row = EXAMPLES[kind]
    known: dict[str, str] = json.loads(_reference(row, kind))
    arms = [
        "\n".join([f"{arm}:", *(f"  {field}: {known[f'{arm}_{field}']}" for field in FIELDS[kind])])
        for arm in ARMS
    ]
    asked = "\n".join([*_report(row, "the example"), _numbers_asked(kind)])
    return Message("user", asked), Message("assistant", "\n".join(["```yaml", *arms, "```"]))


def _numbers_asked(kind: str) -> str:
    """The wording of what is to be extracted, with the form of the answer."""
    form = "\n".join(
        f"{arm}:\n" + "\n".join(f"  {field}: NUMBER" for field in FIELDS[kind]) for arm in ARMS
    )
    meant = {
        "binary": "how many people had the outcome (not their share), and how many were in the arm",
        "continuous": "mean, standard deviation and the number of people in the arm",
    }[kind]
    return (
        f"Take from the text, for this outcome and each of the two arms, {meant}. Answer with "
        f"nothing but this YAML, with {UNKNOWN} in place of a number that the text does not give:\n"
        f"```yaml\n{form}\n```"
    )


def _reference(row: Row, kind: str) -> str:
    """The numbers that are known as JSON, as they are spelt in the data."""
    names = [f"{arm}_{field}" for arm in ARMS for field in FIELDS[kind]]
    return json.dumps({n: UNKNOWN if blank(row.get(n)) else str(row[n]).strip() for n in names})


def estimands(ask: str) -> tuple[Estimand, ...]:
    """What is asked for of types and of numbers, each with its baseline."""
    rows = (*(_of_types() if ask != "numbers" else ()), *(_of_numbers() if ask != "type" else ()))
    margins = {
        "outcome type right": Margin(0.1, "ten outcomes in a hundred"),
        "exact match": Margin(0.1, "the numbers of ten outcomes in a hundred"),
        "exact match, unparsed is wrong": Margin(0.1, "likewise, with answers nobody can read"),
    }
    names = {row.name for row in rows}
    return with_margins(rows, {n: margin for n, margin in margins.items() if n in names})


def _of_types() -> tuple[Estimand, ...]:
    asked, right = {"asked": "type"}, Share(at_least=1)
    classes = tuple((kind, float(n)) for n, kind in enumerate(TYPES, 1))
    measures = (
        LabelMeasure("F1", each=(*TYPES, "unknown")),
        LabelMeasure("macro F1"),
        LabelMeasure("accuracy", always="commonest"),
    )
    frequencies = Frequencies((*classes, ("unknown", 3.0)), "type")
    return (
        Estimand("outcome type right", "accuracy", right, where=asked),
        Estimand("outcome type right, unparsed is wrong", "accuracy_strict", right, where=asked),
        Estimand("outcome type read", "parsed", right, where=asked),
        *(
            Estimand(f"{measure.name} of the outcome type", "position", measure, where=asked)
            for measure in measures
        ),
        Estimand("said to be", "position", frequencies, where=asked),
        Estimand(
            "always answering this is right", "target_position", Frequencies(classes, "type"),
            where=asked,
        ),
    )  # fmt: skip


def _of_numbers() -> tuple[Estimand, ...]:
    asked, right = {"asked": "numbers"}, Share(at_least=1)
    rows = [
        Estimand(name, metric, right, by, where=asked)
        for by in (None, "outcome_type")
        for name, metric in (
            ("exact match", "exact_match"),
            ("exact match, unparsed is wrong", "exact_match_strict"),
            ("always answering unknown is an exact match", "all_unknown"),
            ("numbers read", "parsed_fields"),
        )
    ]
    rows += [
        Estimand("fields right, unparsed is none", "fields_equal_strict", Share(k), by, asked)
        for by in (None, "outcome_type")
        for k in (1, 2, 3)
    ]
    rows += [
        Estimand("fields said to be unknown", "unknown", Mean(), where=asked),
        Estimand("of them known to the reference", "unknown_wrongly", Mean(), where=asked),
        Estimand(
            "fields unknown to the reference", "reference_unknown", Mean(), where=asked,
            better=Direction.LOWER,
        ),
        Estimand(
            "effect computable", "effect_computed", right, where=asked,
            given={"reference_effect": 1.0},
        ),
    ]  # fmt: skip
    errors = {"binary": "log odds ratio", "continuous": "standardised mean difference"}
    for kind, effect in errors.items():
        of_kind = asked | {"outcome_type": kind}
        given = {"effect_computed": 1.0}
        rows.append(
            Estimand(f"error of the {effect}", "effect_error", Mean(), where=of_kind, given=given)
        )
    return tuple(rows)
