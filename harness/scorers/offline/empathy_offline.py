"""The three mechanisms of empathy in an answer to a person, by a small network of ours."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.scorers.judged.epitome import LEVEL, MECHANISMS, SCALES
from harness.scorers.offline.marks import digest_marks
from harness.scorers.offline.scorer import WEIGHTS, OfflineScorer
from harness.types import HarnessError, Metric, Score

if TYPE_CHECKING:
    from harness.scorers.offline.reply import ReplyReader

RELEASES = {1: "empathy_offline.safetensors", 2: "empathy_offline_2.safetensors"}
"""The weights of each release."""
WEAK: Mapping[int, Mapping[str, str]] = {
    1: {
        "emotional_reactions": "on real posts kappa was .45",
        "interpretations": "on real posts kappa was .15, worse than counting words",
        "explorations": "on real posts kappa was .28, worse than counting question marks",
    },
    2: {"interpretations": "kappa .38 on real replies is poor: rest nothing on it"},
}
"""By release what its metrics are poor at; those of release 1 as others measured them."""


class EmpathyOfflineScorer(OfflineScorer):
    """Gives `emotional_reactions`, `interpretations` and `explorations`, each from 0 to 2.

    Higher is more of it: 0 none, 1 weak, 2 strong (EPITOME, Sharma et al. 2020, arXiv 2009.08441).
    A value is the expected level: the sum of the shares for "at least 1" and "at least 2". A long
    answer is read in pieces, and the strongest piece counts. English only. What it is worth is in
    `harness/scorers/offline/empathy_offline.md`.

    Args:
        weights: a file of `python -m harness.train` for this release; None: those of the project.
        device: as torch writes it; `auto`: an accelerator where there is one.
        release: 2, or 1 for the scorer as it was before version 3, under an identity of its own.
    """

    name = "empathy_offline"
    reading: ClassVar = {"score": "expected level"}
    metrics: Mapping[str, Metric] = dict.fromkeys(MECHANISMS, LEVEL)
    rubrics: Mapping[str, str] = {scale.name: scale.rubric for scale in SCALES}

    def __init__(self, weights: str | None = None, device: str = "auto", release: int = 2) -> None:
        if release not in RELEASES:
            raise HarnessError(
                f"scorers.empathy_offline.release={release!r} is none; take 2, or 1 for the "
                "weights before version 3"
            )
        super().__init__(weights or str(WEIGHTS / RELEASES[release]), device)
        self.release = release
        self.weak = {} if weights else WEAK[release]

    @cached_property
    def identity(self) -> Mapping[str, str]:
        """Digest of the weights, and how they are read; release 1 has no version and no marks."""
        if self.release == 1:
            return super().identity
        return {**super().identity, "version": "3", "release": "2", "marks": digest_marks()}

    def _loaded(self) -> Any:
        if self.release == 1:
            return super()._loaded()
        if self._replies is None:
            from harness.scorers.offline.reply import ReplyReader

            self._replies = ReplyReader(self.path, self.device)
            self.device = self._replies.device
        return self._replies

    _replies: ReplyReader | None = None

    def _scores(self, shares: NDArray[np.float64], count: int) -> list[Score]:
        scores = []
        for k, mechanism in enumerate(MECHANISMS):
            weak, strong = float(shares[2 * k]), float(shares[2 * k + 1])
            explanation = f"at least weak {weak:.2f}, strong {strong:.2f}; in {count} pieces"
            scores.append(Score(mechanism, weak + min(weak, strong), explanation=explanation))
        return scores
