"""How many samples both sides have been asked at each look of an early stop."""

from __future__ import annotations

from collections.abc import Iterator

FIRST = 32
GROWTH = 1.3
"""Each look comes when there are so many times the samples of the last one."""


def sizes(whole: int, first: int = FIRST, growth: float = GROWTH) -> Iterator[int]:
    """Samples at each look, the last one at the whole.

    >>> list(sizes(100, growth=2.0))
    [32, 64, 100]
    """
    size = first
    while size * (1 + growth) / 2 < whole:
        yield size
        size = max(size + 1, int(size * growth))
    yield whole
