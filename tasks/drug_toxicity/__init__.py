"""The task drug_toxicity: which organs a drug harms, from its structure and what it acts on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.data import (
    blank,
    file_at,
    name_field,
    nested,
    read_records,
    text_field,
    truth_field,
)
from harness.statistics import Contrast, LabelMeasure, Mean, Share
from harness.types import (
    Estimand,
    HarnessError,
    Margin,
    Message,
    Metadata,
    Records,
    Sample,
    with_margins,
)

Row = Mapping[str, object]
STARTER = "pkg://tasks/drug_toxicity/drugs.jsonl"
ORGANS = {
    "cardio": (
        "cardio",
        "Cardio",
        "cardiotoxicity",
        "Cardiotoxicity",
        "cardio_toxicity_binary_rating_0_1",
    ),
    "hematological": (
        "hematological",
        "Hematological",
        "hematological_toxicity",
        "hematological_binary_rating_0_1",
    ),
    "infertility": ("infertility", "Infertility", "infertility_binary_rating_0_1"),
    "liver": ("liver", "Liver", "liver_toxicity", "liver_toxicity_binary_rating_0_1"),
    "pulmonary": (
        "pulmonary",
        "Pulmonary",
        "pulmonary_toxicity",
        "pulmonary_toxicity_binary_rating_0_1",
    ),
    "renal": ("renal", "Renal", "renal_toxicity", "renal_toxicity_binary_rating_0_1"),
}
"""Each organ, and the columns that may say whether it is harmed."""
FORMS = {"smiles": "SMILES", "iupac": "IUPAC name", "name": "Name"}
COLUMNS = {
    "smiles": ("smiles", "SMILES"),
    "iupac": ("iupac", "iupac_name", "IUPAC"),
    "name": ("name", "drug", "generic_name"),
}
REASONING = ("none", "chain")
EXAMPLE: Row = {
    "smiles": "NC(=O)NO", "iupac": "hydroxyurea", "name": "hydroxycarbamide",
    "pathways": ["ribonucleotide reductase"], "go_terms": ["DNA replication"],
    "hematological": 1, "infertility": 1, "pulmonary": 1,
}  # fmt: skip
"""A drug with its labels that is shown before, and is none of those that are asked about."""
MEASURES = ("F1", "precision", "recall")


class DrugToxicity:
    """Six organs of each drug, once for each form in which the drug is written.

    Args:
        data: `starter`, or a file with the columns of its data.
        written_as: forms of a drug: `smiles`, `iupac`, `name`; each is asked of each drug.
        context: tell the pathways and gene ontology terms too.
        reasoning: `none`, or `chain`: a chain of thought before the labels.
        shots: 1: a drug with its labels is shown before, for models that would not keep the form.

    Raises:
        HarnessError: an option has no such value.
    """

    name = "drug_toxicity"
    version = "1"
    labels = {"written_as": FORMS}  # noqa: RUF012

    def __init__(
        self,
        data: str = "starter",
        written_as: Sequence[str] = ("smiles", "iupac"),
        context: bool = True,
        reasoning: str = "none",
        shots: int = 0,
    ) -> None:
        forms = tuple(written_as) if not isinstance(written_as, str) else (written_as,)
        if not forms or len(set(forms)) < len(forms) or not set(forms) <= FORMS.keys():
            raise HarnessError(
                f"task.written_as={list(forms)} must be some of {', '.join(FORMS)}, each once"
            )
        if reasoning not in REASONING:
            raise HarnessError(f"task.reasoning={reasoning!r} is not one of {', '.join(REASONING)}")
        if shots not in (0, 1) or (shots and reasoning == "chain"):
            raise HarnessError(f"task.shots={shots} must be 0, or 1 without a chain of thought")
        self.data = data
        self.shots = shots
        self.written_as = forms
        self.context = context
        self.reasoning = reasoning
        self.estimands = estimands(forms)

    def records(self) -> Records:
        """The starter set or the user's file."""
        return read_records(self.data, file_at(STARTER))

    def samples(self, records: Records) -> Iterator[Sample]:
        """One sample for each drug and form; those of a drug are a cluster."""
        for number, row in enumerate(records.rows, 1):
            where = f"record {number} of {records.name!r}"
            drug = _drug(row, f"{records.name}-{number}")
            truth = {organ: _harmed(row, organ, where) for organ in ORGANS}
            bits = sum(2**place for place, harmed in enumerate(truth.values()) if harmed)
            for form in self.written_as:
                text = self._asked(row, form, where)
                yield Sample(
                    id=f"{drug}-{form}",
                    prompt=(*self._shown(form), Message("user", text)),
                    target=json.dumps(truth),
                    cluster=drug,
                    metadata={
                        "label_number": bits,
                        "written_as": form,
                        "source": name_field(row, "source", ""),
                    },
                )

    def _shown(self, form: str) -> list[Message]:
        """The worked example, where one is wanted."""
        labels = json.dumps({organ: EXAMPLE.get(organ, 0) for organ in ORGANS})
        turns = [Message("user", self._asked(EXAMPLE, form, "the example"))]
        return [*turns, Message("assistant", labels)] if self.shots else []

    def _asked(self, row: Row, form: str, where: str) -> str:
        lines = [f"{FORMS[form]}: {text_field(row, COLUMNS[form], where)}"]
        if self.context:
            for title, column in (("Pathways", "pathways"), ("Gene ontology terms", "go_terms")):
                terms = _terms(row.get(column))
                lines += [f"{title}: {'; '.join(terms)}"] if terms else []
        first = (
            "Think step by step, from the structure and what it acts on to each organ, in a few "
            "sentences, and end with"
            if self.reasoning == "chain"
            else "Answer with nothing but"
        )
        form_of_answer = ", ".join(f'"{organ}": 0 or 1' for organ in ORGANS)
        return "\n".join(
            [
                "Which organs does this drug harm in people who take it, so that its prescribing "
                "information warns of it?",
                "",
                *lines,
                "",
                f"{first} one JSON object, with 1 for an organ that is harmed and 0 for one that "
                f"is not: {{{form_of_answer}}}",
            ]
        )


def _drug(row: Row, otherwise: str) -> str:
    """What a drug is called."""
    for column in ("generic_name", "name", "id"):
        otherwise = name_field(row, column, otherwise)
    return otherwise


def _harmed(row: Row, organ: str, where: str) -> int:
    for column in ORGANS[organ]:
        if (truth := truth_field(row, column, where)) is not None:
            return int(truth)
    raise HarnessError(
        f"{where} does not say whether {organ} is harmed; give 0 or 1 in a column "
        f"{' or '.join(map(repr, ORGANS[organ]))}"
    )


def _terms(value: Any) -> list[str]:
    """The terms of a list, which a CSV has as text."""
    if isinstance(value, str):
        value = nested(value) or value
    if blank(value):
        return []
    return [str(term) for term in value] if isinstance(value, list) else [str(value)]


def estimands(forms: Sequence[str]) -> tuple[Estimand, ...]:
    """F1 of each organ with its baseline, and what the form of a drug changes."""
    organs, whole = tuple(ORGANS), Share(at_least=1)
    rows = [
        *_scores("organs", organs, {}, MEASURES),
        Estimand(
            "macro F1 of organs, all said to be harmed",
            "labels_said",
            LabelMeasure("macro F1", several=True, always="all"),
        ),
        Estimand("organs right", "labels_right", Mean()),
        Estimand("organs right, unparsed is wrong", "labels_right_strict", Mean()),
        Estimand("all six right", "labels_all", whole),
        Estimand("all six right, unparsed is wrong", "labels_all_strict", whole),
        Estimand("answers read", "labels_read", whole),
        Estimand("organs said to be harmed", "labels_yes", Mean()),
        Estimand("organs that are", "labels_true", Mean()),
    ]
    if len(forms) > 1:
        for form in forms:
            rows += _scores(f"organs from {FORMS[form]}", organs, {"written_as": form}, ("F1",))
        rows.append(Estimand("organs right", "labels_right", Contrast("written_as", forms[0])))
        rows.append(Estimand("organs right", "labels_right", Mean(), "written_as"))
    margins = {
        "organs right": Margin(0.1, "a tenth of six organs", guard=True),
        "organs right, unparsed is wrong": Margin(0.1, "likewise, with what nobody can read"),
    }
    return _with_margins(rows, margins)


def _scores(
    name: str, organs: tuple[str, ...], where: Metadata, measures: Sequence[str]
) -> list[Estimand]:
    """Each measure of each organ, of their unweighted mean, and of all decisions together."""
    rows: list[Estimand] = []
    for measure in measures:
        kinds = [LabelMeasure(measure, each=organs, several=True)]
        kinds += [LabelMeasure(f"{over} {measure}", several=True) for over in ("macro", "micro")]
        rows += [
            Estimand(f"{kind.measure} of {name}", "labels_said", kind, where=where)
            for kind in kinds
        ]
    return rows


def _with_margins(rows: Sequence[Estimand], margins: Mapping[str, Margin]) -> tuple[Estimand, ...]:
    """A difference between forms bears its estimate's name, and no margin."""
    compared = [row for row in rows if isinstance(row.statistic, Contrast)]
    plain = [row for row in rows if row not in compared]
    return (*with_margins(plain, margins), *compared)
