"""The arrays that statistics take and give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
"""Numbers; NaN where one is missing."""
Columns = Mapping[str, Sequence[object]]
"""Facts about samples by name, an item a row."""
