"""Questions on diabetes: with five options, with a gap, and from people who have it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from harness.data import blank, file_at, name_field, read_records, text_field
from harness.statistics import Frequencies, Mean, Share
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
STARTER = "pkg://tasks/diabetes_care/items.jsonl"
KINDS = ("mcq", "fill_in", "dialogue")
LETTERS = "ABCDEFGH"
ANSWERS = ("letters", "written")
OPTION = re.compile(r"^\s*(?:Option\s+)?([A-H])\s*[:.\uff1a\u3001)]\s*(.+?)\s*$", re.IGNORECASE)
RIGHT = re.compile(r"\s*([A-Ha-h])\s*(?:$|[:.\uff1a\u3001)])")
ASKED = {
    "letters": "Which answer is best? Give its letter.",
    "written": 'Which answer is best? End with "Answer: " and its letter, and write nothing else.',
    "fill_in": "What belongs in the brackets? Write these words alone, in the sentence's language.",
}
EXAMPLE = (
    Message("user", f"The largest organ of the body is the ().\n{ASKED['fill_in']}"),
    Message("assistant", "skin"),
)
"""What a gap wants is not plain from its words."""
GUARD = Margin(0.1, "ten questions in a hundred", guard=True)


class DiabetesCare:
    """Multiple choice, gaps and dialogues.

    Args:
        data: `starter`, or a file with `question` and `answer`, or `question` and `response`.
        answer: of multiple choice: `letters` (weighed by their probabilities), or `written`.
    """

    name = "diabetes_care"
    version = "1"

    def __init__(self, data: str = "starter", answer: str = "letters") -> None:
        if answer not in ANSWERS:
            raise HarnessError(f"task.answer={answer!r} is not one of {', '.join(ANSWERS)}")
        self.data = data
        self.answer = answer
        self.estimands = estimands(answer == "letters")

    def records(self) -> Records:
        """The starter set, or the user's file."""
        return read_records(self.data, file_at(STARTER))

    def samples(self, records: Records) -> Iterator[Sample]:
        """One sample a question."""
        for number, row in enumerate(records.rows, 1):
            where = f"record {number} of {records.name!r}"
            name = name_field(row, "id", f"{records.name}-{number}")
            question = text_field(row, ["question"], where).strip()
            kind = _kind(row, question, where)
            if kind == "mcq":
                yield self._choice(name, question, text_field(row, ["answer"], where), where)
            else:
                column = "answer" if kind == "fill_in" else "response"
                ask = f"{question}\n{ASKED[kind]}" if kind == "fill_in" else question
                reference = text_field(row, [column], where)
                rules = row.get("rulehuman")
                yield Sample(
                    id=name,
                    prompt=(*(EXAMPLE if kind == "fill_in" else ()), Message("user", ask)),
                    target=reference,
                    metadata=_facts(kind, reference, "" if blank(rules) else str(rules)),
                )

    def _choice(self, name: str, question: str, answer: str, where: str) -> Sample:
        stem, options = _parted(question)
        if not 2 <= len(options) <= len(LETTERS):
            raise HarnessError(f"{where}: the question lists {len(options)} options, not 2 to 8")
        letter = RIGHT.match(answer)
        target = letter[1].upper() if letter else ""
        if target not in LETTERS[: len(options)] or not target:
            raise HarnessError(
                f"{where}: the answer {answer[:40]!r} begins with no letter of its "
                f"{len(options)} options"
            )
        letters = LETTERS[: len(options)]
        listed = [f"{mark}. {text}" for mark, text in zip(letters, options, strict=True)]
        asked = Message("user", "\n".join([stem, *listed, "", ASKED[self.answer]]))
        weighed = self.answer == "letters"
        return Sample(
            id=name,
            prompt=(asked, Message("assistant", "Answer:")) if weighed else (asked,),
            target=target,
            choices=tuple(f" {mark}" for mark in letters) if weighed else (),
            metadata={
                **_facts("mcq", "", ""),
                "options": len(options),
                "target_letter": target,
                **{f"option_{mark}": text for mark, text in zip(letters, options, strict=True)},
            },
        )


def estimands(weighed: bool) -> tuple[Estimand, ...]:
    """Accuracy with what it rests on, and the overlap and the judged quality of what is written."""
    right, mcq = Share(at_least=1), {"kind": "mcq"}
    places = [(letter, float(n)) for n, letter in enumerate(LETTERS[:5], 1)]
    letters = Frequencies(tuple(places), "letter")
    rows = [
        Estimand("accuracy", "accuracy", right, where=mcq),
        Estimand("accuracy, unparsed is wrong", "accuracy_strict", right, where=mcq),
        Estimand("parsed", "parsed", right, where=mcq),
        *([Estimand("mass of the letters", "choice_mass", Mean(), where=mcq)] if weighed else []),
        Estimand("guessing", "chance", Mean(), where=mcq),
        Estimand("chosen", "position", letters, where=mcq),
        Estimand("always this letter is right", "target_position", letters, where=mcq),
        Estimand("holds the answer", "holds_reference", right, where={"kind": "fill_in"}),
    ]
    for kind in KINDS[1:]:
        rows += [
            Estimand(f"{title}, {kind}", metric, Mean(), where={"kind": kind})
            for title, metric in (
                ("BLEU", "bleu"), ("ROUGE-1", "rouge_1"), ("ROUGE-2", "rouge_2"),
                ("ROUGE-L", "rouge_longest"), ("BERTScore", "bertscore"),
                ("quality", "answer_quality"),
            )
        ]  # fmt: skip
    return with_margins(rows, {"accuracy": GUARD})


def _facts(kind: str, reference: str, rules: str) -> Metadata:
    return {
        "kind": kind, "explanation": reference, "rules": rules, "options": 0, "target_letter": "",
        **{f"option_{letter}": "" for letter in LETTERS},
    }  # fmt: skip


def _kind(row: Row, question: str, where: str) -> str:
    """What a record asks: by its column `kind`, or by what stands in it."""
    if not blank(row.get("kind")):
        kind = str(row["kind"])
        if kind not in KINDS:
            raise HarnessError(f"{where}: kind is {kind!r}, none of {', '.join(KINDS)}")
        return kind
    if not blank(row.get("response")):
        return "dialogue"
    return "mcq" if len(_parted(question)[1]) > 1 else "fill_in"


def _parted(question: str) -> tuple[str, list[str]]:
    """The question, and its options where lines list them from A on."""
    lines = question.splitlines()
    stem: list[str] = []
    options: list[str] = []
    for line in lines:
        match = OPTION.match(line)
        expected = LETTERS[len(options)] if len(options) < len(LETTERS) else None
        if match and match[1].upper() == expected:
            options.append(match[2])
        elif options:
            options[-1] = f"{options[-1]} {line.strip()}".strip()
        else:
            stem.append(re.sub(r"^\s*Question\s*[:\uff1a]\s*", "", line))
    return "\n".join(stem).strip(), options
