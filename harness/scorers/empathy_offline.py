"""The three mechanisms of empathy in an answer to a person, by a small network of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.scorers.offline import Offline, most, reason_unread
from harness.types import Direction, Generation, Metric, Sample, Score, asked

MECHANISMS = ("emotional_reactions", "interpretations", "explorations")
LEVEL = Metric(low=0.0, high=2.0, better=Direction.HIGHER)


class EmpathyOfflineScorer:
    """Gives `emotional_reactions`, `interpretations` and `explorations`, each from 0 to 2.

    Higher is more of it: 0 none, 1 weak, 2 strong (EPITOME, Sharma et al. 2020, arXiv 2009.08441).
    A value is the expected level: the sum of the shares for "at least 1" and "at least 2". A long
    answer is read in pieces, and the strongest piece counts. English only. What it is worth is in
    `harness/scorers/empathy_offline.md`.

    Args:
        weights: a safetensors file; None: the weights that come with the project.
        device: as torch writes it; `auto`: an accelerator where there is one.
    """

    metrics: Mapping[str, Metric] = dict.fromkeys(MECHANISMS, LEVEL)
    cheap = True

    def __init__(self, weights: str | None = None, device: str = "auto") -> None:
        self._offline = Offline("empathy_offline", weights, device)

    @property
    def device(self) -> str | None:
        """Where it reads, `auto` before it does."""
        return self._offline.device

    @property
    def identity(self) -> Mapping[str, str]:
        """Digest of the weights, and how they are read."""
        return {"scorer": "empathy_offline", "score": "expected level", **self._offline.identity}

    def score(
        self, samples: Sequence[Sample], generations: Sequence[Generation]
    ) -> list[list[Score]]:
        """Read every answer with its message; one that is empty or not English has no score."""
        reasons = [reason_unread(generation.text or "") for generation in generations]
        scores = [[Score.missing(m, reason or "") for m in MECHANISMS] for reason in reasons]
        readable = [i for i, reason in enumerate(reasons) if reason is None]
        if not readable:
            return scores
        pairs = [
            self._offline.pairs(asked(samples[i].prompt), generations[i].text or "")
            for i in readable
        ]
        counts = [len(of_one) for of_one in pairs]
        read = most(self._offline.read([pair for of_one in pairs for pair in of_one]), counts)
        for i, shares, count in zip(readable, read, counts, strict=True):
            scores[i] = [
                Score(
                    mechanism,
                    float(shares[2 * k] + min(shares[2 * k], shares[2 * k + 1])),
                    explanation=(
                        f"at least weak {shares[2 * k]:.2f}, strong {shares[2 * k + 1]:.2f}; "
                        f"in {count} pieces"
                    ),
                )
                for k, mechanism in enumerate(MECHANISMS)
            ]
        return scores
