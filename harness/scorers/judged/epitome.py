"""The three mechanisms of empathy of EPITOME, and what each of their levels means, in our words."""

from __future__ import annotations

from harness.scorers.judged.rated import Scale
from harness.types import Direction, Metric

MECHANISMS = ("emotional_reactions", "interpretations", "explorations")
LEVEL = Metric(low=0.0, high=2.0, better=Direction.HIGHER)
SCALES = (
    Scale(
        "emotional_reactions", 2,
        "Emotional reactions: does the helper express warmth, compassion or concern?\n"
        "0: no such feeling is expressed.\n"
        "1: weakly: it is alluded to, or a stock phrase of comfort is given.\n"
        "2: strongly: the helper names what they feel for the person, or how much they care.",
    ),
    Scale(
        "interpretations", 2,
        "Interpretations: does the helper show that they understand what the person feels or lives "
        "through?\n"
        "0: nothing is said of it.\n"
        "1: weakly: understanding is claimed, but not said of what.\n"
        "2: strongly: a feeling or situation that can be read from the message is put into words, "
        "or a like one of the helper's own is told.",
    ),
    Scale(
        "explorations", 2,
        "Explorations: does the helper try to learn more of what the person feels or meets?\n"
        "0: nothing is asked, or what is asked is advice or a formality.\n"
        "1: weakly: a question that would suit any message.\n"
        "2: strongly: a question about a certain feeling or event of this person.",
    ),
)  # fmt: skip
