"""Items whose words stand in a corpus: one run of ten words in a row is enough.

The rule of GPT-3 and others as llm-decontaminator has it (Yang et al. 2023, arXiv 2311.04850). It
cannot see an item of fewer words, and a rephrasing has none: both are said beside what it finds.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from harness.evidence.contamination.corpus import Text

Gram = tuple[str, ...]
WORD = re.compile(r"\w+")
MOST_PLACES = 3
"""Places that are kept of an item; all are counted."""
SHARED = 0.5
"""Share of items above which a run of words is the task's wording, not an item's."""
FEWEST = 10
"""Items below which nothing is taken for a task's wording."""


def words_in_white_space(text: str) -> list[str]:
    """What stands between white space, as it stands.

    >>> words_in_white_space("To be, or not")
    ['To', 'be,', 'or', 'not']
    """
    return text.split()


def words_of_letters(text: str) -> list[str]:
    r"""Runs of letters and digits (``\\w+``) in lower case.

    >>> words_of_letters("To be, or not")
    ['to', 'be', 'or', 'not']
    """
    return WORD.findall(text.lower())


RULES: Mapping[str, Callable[[str], list[str]]] = {
    "white space": words_in_white_space,
    "letters": words_of_letters,
}
"""How a text is cut into words, by name."""


@dataclass
class Overlap:
    """What one rule sees of the items."""

    rule: str
    size: int
    """Words in a row."""
    short: list[int]
    """Items that have fewer words, and so cannot be found, whatever the corpus holds."""
    wording: int
    """Runs of words that most items share and that are passed over."""
    places: dict[int, list[tuple[str, int]]] = field(default_factory=dict)
    """Of each item that was found where it stands."""
    times: Counter[int] = field(default_factory=Counter)
    """Of each item that was found in how many texts."""


class Finder:
    """Looks for items in texts as they go by; keeps the items' runs of words alone.

    Args:
        items: texts of the items.
        rule: how they are cut into words.
        size: words in a row that are enough.
    """

    def __init__(self, items: Sequence[str], rule: str, size: int = 10) -> None:
        self._cut = RULES[rule]
        self._size = size
        holders: dict[Gram, list[int]] = {}
        short = []
        for number, item in enumerate(items):
            grams = set(self._grams(self._cut(item)))
            if not grams:
                short.append(number)
            for gram in grams:
                holders.setdefault(gram, []).append(number)
        many = SHARED * len(items) if len(items) >= FEWEST else len(items) + 1
        self._holders = {gram: held for gram, held in holders.items() if len(held) <= many}
        self._known = set(self._holders)
        self.overlap = Overlap(rule, size, short, len(holders) - len(self._holders))

    def look(self, texts: Iterable[Text]) -> None:
        """Look through these texts."""
        cut, size, known, grams = self._cut, self._size, self._known, self._grams
        for text in texts:
            words = cut(text.text)
            if len(words) >= size and not known.isdisjoint(grams(words)):
                self._note(text, words)

    def _grams(self, words: list[str]) -> Iterable[Gram]:
        return zip(*(words[first:] for first in range(self._size)), strict=False)

    def _note(self, text: Text, words: list[str]) -> None:
        grams = self._known.intersection(self._grams(words))
        for number in sorted({number for gram in grams for number in self._holders[gram]}):
            self.overlap.times[number] += 1
            places = self.overlap.places.setdefault(number, [])
            if len(places) < MOST_PLACES:
                places.append((text.file, text.number))
