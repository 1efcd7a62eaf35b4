"""Several judges in the place of one: their mean, and how far they agree with each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import nan
from typing import Any

import numpy as np

from harness.statistics import krippendorff_alpha
from harness.types import (
    Generation,
    HarnessError,
    Metric,
    Sample,
    Score,
    Scorer,
    fingerprint,
    notes_of,
    trait,
)


class PanelScorer:
    """Gives the metrics of its members, each the mean of what the members say.

    What a member could not say makes the panel's value missing: a mean of those who could would be
    another panel's. Each row's explanation has every member's value.

    Args:
        members: scorers of the same metrics, by name; two at least.
    """

    def __init__(self, members: Mapping[str, Scorer]) -> None:
        self.members = dict(members)
        if len(self.members) < 2:
            raise HarnessError("a panel has two members at least; name them in its `members`")
        metrics_of = {name: _but_asides(member) for name, member in self.members.items()}
        self.metrics: Mapping[str, Metric] = next(iter(metrics_of.values()))
        for name, metrics in metrics_of.items():
            if metrics != self.metrics:
                raise HarnessError(
                    f"member {name!r} of the panel gives {', '.join(metrics)}, not "
                    f"{', '.join(self.metrics)} on the same scales"
                )
        self._member_values: dict[tuple[str, int], list[list[float]]] = {}

    @property
    def identity(self) -> Mapping[str, str]:
        """Of every member."""
        return {name: fingerprint(member.identity) for name, member in self.members.items()}

    @property
    def device(self) -> str | None:
        """The one that all members work on; `auto` where they differ."""
        devices = {trait(member, "device") for member in self.members.values()}
        return devices.pop() if len(devices) == 1 else "auto"

    @property
    def notes(self) -> Sequence[str]:
        """What the members found out about what comes from outside."""
        return notes_of(*self.members.values())

    @property
    def remarks(self) -> Mapping[str, Any]:
        """Krippendorff's alpha (interval) of the members in what was scored since the start."""
        ratings = np.array(list(self._member_values.values()))  # answers, members, metrics
        facts: dict[str, Any] = {"answers": len(ratings), "members": list(self.members)}
        for place, metric in enumerate(self.metrics):
            facts[f"alpha {metric}"] = (
                krippendorff_alpha(ratings[:, :, place].T, "interval") if len(ratings) else None
            )
        return facts

    def score(
        self, samples: Sequence[Sample], generations: Sequence[Generation]
    ) -> list[list[Score]]:
        """The members' mean for each metric, missing where one of them is."""
        each = [member.score(samples, generations) for member in self.members.values()]
        joined = []
        for number, generation in enumerate(generations):
            rows = [[s for s in of_one[number] if s.metric in self.metrics] for of_one in each]
            self._member_values[generation.sample_id, generation.index] = [
                [nan if score.value is None else score.value for score in row] for row in rows
            ]
            joined.append([self._mean(place, rows) for place in range(len(self.metrics))])
        return joined

    def _mean(self, place: int, rows: Sequence[Sequence[Score]]) -> Score:
        scores = dict(zip(self.members, (row[place] for row in rows), strict=True))
        metric = next(iter(scores.values())).metric
        explanation = ", ".join(
            f"{name} {'missing' if s.value is None else format(s.value, '.3f')}"
            for name, s in scores.items()
        )
        values = [s.value for s in scores.values() if s.value is not None]
        if len(values) < len(scores):
            reason = next(f"{n}: {s.error}" for n, s in scores.items() if s.value is None)
            return Score.missing(
                metric, f"a member of the panel gave no value: {reason}", explanation
            )
        return Score(metric, float(np.mean(values)), explanation=explanation)


def _but_asides(member: Scorer) -> dict[str, Metric]:
    """A member's metrics; the panel leaves its asides to it."""
    asides = trait(member, "asides")
    return {name: metric for name, metric in member.metrics.items() if name not in asides}
