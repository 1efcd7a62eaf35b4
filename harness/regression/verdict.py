"""What the gate says of a candidate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from harness.statistics import (
    Paired,
)
from harness.store import Run


class Verdict(Enum):
    """What the data say; the value is the exit code."""

    PASS = 0
    REGRESSION = 1
    INCONCLUSIVE = 2


@dataclass(frozen=True)
class Change:
    """One estimate of both sides, and what it says."""

    task: str
    name: str
    statistic: str
    better: str
    metric: str
    scorer_id: str
    validity: str
    margin: float
    guard: bool
    """Of a capability: accuracy, or refusing what is harmless."""
    before: float | None
    after: float | None
    measured: Paired
    """Of the pairs that were measured on both sides."""
    worst: Paired
    """With all that is missing at its worst for the candidate."""
    best: Paired
    """With all that is missing at its best for the candidate."""
    asked: int
    """Scores of each side."""
    missing: tuple[int, int]
    """Of them missing before and after."""
    p_missing: float
    """Of the candidate lacking no more than the baseline (one-sided)."""
    samples: Sequence[str]
    """The worst changed first; none of a contrast, which is no sample's."""
    changes: Sequence[float]
    p_worse: float = 1.0
    """Of not being worse; adjusted among all that are gated (Holm 1979)."""
    verdict: Verdict = Verdict.INCONCLUSIVE
    reason: str = ""


@dataclass(frozen=True)
class Part:
    """A difference in one group of samples: to look at, not to decide by."""

    task: str
    name: str
    by: str
    group: str
    better: str
    found: Paired
    p: float
    """Two-sided."""
    q: float = 1.0
    """Adjusted among all groups (Benjamini and Hochberg 1995): the share of false finds."""


@dataclass(frozen=True)
class Comparison:
    """All that the gate says."""

    baseline: Sequence[Run]
    candidate: Sequence[Run]
    changes: Sequence[Change]
    parts: Sequence[Part]
    lost: Sequence[str]
    """What has a margin and could not be compared: nothing passes then."""

    @property
    def verdict(self) -> Verdict:
        """Regression where any estimate is one; pass where all pass and none was lost."""
        verdicts = {change.verdict for change in self.changes}
        if Verdict.REGRESSION in verdicts:
            return Verdict.REGRESSION
        passed = verdicts == {Verdict.PASS} and not self.lost
        return Verdict.PASS if passed else Verdict.INCONCLUSIVE
