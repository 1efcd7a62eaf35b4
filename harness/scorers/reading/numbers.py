"""A number as people and models write it: with units, thousands, powers of ten, or a range."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

UNKNOWN = re.compile(
    r"(?i)[\W_]*(?:x|n/?a|n\.\s?a\.?|nr|nan|none|null|unknown|missing|unclear|blank|"
    r"not (?:known|reported|available|applicable|given|stated|provided|mentioned|specified|clear)|"
    r"(?:cannot|can ?not|can't) be (?:determined|computed|calculated|known|found)|)[\W_]*"
)
"""Words that say that a value is not known, and nothing at all."""
POWER = re.compile(r"\s*[\u00d7x*\u22c5]\s*10\s*(?:\^|\*\*)?\s*\(?([+-]?\d+)\)?(?!\d)")
NUMBER = re.compile(
    r"(?<![\w.^])[+-]?(?:\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d{1,3}(?: \d{3})+(?![\d,.])"
    r"|\d+,\d+(?![\d,])|\d*\.\d+|\d+\.?)(?:[eE][+-]?\d+)?(?![\d^])(?!\.\d)"
)
"""1525, 1,525, 1 525, 12.5, 12,5, .5 and 1.2e-3; no digit of a name or of a unit (CO2, m2)."""
BETWEEN = re.compile(r"\s*(?:%|[A-Za-z\u00b0\u03bc]{1,4})?\s*(?:-|to|and|\.\.\.?)\s*")
BOUND = re.compile(
    r"(?i)(?:[<>\u2264\u2265]=?|at (?:least|most)|more than|less than|over|under|up to)\s*$"
)
MOST = 300
"""Letters of a value; what is longer is a text, not a number."""


class NumberRead(NamedTuple):
    """A number, or the two ends of a range; None where none can be read."""

    low: float | None = None
    high: float | None = None
    unit: str = ""
    """What stands after it."""
    unknown: bool = False
    """Whether it is said not to be known, which is no number and no failure."""

    @property
    def value(self) -> float | None:
        """The number, where it is one."""
        return self.low if self.low == self.high else None


def read_number(text: str) -> NumberRead:
    """The one number of a text.

    Several numbers that are no range are none, nor is a bound ("< 5"). What stands in brackets
    after a number explains it.

    >>> [read_number(text).value for text in ("1,525 patients", "about 12,5 mg", "8 (16 %)")]
    [1525.0, 12.5, 8.0]
    >>> read_number("3 to 5 days")[:3], read_number("N/A").unknown, read_number("3/8").value
    ((3.0, 5.0, 'days'), True, None)
    """
    text = unicodedata.normalize("NFKC", text.strip()[: MOST + 1]).translate(DASHES)
    if len(text) > MOST:
        return NumberRead()
    if UNKNOWN.fullmatch(text):
        return NumberRead(unknown=True)
    text = POWER.sub(r"e\1", text).replace("**", "").replace("__", "")
    numbers = list(NUMBER.finditer(text))
    if not numbers or BOUND.search(text[: numbers[0].start()]):
        return NumberRead()
    first, end = numbers[0], numbers[0].end()
    low = high = _value(first[0])
    remaining = numbers[1:]
    if remaining and (second := _other_end(text, first, remaining[0])) is not None:
        high, end, remaining = second, remaining[0].end(), remaining[1:]
    if remaining and not re.search(r"[(\[]", text[end : remaining[0].start()]):
        return NumberRead()
    unit = re.split(r"[(\[]", text[end:])[0].strip(" .,;:\"'`*\n")
    return NumberRead(min(low, high), max(low, high), unit)


DASHES = {ord(dash): "-" for dash in "\u2010\u2011\u2012\u2013\u2014\u2212"}


def _other_end(text: str, first: re.Match[str], second: re.Match[str]) -> float | None:
    """The second number as the other end of a range, whose dash may have been taken for a sign."""
    if BETWEEN.fullmatch(text, first.end(), second.start()):
        return _value(second[0])
    if second[0][0] == "-" and BETWEEN.fullmatch(text, first.end(), second.start() + 1):
        return _value(second[0][1:])
    return None


def _value(text: str) -> float:
    text = text.replace(" ", "")
    whole = re.fullmatch(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?(?:[eE][+-]?\d+)?", text)
    return float(text.replace(",", "" if whole else "."))
