"""lm-eval's own aggregation of a metric as a statistic, with an interval."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.statistics import Mean, percentile_interval, resamples
from harness.types import Estimate, Metric

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.types import Labels


NOT_OF_IT = "lm-eval gives no such metric of this document"


@dataclass(frozen=True, slots=True)
class Aggregated:
    """lm-eval's own aggregation of a metric, so that the number is lm-eval's to the last digit.

    The interval of a mean is that of `Mean`. Of any other aggregation it is the percentile
    bootstrap over clusters. Bounds are known where the metric's range is, of a mean.
    """

    name: str
    """The aggregation's, as `statistic` says."""
    explained: bool
    """Whether it reads whole values from the explanations, rather than numbers."""
    bootstrap: int
    """Resamples of whole values; 0: no interval."""
    function: Callable[[Sequence[Any]], Any] = field(repr=False, compare=False)

    def estimate(
        self,
        values: NDArray[Any],
        samples: Labels,
        clusters: Labels,
        metric: Metric,
    ) -> Estimate:
        """The aggregate of numbers (NaN: missing), or of explanations (None: missing)."""
        if self.explained:
            return self._of_explanations(values, clusters)
        present = values[~np.isnan(values)]
        bounded = math.isfinite(metric.low) and math.isfinite(metric.high)
        span = metric
        if not bounded:
            ends = (present.min(), present.max()) if len(present) else (0.0, 1.0)
            span = Metric(float(ends[0]), float(ends[1]), metric.better)
        estimate = Mean().estimate(values, samples, clusters, span)
        if estimate.estimate is None:
            return estimate if bounded else replace(estimate, worst=None, best=None)
        estimate = replace(estimate, estimate=float(self.function(present.tolist())))
        if bounded:
            return estimate
        ends_known = None if estimate.n_failed else estimate.estimate
        low, high = (None, None) if span.low == span.high else (estimate.low, estimate.high)
        return replace(estimate, low=low, high=high, worst=ends_known, best=ends_known)

    def _of_explanations(self, values: NDArray[Any], clusters: Labels) -> Estimate:
        of_it = np.array([value != NOT_OF_IT for value in values], dtype=np.bool_)
        items = [None if value is None else _unpack(value) for value in values[of_it]]
        known = [item for item in items if item is not None]
        units = np.unique(np.asarray(clusters)[of_it], return_inverse=True)[1]
        units = units[[item is not None for item in items]] if known else units[:0]
        count = len(set(units.tolist()))
        value = self._of(known)
        stderr, low, high = self._resampled(known, units) if value is not None else (None,) * 3
        bound = value if len(known) == len(items) else None
        return Estimate(
            value, stderr, low, high, bound, bound,
            len(items), len(known), len(items) - len(known), count,
        )  # fmt: skip

    def _of(self, items: Sequence[Any]) -> float | None:
        """The aggregate, where there is one."""
        if not items:
            return None
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                value = float(self.function(list(items)))
            except Exception:  # noqa: BLE001 - a resample may lack what a regression needs
                return None
        return value if math.isfinite(value) else None

    def _resampled(
        self, items: Sequence[Any], units: NDArray[np.intp]
    ) -> tuple[float | None, float | None, float | None]:
        if not self.bootstrap or len(np.unique(units)) < 2:
            return None, None, None
        values = np.array(
            [
                self._of([items[row] for row in rows])
                for rows in resamples(len(items), self.bootstrap, units)
            ],
            dtype=float,
        )
        ends = percentile_interval(values)
        if ends is None:
            return None, None, None
        return float(np.std(values[~np.isnan(values)], ddof=1)), ends.low, ends.high


def pack(value: Any) -> str:
    """A value of lm-eval's as JSON."""
    return json.dumps(value, default=_plain)


def _unpack(text: str) -> Any:
    return _tuples(json.loads(text))


def _tuples(value: Any) -> Any:
    """Lists as the tuples that they were."""
    if isinstance(value, list):
        return tuple(map(_tuples, value))
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return value


def _plain(value: Any) -> Any:
    """What JSON does not know of: numbers and arrays of numpy's."""
    return value.tolist() if hasattr(value, "tolist") else str(value)
