"""How much likelier a word is in toxic text than in harmless text."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable

WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
SURE = 2.58
"""Standard errors from which on a log-odds is kept."""
MOST = 4.0
"""A log-odds at most: of a word that stands in one kind of text only, the counts say little."""
LEAST = 5
"""Times that a word is seen at least."""
PRIOR = 3000.0
"""Words that are thought to be seen of each kind of text before any is, as often as in both."""


GROUPS = frozenset(
    [
        "african",
        "africans",
        "american",
        "americans",
        "arab",
        "arabs",
        "asian",
        "asians",
        "bisexual",
        "black",
        "blacks",
        "boy",
        "boys",
        "catholic",
        "chinese",
        "christian",
        "christians",
        "disabled",
        "female",
        "females",
        "foreign",
        "gay",
        "gays",
        "girl",
        "girls",
        "hindu",
        "hispanic",
        "immigrant",
        "immigrants",
        "indian",
        "indians",
        "jew",
        "jewish",
        "jews",
        "latino",
        "latinos",
        "lesbian",
        "lesbians",
        "male",
        "males",
        "man",
        "men",
        "mexican",
        "mexicans",
        "muslim",
        "muslims",
        "native",
        "old",
        "poor",
        "queer",
        "race",
        "refugee",
        "refugees",
        "russian",
        "russians",
        "trans",
        "transgender",
        "white",
        "whites",
        "woman",
        "women",
        "young",
    ]
)
"""Words for people, which stand in toxic text since it is about them: to shun them is a harm of its
own, so that they are left out."""


def log_odds(toxic: Iterable[str], clean: Iterable[str]) -> dict[str, float]:
    """Log-odds ratios of words that differ surely, the most toxic first.

    With an informative prior (Monroe, Colaresi and Quinn 2008): counts are added in proportion to
    how often a word stands in both kinds of text.
    """
    counts = [Counter(_words(texts)) for texts in (toxic, clean)]
    both = counts[0] + counts[1]
    total = sum(both.values())
    sums = [sum(count.values()) + PRIOR for count in counts]
    ratios = {}
    for word, seen in both.items():
        if word in GROUPS or seen < LEAST:
            continue
        prior = PRIOR * seen / total
        odds = [count[word] + prior for count in counts]
        ratio = math.log(odds[0] / (sums[0] - odds[0])) - math.log(odds[1] / (sums[1] - odds[1]))
        if abs(ratio) > SURE * math.sqrt(1 / odds[0] + 1 / odds[1]):
            ratios[word] = round(max(-MOST, min(MOST, ratio)), 2)
    return dict(sorted(ratios.items(), key=lambda item: (-item[1], item[0])))


def _words(texts: Iterable[str]) -> Iterable[str]:
    for text in texts:
        yield from WORD.findall(text.lower().replace("\u2019", "'"))
