"""The three mechanisms of empathy in an answer to a person, by a model as judge."""

from __future__ import annotations

from collections.abc import Mapping

from harness.scorers.judged.epitome import LEVEL, MECHANISMS, SCALES
from harness.scorers.judged.rated import RatedScorer
from harness.types import Metric

SYSTEM = "You rate how a helper answers a person who writes about something that troubles them."


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
