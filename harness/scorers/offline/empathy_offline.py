"""The three mechanisms of empathy in an answer to a person, by a small network of ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.scorers.judged.epitome import LEVEL, MECHANISMS, SCALES
from harness.scorers.offline.scorer import OfflineScorer
from harness.types import Metric, Score


class EmpathyOfflineScorer(OfflineScorer):
    """Gives `emotional_reactions`, `interpretations` and `explorations`, each from 0 to 2.

    Higher is more of it: 0 none, 1 weak, 2 strong (EPITOME, Sharma et al. 2020, arXiv 2009.08441).
    A value is the expected level: the sum of the shares for "at least 1" and "at least 2". A long
    answer is read in pieces, and the strongest piece counts. English only. What it is worth is in
    `harness/scorers/offline/empathy_offline.md`.
    """

    name = "empathy_offline"
    reading: ClassVar = {"score": "expected level"}
    metrics: Mapping[str, Metric] = dict.fromkeys(MECHANISMS, LEVEL)
    rubrics: Mapping[str, str] = {scale.name: scale.rubric for scale in SCALES}

    def _scores(self, shares: NDArray[np.float64], count: int) -> list[Score]:
        scores = []
        for k, mechanism in enumerate(MECHANISMS):
            weak, strong = float(shares[2 * k]), float(shares[2 * k + 1])
            said = f"at least weak {weak:.2f}, strong {strong:.2f}; in {count} pieces"
            scores.append(Score(mechanism, weak + min(weak, strong), explanation=said))
        return scores
