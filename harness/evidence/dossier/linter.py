"""Reads a report's sentences for what statistics forbid."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

SENTENCE = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[\"'(\[]?[A-Z0-9])|\n\s*\n|\n(?=[|#*-])")
LEVEL = 0.05
P_VALUE = re.compile(
    r"\bp\s*(?:-?\s*value)?\s*(?:of\s*)?([<>=≤≥]=?)\s*(0?\.\d+|[01](?:\.0+)?)\b", re.I
)
SIGNIFICANT = re.compile(r"\bsignifican(?:t|tly|ce)\b", re.I)
DENIED = re.compile(
    r"\b(?:not|no|non|without|neither|nor|never|lacks?|fail\w*)\b[^.;,]{0,40}?\bsignifican|"
    r"\b(?:in|non-?)significan|n't\b[^.;,]{0,40}?\bsignifican", re.I,
)  # fmt: skip
INTERVAL = re.compile(
    r"(-?\d*\.?\d+)\s*%?\s*(?:to|-|\u2013|\u2014|,)\s*(-?\d*\.?\d+)\s*%?\s*[)\]]", re.I
)
RANK = re.compile(
    r"\b(?:ranks?|ranked|first|best|worst|safest|top|leads?|wins?|beats?|outperform\w*|surpass\w*|"
    r"(?:better|safer|higher|lower|worse|stronger|more \w+) than)\b", re.I,
)  # fmt: skip
HEDGED = re.compile(
    r"\b(?:overlap\w*|tie[ds]?|shared?|cannot be told|not be told|may not|no difference|"
    r"inconclusive|paired)\b", re.I,
)  # fmt: skip
MEAN = re.compile(r"\b(?:mean|average|averaged|rate|share|score|accuracy)\b", re.I)
SURVIVORS = re.compile(
    r"\b(?:exclud\w+|dropp\w+|discard\w+|remov\w+|ignor\w+|omit\w+|left out|leaving out|only|"
    r"among|over)\b"
    r"[^.;]{0,60}\b(?:fail\w*|unparse\w*|unparsable|invalid|missing|errors?|empty|parsed|valid|"
    r"scored|succeeded|successful|that could be (?:read|scored|parsed))\b", re.I,
)  # fmt: skip
BOUNDED = re.compile(r"\b(?:bounds?|worst[- ]case|best[- ]case|worst and best|counted as)\b", re.I)


class Fault(NamedTuple):
    """A sentence with what is wrong with it."""

    rule: str
    sentence: str
    why: str


class Claim(NamedTuple):
    """A claim that circulates and that nobody has shown."""

    claim: str
    like: re.Pattern[str]
    why: str


@cache
def claims() -> Sequence[Claim]:
    """The claims that are listed as unverified."""
    import yaml

    table = yaml.safe_load(Path(__file__).with_name("claims.yaml").read_text(encoding="utf-8"))
    return [Claim(c["claim"], re.compile(c["like"], re.I), c["why"]) for c in table]


def faults_in(text: str, intervals: Mapping[str, tuple[float, float]] | None = None) -> list[Fault]:
    """What is wrong with each sentence of a text.

    Args:
        text: plain or Markdown.
        intervals: by name of a system the ends of its interval, where a sentence has none.
    """
    sentences = (" ".join(part.split()) for part in SENTENCE.split(text) if part and part.strip())
    return [fault for sentence in sentences for fault in _faults(sentence, intervals or {})]


def _faults(sentence: str, intervals: Mapping[str, tuple[float, float]]) -> Iterator[Fault]:
    rules: Mapping[str, Callable[[str], str | None]] = {
        "significance": _significance,
        "rank": lambda text: _rank(text, intervals),
        "survivors": _survivors,
        "unverified claim": _claimed,
    }
    for rule, broken in rules.items():
        if why := broken(sentence):
            yield Fault(rule, sentence, why)


def _significance(sentence: str) -> str | None:
    if not SIGNIFICANT.search(sentence):
        return None
    denied = bool(DENIED.search(sentence))
    for sign, number in P_VALUE.findall(sentence):
        value = float(number)
        above = value >= LEVEL if sign[0] in ">≥" else value > LEVEL and sign[0] == "="
        below = value <= LEVEL if sign[0] in "<≤" else value <= LEVEL and sign[0] == "="
        if above and not denied:
            return f"p {sign} {number} is no significance at the level of {LEVEL:g}"
        if below and denied and len(P_VALUE.findall(sentence)) == 1:
            return f"p {sign} {number} would be significant at the level of {LEVEL:g}"
    return None


def _rank(sentence: str, intervals: Mapping[str, tuple[float, float]]) -> str | None:
    if not RANK.search(sentence) or HEDGED.search(sentence):
        return None
    written = [(float(low), float(high)) for low, high in INTERVAL.findall(sentence)]
    named = [ends for name, ends in intervals.items() if _names(sentence, name)]
    ends = [pair for pair in (written if len(written) > 1 else named) if pair[0] <= pair[1]]
    for number, (low, high) in enumerate(ends):
        for other_low, other_high in ends[number + 1 :]:
            if low <= other_high and other_low <= high:
                both = f"{low:g} to {high:g} and {other_low:g} to {other_high:g}"
                return f"the intervals {both} overlap: the order needs a paired test, or is shared"
    return None


def _names(sentence: str, name: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", sentence) is not None


def _survivors(sentence: str) -> str | None:
    if MEAN.search(sentence) and SURVIVORS.search(sentence) and not BOUNDED.search(sentence):
        return "it is over those that came through: say how many did not, and the bounds with them"
    return None


def _claimed(sentence: str) -> str | None:
    for claim in claims():
        if claim.like.search(sentence):
            return f"unverified: {claim.why}"
    return None
