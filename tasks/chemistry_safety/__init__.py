"""The task chemistry_safety: questions on the toxicity and safety of chemicals, and how sure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from string import ascii_uppercase
from typing import Any

from harness.data import blank, file_at, name_field, number_field, read_records, text_field
from harness.statistics import CalibrationError, Mean, Reliability, Share
from harness.types import (
    Direction,
    Estimand,
    HarnessError,
    Margin,
    Message,
    Metadata,
    Records,
    Sample,
    with_margins,
)
from tasks.families.twins import estimands_with_twins, twin_facts, with_twins

Row = Mapping[str, object]
STARTER = "pkg://tasks/chemistry_safety/items.jsonl"
ANSWER = ("letters", "written")
KINDS = {"one": "one right option", "several": "several right options", "number": "a number"}
TOLERANCE = 0.01
"""Of the right number, by which an answer may differ where the item does not say."""
MOST_OPTIONS = 26
ASKED = {
    "letters": "One option is right, or several are. Give the letter of each that is, with commas "
    "between them, after [ANSWER] and before [/ANSWER].",
    "number": "Give the number alone, without its unit, after [ANSWER] and before [/ANSWER].",
    "weighed": "Which option is right? Give its letter.",
    "sure": 'In a second line state how sure you are that all of this is right, as "Confidence: " '
    "and a level from 1 (a guess) to 5 (certain).",
}


class ChemistrySafety:
    """How many questions on the safety of chemicals are answered right, and how sure that was.

    Args:
        data: `starter`, or a file in ChemBench's layout.
        answer: of questions with one right option: `letters` (weighed by their probabilities; no
            confidence is stated), or `written` as all others are.
        twins: ask each item's twins too (tasks/families/twins.py), which show what is known by
            heart; a limit is then of items.
    """

    name = "chemistry_safety"
    version = "1"
    labels = {"kind": KINDS}  # noqa: RUF012

    def __init__(self, data: str = "starter", answer: str = "letters", twins: bool = False) -> None:
        if answer not in ANSWER:
            raise HarnessError(f"task.answer={answer!r} is not one of {', '.join(ANSWER)}")
        self.data = data
        self.answer = answer
        self.twins = self.whole_clusters = twins
        rows = estimands(answer)
        self.estimands = estimands_with_twins(rows, "all_correct") if twins else rows

    def records(self) -> Records:
        """The starter set or the user's file."""
        starter = file_at(STARTER)
        records = read_records(self.data, starter)
        if not self.twins:
            return records
        return with_twins(records, self.data, starter, ("target_scores", "target"))

    def samples(self, records: Records) -> Iterator[Sample]:
        """One sample a question; the commonest right answer is each one's baseline."""
        samples = [
            self._sample(row, number, f"record {number} of {records.name!r}", records.name)
            for number, row in enumerate(records.rows, 1)
        ]
        originals = [s for s in samples if s.metadata.get("twin") in (None, "original")]
        lettered = Counter(s.target for s in originals if s.metadata["kind"] != "number")
        commonest = min(lettered, key=lambda t: (-lettered[t], str(t))) if lettered else None
        for sample in samples:
            constant = float(sample.target == commonest)
            yield replace(sample, metadata={**sample.metadata, "constant": constant})

    def _sample(self, row: Row, number: int, where: str, data: str) -> Sample:
        question = text_field(row, ("question", "input"), where)
        options = _options(row, where)
        if options is None:
            kind, target = "number", _number(row, where)
            lines = [question, "", ASKED["number"]]
        else:
            lettered = list(zip(ascii_uppercase, options, strict=False))
            right = [letter for letter, (_, score) in lettered if score > 0]
            kind, target = ("one" if len(right) == 1 else "several"), ",".join(right)
            lines = [question, *(f"{letter}. {text}" for letter, (text, _) in lettered), ""]
            lines.append(ASKED["letters" if self._written(kind) else "weighed"])
        written = self._written(kind)
        if written:
            lines.append(ASKED["sure"])
        lead = () if written else (Message("assistant", "Answer:"),)
        letters = ascii_uppercase[: len(options or ())]
        return Sample(
            id=name_field(row, "id", name_field(row, "uuid", f"{data}-{number}")),
            prompt=(
                Message("user", "\n".join(lines)),
                *lead,
            ),
            target=target,
            cluster=str(row["twin_of"]) if "twin_of" in row else None,
            choices=() if written else tuple(f" {letter}" for letter in letters),
            metadata={
                **_metadata(row, kind, options, where),
                "answered": "written" if written else "letters",
                **twin_facts(row),
            },
        )

    def _written(self, kind: str) -> bool:
        return kind != "one" or self.answer == "written"


def _metadata(
    row: Row, kind: str, options: Sequence[tuple[str, float]] | None, where: str
) -> Metadata:
    """What describes a question; the canary stays with it, wherever it goes."""
    facts: dict[str, Any] = {
        "kind": kind,
        "topic": name_field(row, "topic", "not stated"),
        "options": len(options) if options else None,
        "tolerance": number_field(row, "relative_tolerance", where) or TOLERANCE,
        "canary": name_field(row, "canary", ""),
    }
    texts = zip(ascii_uppercase, options or (), strict=False)
    return facts | {f"option_{letter}": text for letter, (text, _) in texts}


def _options(row: Row, where: str) -> list[tuple[str, float]] | None:
    """Each option with its score, above 0 where it is right; None: a number is asked for."""
    scores = row.get("target_scores")
    if blank(scores):
        return None
    if not isinstance(scores, Mapping) or not 2 <= len(scores) <= MOST_OPTIONS:
        raise HarnessError(f"{where}: target_scores must map 2 to {MOST_OPTIONS} options to scores")
    options = [(str(text), number_field(scores, text, where) or 0.0) for text in scores]
    if not any(score > 0 for _, score in options):
        raise HarnessError(f"{where}: no option of target_scores is above 0, so that none is right")
    return options


def _number(row: Row, where: str) -> str:
    target = number_field(row, "target", where)
    if target is None:
        raise HarnessError(f"{where} has neither target_scores nor a target that is a number")
    return f"{target:.12g}"


def estimands(answer: str) -> tuple[Estimand, ...]:
    """Accuracy over what was read and over all, its baselines, and how confidence matches it."""
    right = Share(at_least=1)
    rows = [
        Estimand("all correct", "all_correct", right),
        Estimand("all correct, unparsed is wrong", "all_correct_strict", right),
        Estimand("answers read", "answer_read", right),
        Estimand("guessing", "chance", Mean()),
        Estimand("always the commonest answer", "constant", right),
        *(Estimand("all correct", "all_correct", right, by) for by in ("kind", "topic")),
        Estimand("options wrong, of a right one", "hamming", Mean(), where={"kind": "several"}),
    ]
    kinds = ("stated", "letter") if answer == "letters" else ("stated",)
    for kind in kinds:
        title = "stated confidence" if kind == "stated" else "confidence by letters"
        where: Metadata = {"answered": "written" if kind == "stated" else "letters"}
        pairs = f"{kind}_confidence"
        rows += [
            Estimand(title, pairs, Mean(), where=where),
            Estimand(f"{title}: calibration error", pairs, CalibrationError(), where=where,
                     better=Direction.LOWER),
            Estimand(f"{title}: Brier score", f"{kind}_brier", Mean(), where=where),
            Estimand(f"{title}: over-confidence", f"{kind}_over", Mean(), where=where),
            Estimand(f"{title}: over-confidence", f"{kind}_over", Mean(), "topic", where),
            Estimand(f"{title}: right", pairs, Reliability(), where=where),
        ]  # fmt: skip
    margins = {
        "all correct": Margin(0.1, "ten questions in a hundred", guard=True),
        "all correct, unparsed is wrong": Margin(0.1, "likewise, with answers nobody can read"),
    }
    return with_margins(rows, margins)
