"""How varied texts are: distinct n-grams, by the conventions of those who count them.

References:
    Li et al. (2016), A Diversity-Promoting Objective Function for Neural Conversation Models,
    NAACL. Liu et al. (2021), DExperts, ACL: `evaluate_generations.py`, which UDDIA and
    Rectification use as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Diversity(NamedTuple):
    """What one convention counts in the texts of one prompt."""

    distinct: int
    total: int

    @property
    def share(self) -> float:
        """Distinct n-grams over what they are divided by; NaN where there is nothing."""
        return self.distinct / self.total if self.total else float("nan")


@dataclass(frozen=True, slots=True)
class Convention:
    """How words are told apart, what is divided by, and what an empty text is."""

    single_spaces: bool
    """Whether each single space parts two words, so that two of them hold an empty one between and
    an empty text is one empty word; False: any white space parts, and an empty text has none."""
    over_words: bool
    """Whether what is divided by is the number of words for every n; False: that of n-grams."""


CONVENTIONS = {
    "dexperts": Convention(single_spaces=True, over_words=True),
    "li": Convention(single_spaces=False, over_words=True),
    "ngrams": Convention(single_spaces=False, over_words=False),
}
"""`dexperts`: Liu et al.'s code, of which a prompt's mean is reported; `li`: Li et al.'s words, in
whose paper the texts are all of a system's; `ngrams`: with the denominator that the name suggests,
and by which n = 2 and 3 are not held down by short texts."""


def distinct(texts: Sequence[str], n: int, convention: str = "dexperts") -> Diversity:
    """Distinct n-grams of texts, and what they are divided by.

    >>> distinct(["a b a b", "a b"], 2), distinct(["a b a b", "a b"], 2, "ngrams")
    (Diversity(distinct=2, total=6), Diversity(distinct=2, total=4))

    Args:
        texts: of one prompt.
        n: words of an n-gram, from 1 on.
        convention: one of `CONVENTIONS`.
    """
    rule = CONVENTIONS[convention]
    grams: set[tuple[str, ...]] = set()
    total = 0
    for text in texts:
        words = text.split(" ") if rule.single_spaces else text.split()
        ngrams = [tuple(words[at : at + n]) for at in range(len(words) - n + 1)]
        grams.update(ngrams)
        total += len(words) if rule.over_words else len(ngrams)
    return Diversity(len(grams), total)
