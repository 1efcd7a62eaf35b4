"""What is estimated of texts that have labels."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from harness.statistics import AccuracyAtCoverage, LabelMeasure, Mean, Share, SpreadOverVariants
from harness.types import Estimand, Metadata
from tasks.families.label_questions import Domain, Question

RATIONALE = {
    "F1": "f1", "precision": "precision", "recall": "recall", "overlap (IoU)": "iou",
    "more than half of the words": "covered", "verbatim": "verbatim", "there": "quoted",
}  # fmt: skip
"""What is estimated of a quote, and the metric of it."""
ATTENTION = {
    "attention overlap": "covered", "recall of attention": "recall",
    "rank of attention": "rank", "effective rank of attention": "effective_rank",
}  # fmt: skip
"""What is estimated of a local model's attention, where the scorer `attention` is asked for."""
WEIGHED = {"weighed": True}


def estimands(
    domain: Domain, questions: Mapping[str, Question], weighed: Collection[str], variants: int
) -> tuple[Estimand, ...]:
    """Accuracy twice, the measures of each question, and what needs no reading of the text.

    Args:
        domain: of the task.
        questions: that are asked.
        weighed: those of them whose labels are.
        variants: how many wordings of each are asked.
    """
    right = Share(at_least=1)
    mass = Estimand("mass of the labels", "label_mass", Mean(), where=WEIGHED)
    rows = [
        Estimand("accuracy", "label_right", right),
        Estimand("accuracy, unparsed is wrong", "label_right_strict", right),
        Estimand("parsed", "label_parsed", right),
        *([mass] if weighed else []),
        Estimand("accuracy", "label_right", right, "question"),
        *(Estimand("accuracy", "label_right", right, name) for name in domain.by),
    ]
    for several in sorted({question.several for question in questions.values()}):
        rows += _of_all(domain, several)
    for key, question in questions.items():
        rows += _of_each(domain, key, question, key in weighed)
    if variants > 1:
        measure = LabelMeasure(domain.measures[0], groups="question")
        rows += [
            Estimand(
                f"spread over wordings, {part}", "label",
                SpreadOverVariants(measure, part=part), where={"several": False},
            )
            for part in ("observed", "beyond sampling", "of sampling")
        ]  # fmt: skip
    return tuple(rows)


def _of_all(domain: Domain, several: bool) -> Iterator[Estimand]:
    """The measures over all labels, a row a question, each beside what one label would get."""
    where: Metadata = {"several": several}
    for name in dict.fromkeys(["accuracy", *domain.measures]):
        if several and name == "MCC":
            continue  # of one class among several; macro MCC is there
        plain = LabelMeasure(name, groups="question", several=several)
        if name != "accuracy":
            yield Estimand(name, "label", plain, where=where)
            yield Estimand(f"{name}, unparsed is wrong", "label_strict", plain, where=where)
        for always in ("commonest", "first")[: 1 + (name == domain.measures[0])]:
            title = f"{name}, always the {always} label"
            yield Estimand(title, "label_target", replace(plain, always=always), where=where)


def _of_each(domain: Domain, key: str, question: Question, weighed: bool) -> Iterator[Estimand]:
    """What is said of one question: of each of its labels, of abstention and of quotes."""
    where: Metadata = {"question": key}
    for name in domain.each:
        measure = LabelMeasure(name, each=question.names, several=question.several)
        yield Estimand(f"{name}, {key}", "label", measure, where=where)
    if domain.coverages and weighed:
        name = f"accuracy at coverage, {key}"
        yield Estimand(name, "label_confidence", AccuracyAtCoverage(), where=where)
    if question.quotes:
        for name, metric in RATIONALE.items():
            yield Estimand(f"{name} of the quote", f"rationale_{metric}", Mean(), where=where)
        for name, metric in ATTENTION.items():
            yield Estimand(name, f"attention_{metric}", Mean(), where=where)
