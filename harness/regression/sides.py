"""The two sides of a comparison: their units and their scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from harness.statistics import Floats

Labels = NDArray[Any]
End = Literal["measured", "worst", "best"]
"""With what is missing left out, or at its worst or its best for the candidate."""
ENDS: tuple[End, ...] = ("measured", "worst", "best")


@dataclass(frozen=True)
class Units:
    """The values of one side, each of a sample or a cluster; the same places on both sides.

    Where values with a bound were imputed, a row an imputation.
    """

    measured: Floats
    """As measured; NaN is missing."""
    low: Floats
    """With what is missing at the lower end of the scale."""
    high: Floats

    def chosen(self, mask: NDArray[np.bool_]) -> Units:
        """Some of them."""
        return Units(self.measured[..., mask], self.low[..., mask], self.high[..., mask])

    @classmethod
    def of_draws(cls, draws: Sequence[Units]) -> Units:
        """Those of all imputations; as they are where there is one."""
        if len(draws) == 1:
            return draws[0]
        return cls(
            np.stack([draw.measured for draw in draws]),
            np.stack([draw.low for draw in draws]),
            np.stack([draw.high for draw in draws]),
        )

    def most(self, sign: float) -> Floats:
        """Times a sign, with what is missing where that is the most."""
        return self.high if sign > 0 else -self.low

    def least(self, sign: float) -> Floats:
        """Times a sign, with what is missing where that is the least."""
        return self.low if sign > 0 else -self.high


def _mean(values: Floats) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None
