"""The three mechanisms of empathy in an answer to a person, by a model as judge."""

from __future__ import annotations

from collections.abc import Mapping

from harness.scorers.empathy_offline import LEVEL, MECHANISMS
from harness.scorers.rated import RatedScorer, Scale
from harness.types import Metric

SYSTEM = "You rate how a helper answers a person who writes about something that troubles them."
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


class EmpathyScorer(RatedScorer):
    """Gives `emotional_reactions`, `interpretations` and `explorations`, each from 0 to 2.

    Higher is more of it; a value is the level that the judge expects. The rubric is EPITOME's
    (Sharma et al. 2020, arXiv 2009.08441) in our words.

    Args:
        judge: the judge's name, as the run's `model` is one.
        judge_backend: what runs it.
    """

    name = "empathy"
    system = SYSTEM
    scales = SCALES
    metrics: Mapping[str, Metric] = dict.fromkeys(MECHANISMS, LEVEL)
    rubrics: Mapping[str, str] = {scale.name: scale.rubric for scale in SCALES}
