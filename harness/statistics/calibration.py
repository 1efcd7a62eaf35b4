"""How far stated confidence is from how often answers are right: calibration, of any task.

A scorer gives a metric of which the explanation is `calibration_pair(confidence, right)`; what has
no confidence is missing. The Brier score (1950) and over-confidence are means over answers and need
nothing of this: squared and plain differences of the two are metrics of their own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from harness.statistics.arrays import Floats
from harness.statistics.bootstrap import percentile_interval, times_drawn
from harness.statistics.means import Share
from harness.types import Counts, Direction, Estimate, Metric

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.types import Labels

RESAMPLES = 2000


def calibration_pair(confidence: float, right: bool) -> str:
    """An answer's confidence, 0 to 1, and whether it is right, as an explanation carries them.

    >>> calibration_pair(0.8, True)
    '{"confidence": 0.8, "right": 1}'
    """
    return json.dumps({"confidence": confidence, "right": int(right)})


@dataclass(frozen=True, slots=True)
class CalibrationError:
    """The expected calibration error, from 0 to 1 (Naeini et al. 2015; Guo et al. 2017).

    Confidence falls into bins of equal width, open below and closed above. Of each the mean
    confidence and the share that is right differ by so much; it is the mean of that, each bin as
    heavy as it has answers. It is never below 0, so that noise alone makes it positive: with few
    answers it reads too high, and so does its interval (the percentile bootstrap over clusters).

    >>> pairs = [calibration_pair(0.9, True), calibration_pair(0.9, False), None]
    >>> metric = Metric(0.0, 1.0, Direction.HIGHER)
    >>> estimate = CalibrationError().estimate(np.array(pairs), "abc", "abc", metric)
    >>> round(estimate.estimate, 3), estimate.n_failed
    (0.4, 1)
    """

    bins: int = 10
    explained: ClassVar[bool] = True
    range: ClassVar[str] = "share"

    @property
    def name(self) -> str:
        """Its name in tables."""
        return f"calibration error, {self.bins} bins"

    def estimate(
        self, values: NDArray[Any], samples: Labels, clusters: Labels, metric: Metric
    ) -> Estimate:
        """The error over the pairs that there are; bounds take the rest as far off, or not."""
        pairs, present = _pairs(values)
        n, scored = len(values), len(pairs)
        lost = n - scored
        if not scored:
            return Estimate.unknown(Counts(n, 0, lost, 0), 1.0 if n else None, 0.0 if n else None)
        codes = np.unique(np.asarray(list(clusters))[present], return_inverse=True)[1]
        count = int(codes.max()) + 1
        gaps, sizes = np.zeros((count, self.bins)), np.bincount(codes, minlength=count)
        np.add.at(gaps, (codes, _bins(pairs[:, 0], self.bins)), pairs[:, 0] - pairs[:, 1])
        total = float(np.abs(gaps.sum(axis=0)).sum())
        drawn = _resampled(gaps, sizes)
        ends = percentile_interval(drawn) if count > 1 else None
        error = total / scored
        return Estimate(
            error,
            float(np.std(drawn, ddof=1)) if ends else None,
            min(ends.low, error) if ends else None,
            max(ends.high, error) if ends else None,
            min(1.0, (total + lost) / n), max(0.0, (total - lost) / n),
            n, scored, lost, count,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reliability:
    """The share that is right of each bin of confidence: the rows of a reliability figure.

    A row is named by the mean confidence of its answers, which a calibrated model's share equals.
    What has no confidence has a row of its own.

    >>> pairs = [[calibration_pair(0.9, True)], [calibration_pair(0.7, False)]]
    >>> rows = Reliability().compare(np.array(pairs), {}, "ab", Metric(0, 1, Direction.HIGHER))
    >>> {name: row.estimate for name, row in rows.items()}
    {'0.700 (0.6 to 0.7)': 0.0, '0.900 (0.8 to 0.9)': 1.0}
    """

    bins: int = 10
    explained: ClassVar[bool] = True
    range: ClassVar[str] = "share"
    better: ClassVar[Direction] = Direction.NEITHER
    fields: ClassVar[Sequence[str]] = ()
    by: ClassVar[str] = "confidence"

    @property
    def name(self) -> str:
        """Its name in tables."""
        return "share right"

    def compare(
        self,
        values: NDArray[Any],
        facts: Mapping[str, Sequence[object]],
        clusters: Labels,
        metric: Metric,
    ) -> Mapping[str, Estimate]:
        """One estimate for each bin that holds an answer."""
        flat = values.ravel()
        samples = np.repeat(np.arange(len(values)), values.shape[1])
        units = np.repeat(np.asarray(list(clusters)), values.shape[1])
        pairs, present = _pairs(flat)
        rows = {}
        places = _bins(pairs[:, 0], self.bins)
        for place in np.unique(places):
            inside = places == place
            ends = f"{place / self.bins:g} to {(place + 1) / self.bins:g}"
            rows[f"{pairs[inside, 0].mean():.3f} ({ends})"] = Share(at_least=1).estimate(
                pairs[inside, 1], samples[present][inside], units[present][inside], metric
            )
        if lost := int((~present).sum()):
            rows["not known"] = Estimate.unknown(Counts(lost, 0, lost, 0), 0.0, 1.0)
        return rows


class _Parsed(NamedTuple):
    pairs: Floats
    present: NDArray[np.bool_]


def _pairs(values: NDArray[Any]) -> _Parsed:
    """Confidence and right, a row an answer, of those whose explanation holds them."""
    read = [json.loads(value) if isinstance(value, str) else None for value in values]
    pairs = [(float(pair["confidence"]), float(pair["right"])) for pair in read if pair]
    present = np.array([pair is not None for pair in read], dtype=np.bool_)
    return _Parsed(np.array(pairs, dtype=np.float64).reshape(-1, 2), present)


def _bins(confidences: Floats, bins: int) -> NDArray[np.intp]:
    """The number of each one's bin; what is on an edge, up to rounding, is in the lower one."""
    return np.clip(np.ceil(confidences * bins - 1e-9).astype(np.intp) - 1, 0, bins - 1)


def _resampled(gaps: Floats, sizes: NDArray[np.intp]) -> Floats:
    blocks = [
        np.abs(times @ gaps).sum(axis=1) / np.maximum(times @ sizes, 1)
        for times in times_drawn(len(sizes), RESAMPLES)
    ]
    return np.concatenate(blocks)
