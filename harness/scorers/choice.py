"""Which option of a multiple-choice question was chosen, by probabilities or as it was written."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from string import ascii_uppercase

from harness.types import Direction, Generation, Metric, Sample, Score

MOST = 26
"""Options of a question at most."""
STATED = re.compile(
    r"\b(?i:answer|option|choice|response|solution)\b(?i:[\s:*]|\b(?:is|be|would|should|must|"
    r"best|correct|right|final)\b){0,8}[\s:*]*[(\[*\"']*(?<![a-z])([A-Z])(?![A-Za-z'])"
    r"(?!\s+(?!because|since|as|is|would|seems)[a-z])(?!\W*(?:and|or|,|/|&)\W*[A-Z]\b)"
)
"""Words by which an answer names its choice."""
PRAISED = re.compile(
    r"[(\[*]*\b([A-Z])\b[)\]*.:]*\s+(?i:is|would be|seems)\s+(?i:the\s+)?(?i:most|best|right|"
    r"correct|clearly|therefore)\b"
)
LEADING = re.compile(
    r"^[\s\W]*([A-Z])(?:\s*$|\s*[).:,;\]\n*\u2014-]|\s+(?i:because|since|as|is)\b)"
    r"(?!\W*(?:and|or|&|/)?\W*(?:[B-HJ-Z]\b|[AI]\b(?! [a-z])))"
)
SMALL = re.compile(
    r"(?i)^\W*(?:(?:the )?(?:best |correct |final )?answer\W*(?:is\W*)?)?([a-z])\W*$"
)
"""An answer that is nothing but a letter, in whatever case."""
BRACKETED = re.compile(r"[(\[]([A-Z])(?:[)\]]|\s*$)")
DENIED = re.compile(
    r"(?i:\b(?:not|isn't|neither|nor|never|rather than|instead of|rules? out|ruled out|eliminate|"
    r"except|wrong|incorrect)\b\W*(?:(?:answer|option|choice|is|the|be)\W*){0,4})$"
)
NONE = re.compile(r"(?i)\bnone of (?:the (?:above|options|choices)|these|them)\b")


class ChoiceScorer:
    """Gives which option was chosen of a sample whose `target` is a letter.

    `accuracy`: 1 where it is the target, 0 where another; missing where no single option can be
    read, so that its worst bound counts those as wrong. `accuracy_strict` counts them as wrong
    itself. `parsed`: 1 where one was read. `position`: the letter's number from 1. `offset`: by how
    many places it lies after the target, round the end; 0 is right. `target_position`: that of
    the target, and `chance`: what guessing gives; both are of the question alone.

    The number of options is that of the sample's choices, or its metadata `options`; the texts of
    options, which an answer may name instead of a letter, are its metadata `option_A` and so on.
    """

    metrics: Mapping[str, Metric] = {
        "accuracy": Metric(low=0.0, high=1.0, better=Direction.HIGHER),
        "accuracy_strict": Metric(low=0.0, high=1.0, better=Direction.HIGHER),
        "parsed": Metric(low=0.0, high=1.0, better=Direction.HIGHER),
        "position": Metric(low=1.0, high=MOST, better=Direction.LOWER),
        "offset": Metric(low=0.0, high=MOST - 1, better=Direction.LOWER),
        "target_position": Metric(low=1.0, high=MOST, better=Direction.LOWER),
        "chance": Metric(low=0.0, high=1.0, better=Direction.HIGHER),
    }
    device = None
    """None: reading letters needs none."""
    exact = True

    @property
    def identity(self) -> Mapping[str, str]:
        """The version of the reading."""
        return {"scorer": "choice", "version": "1"}

    def score(
        self, samples: Sequence[Sample], generations: Sequence[Generation]
    ) -> list[list[Score]]:
        """Read every choice; what cannot be read is missing, with the reason."""
        return [
            self._score(sample, generation)
            for sample, generation in zip(samples, generations, strict=True)
        ]

    def _score(self, sample: Sample, generation: Generation) -> list[Score]:
        count = len(sample.choices) or int(sample.metadata.get("options") or 0)
        target = ascii_uppercase.find(sample.target) if sample.target else -1
        if not 2 <= count <= MOST or not 0 <= target < count:
            reason = "the sample has no options, or no letter of one as its target"
            return [Score.missing(metric, reason) for metric in self.metrics]
        weights, text = generation.choice_logprobs, generation.text or ""
        if weights is None and not text.strip():
            return [Score.missing(metric, "empty answer") for metric in self.metrics]
        found, why = _heaviest(weights) if weights is not None else read_choice(text, sample, count)
        fixed = [Score("target_position", target + 1.0), Score("chance", 1 / count)]
        if found is None:
            read = {"accuracy_strict": 0.0, "parsed": 0.0}
        else:
            read = {
                "accuracy": float(found == target),
                "accuracy_strict": float(found == target),
                "parsed": 1.0,
                "position": found + 1.0,
                "offset": float((found - target) % count),
            }
        return [
            Score(metric, read[metric], explanation=why)
            if metric in read
            else Score.missing(metric, why)
            for metric in list(self.metrics)[:5]
        ] + fixed


def _heaviest(weights: Sequence[float]) -> tuple[int | None, str]:
    most = max(weights)
    leaders = [i for i, weight in enumerate(weights) if weight == most]
    held = sum(map(math.exp, weights))
    share = math.exp(most) / held if held else 0.0
    why = f"p={share:.3f} of the {held:.3f} that the letters hold"
    if len(leaders) > 1:
        return None, f"{len(leaders)} options are equally probable: {why}"
    return leaders[0], f"{ascii_uppercase[leaders[0]]}, {why}"


def read_choice(text: str, sample: Sample, count: int) -> tuple[int | None, str]:
    """The option that an answer names, and the words that do so or why none can be read.

    The last statement of an answer counts, then a letter that it begins with, then the only letter
    in brackets, then the only option whose words it repeats.
    """
    letters = ascii_uppercase[:count]
    stated = [
        (found.start(), found[1], found[0])
        for pattern in (STATED, PRAISED)
        for found in pattern.finditer(text)
        if found[1] in letters and not DENIED.search(text[: found.start(1)])
    ]
    if stated:
        last = max(stated)
        return letters.index(last[1]), " ".join(last[2].split())[:200]
    leading = SMALL.match(text) or LEADING.match(text)
    if leading and leading[1].upper() in letters:
        return letters.index(leading[1].upper()), leading[0].strip()[:200]
    found = {
        match[1]
        for match in BRACKETED.finditer(text)
        if match[1] in letters and not DENIED.search(text[: match.start()])
    }
    if len(found) == 1:
        return letters.index(found.pop()), "the only letter in brackets"
    if found:
        return None, f"it names {len(found)} options and chooses none"
    if NONE.search(text):
        return None, "it says that none of the options holds"
    spoken = _plain(text)
    named = [
        i
        for i, letter in enumerate(letters)
        if (option := _plain(str(sample.metadata.get(f"option_{letter}") or "")))
        and option in spoken
    ]
    if len(named) == 1:
        return named[0], "it repeats the words of one option"
    return None, "it names no option" if not named else "it repeats several options"


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))
