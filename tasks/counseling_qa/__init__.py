"""Four-option questions on client vignettes, after CounselingBench; see README.md here."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from harness.data import blank, name_field, read_file, read_records, text_field
from harness.statistics import Frequencies, MajorityVote, Mean, Share
from harness.types import Direction, Estimand, HarnessError, Message, Records, Sample

STARTER = Path(__file__).with_name("items.jsonl")
SHOTS = Path(__file__).with_name("shots.jsonl")
"""Worked examples, which are never among the items that are evaluated."""
LETTERS = "ABCD"
QUESTION = ("question", "Question")
BLANK = {"ask": "asked without one", "leave_out": "left out"}
"""What becomes of records whose question is blank."""
VIGNETTE = {
    "Client": ("patient", "Patient Demographic"),
    "Presenting problem": ("problem", "Presenting Problem"),
    "Mental status": ("mental_status", "Mental Status Exam"),
    "Other information": ("context", "Other Contexts"),
}
ASKED = {
    "letters": "Which answer is best? Give its letter.",
    "written": 'Which answer is best? End with "Answer: " and its letter, and write nothing else.',
    "explained": (
        "Which answer is best? Reason step by step about each option in a few sentences, then end "
        'with a line "Answer: " and its letter.'
    ),
}
OPTIONS = tuple(f"option_{letter}" for letter in LETTERS)
PLACES = tuple((letter, float(place)) for place, letter in enumerate(LETTERS, 1))


class CounselingQA:
    """How accurate a model is on what counsellors are examined in.

    Args:
        data: `starter`, or a file with the published columns.
        answer: `letters` (weighed by their probabilities), `written`, or `explained` (reasoned
            first).
        shots: worked examples before each question, from a set of their own.
        shuffle: put the options of each question in an order of its own.
        blank_questions: `ask` (the vignette with its options, as is done with the two blank ones of
            the published set), or `leave_out`; either way they are counted and noted.
    """

    name = "counseling_qa"
    version = "1"
    reporting = ("blank_questions",)  # the samples, which a run is known by, show what it changed
    estimands: tuple[Estimand, ...] = (
        Estimand("accuracy", "accuracy", Share(at_least=1)),
        Estimand("accuracy, unparsed is wrong", "accuracy_strict", Share(at_least=1)),
        Estimand("majority vote", "offset", MajorityVote(), better=Direction.HIGHER),
        Estimand("parsed", "parsed", Share(at_least=1)),
        Estimand("mass of the letters", "choice_mass", Mean()),
        Estimand("guessing", "chance", Mean()),
        Estimand("accuracy", "accuracy", Share(at_least=1), "competency"),
        Estimand("accuracy", "accuracy", Share(at_least=1), "target_letter"),
        Estimand("chosen", "position", Frequencies(PLACES, "letter")),
        Estimand("always this letter is right", "target_position", Frequencies(PLACES, "letter")),
        Estimand("overlap with the explanation", "rouge_l", Mean()),
        Estimand("similarity to the explanation", "similarity", Mean()),
        Estimand("BERTScore with the explanation", "bertscore", Mean()),
        Estimand("preferred to the explanation", "preferred", Mean()),
    )

    def __init__(
        self,
        data: str = "starter",
        answer: str = "letters",
        shots: int = 0,
        shuffle: bool = False,
        blank_questions: str = "ask",
    ) -> None:
        if blank_questions not in BLANK:
            raise HarnessError(
                f"task.blank_questions={blank_questions!r} is not one of {', '.join(BLANK)}"
            )
        if answer not in ASKED:
            raise HarnessError(f"task.answer={answer!r} is not one of {', '.join(ASKED)}")
        examples = read_file(SHOTS)
        if not 0 <= shots <= len(examples):
            raise HarnessError(f"task.shots={shots} must be from 0 to {len(examples)}")
        if answer != "letters":  # what was written has no probabilities
            self.estimands = tuple(e for e in self.estimands if e.metric != "choice_mass")
        self.data = data
        self.answer = answer
        self.shots = examples[:shots]
        self.shuffle = shuffle
        self.blank_questions = blank_questions
        self.notes: Sequence[str] = ()

    def records(self) -> Records:
        """The starter set or the user's file."""
        return read_records(self.data, STARTER)

    def samples(self, records: Records) -> Iterator[Sample]:
        """One sample a question; what is asked about one vignette is a cluster."""
        before: list[Message] = []
        for number, row in enumerate(self.shots, 1):
            shot = self._sample(row, f"example {number}", f"example-{number}")
            reason = f"{shot.metadata['explanation']}\n" if self.answer == "explained" else ""
            before += [*shot.prompt[:1], Message("assistant", f"{reason}Answer: {shot.target}")]
        without = 0
        for number, row in enumerate(records.rows, 1):
            where = f"record {number} of {records.name!r}"
            if _without_question(row):
                without += 1
                if self.blank_questions == "leave_out":
                    continue
            yield self._sample(row, where, f"{records.name}-{number}", before)
        if without:
            self.notes = [
                f"{without} of {len(records.rows)} records of {records.name!r} have a blank "
                f"question and are {BLANK[self.blank_questions]}"
            ]

    def _sample(
        self, row: Mapping[str, object], where: str, name: str, before: Sequence[Message] = ()
    ) -> Sample:
        case = {title: _first(row, names) for title, names in VIGNETTE.items()}
        asks = [] if _without_question(row) else [text_field(row, QUESTION, where)]
        options = [text_field(row, (c.lower(), f"Choice {c}"), where) for c in LETTERS]
        right = options[_target(row, options, where)]
        name = name_field(row, "id", name)
        if self.shuffle:
            options.sort(key=lambda text: _digest(f"{name} {text}"))
        target = LETTERS[options.index(right)]
        lines = [f"{title}: {text}" for title, text in case.items() if text]
        listed = [f"{letter}. {text}" for letter, text in zip(LETTERS, options, strict=True)]
        asked = "\n".join([*lines, "", *asks, *listed, "", ASKED[self.answer]])
        weighed = self.answer == "letters"
        lead = [Message("assistant", "Answer:")] if weighed else []
        words: dict[str, str | int] = dict(zip(OPTIONS, options, strict=True))
        written = "\n".join(lines).encode("utf-8", "surrogatepass")
        vignette = name_field(row, "vignette", hashlib.sha256(written).hexdigest())
        return Sample(
            id=name,
            prompt=(*before, Message("user", asked), *lead),
            target=target,
            choices=tuple(f" {letter}" for letter in LETTERS) if weighed else (),
            cluster=vignette[:16],
            metadata=words
            | {
                "competency": _first(row, ("competency", "Competency")) or "not stated",
                "target_letter": target,
                "options": len(LETTERS),
                "explanation": _first(row, ("explanation", "Explanation for correct answer")),
            },
        )


def _first(row: Mapping[str, object], names: Sequence[str]) -> str:
    texts = (name_field(row, name, "").strip() for name in names)
    return next(filter(None, texts), "")


def _without_question(row: Mapping[str, object]) -> bool:
    """Whether a record has a column of the question and nothing in it."""
    return any(name in row for name in QUESTION) and all(blank(row.get(name)) for name in QUESTION)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _target(row: Mapping[str, object], options: Sequence[str], where: str) -> int:
    """Which option is right: given by its letter, or by its text."""
    said = text_field(row, ("answer", "Correct Answer"), where).strip()
    found = [i for i, text in enumerate(options) if text.strip().casefold() == said.casefold()]
    if not found and said.strip("().").upper() in LETTERS and len(said.strip("().")) == 1:
        found = [LETTERS.index(said.strip("().").upper())]
    if len(found) != 1:
        raise HarnessError(
            f"{where}: the right answer {said[:60]!r} is the text or letter of "
            f"{len(found) or 'none'} of the four choices"
        )
    return found[0]
