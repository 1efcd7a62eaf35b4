"""The bootstrap: what is independent is drawn anew, with replacement (Efron 1979).

Every resampled interval takes its draws from here: one seed, so that the same data give the same
interval, and one rule for when resamples cannot say.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.statistics.arrays import Floats
from harness.statistics.intervals import ONE_SIDED_LEVEL, Ends

if TYPE_CHECKING:
    from numpy.typing import NDArray


SEED = 0
NUMBERS_AT_ONCE = 4_000_000
"""Drawn and held together: 32 megabytes."""
NUMBERS_KEPT = 5_000_000
"""Of one size of resamples, kept for the next who asks: 10 megabytes."""
SHARE_KNOWN = 0.9
"""Of the resamples, above which what the others lack is left out: where they would lie, nobody
knows, and a tenth is twice what lies beyond both ends."""


def draws(count: int, times: int) -> Iterator[NDArray[np.int64]]:
    """Numbers below `count`, `count` of them with replacement, `times` times.

    Yields:
        Blocks of shape (resamples, count), of all blocks together `times` rows.
    """
    random, most = np.random.default_rng(SEED), max(1, NUMBERS_AT_ONCE // count)
    for first in range(0, times, most):
        yield random.integers(0, count, (min(most, times - first), count))


def times_drawn(count: int, times: int) -> Iterator[NDArray[np.integer[Any]]]:
    """How often each of `count` is drawn in each of the resamples of `draws`.

    Those of a size that was asked lately are kept: groups of one size share them, and so do the
    questions that are asked of one group.

    Yields:
        Blocks of shape (resamples, count).
    """
    if count * times > NUMBERS_KEPT:
        yield from _times_drawn(count, times)
    else:
        yield from _kept_times_drawn(count, times)


@lru_cache(maxsize=16)
def _kept_times_drawn(count: int, times: int) -> list[NDArray[np.integer[Any]]]:
    least = np.uint8 if count <= np.iinfo(np.uint8).max else np.uint16
    return [block.astype(least) for block in _times_drawn(count, times)]


def _times_drawn(count: int, times: int) -> Iterator[NDArray[np.intp]]:
    for block in draws(count, times):
        rows = len(block)
        cells = (block + np.arange(rows)[:, None] * count).ravel()
        yield np.bincount(cells, minlength=rows * count).reshape(rows, count)


def resamples(
    n: int, times: int, clusters: NDArray[np.intp] | None = None
) -> Iterator[NDArray[np.intp]]:
    """Which rows each resample holds.

    >>> [rows.tolist() for rows in resamples(3, 2)]
    [[2, 1, 1], [0, 0, 0]]

    Args:
        n: how many rows there are.
        times: how many resamples.
        clusters: shape (n,), drawn whole; None: each row is its own.

    Yields:
        Row numbers, shape (n,); of uneven clusters about as many.
    """
    if clusters is None:
        for block in draws(n, times):
            yield from block
        return
    numbers = np.unique(clusters, return_inverse=True)[1]
    firsts = np.cumsum(np.bincount(numbers))[:-1]
    members = np.split(np.argsort(numbers, kind="stable"), firsts)
    for block in draws(len(members), times):
        for drawn in block:
            yield np.concatenate([members[cluster] for cluster in drawn])


def percentile_interval(values: Floats) -> Ends | None:
    """The 95 % percentile interval of a statistic's values over resamples.

    >>> percentile_interval(np.arange(1001.0))
    Ends(low=25.0, high=975.0)

    Args:
        values: shape (resamples,); NaN where a resample cannot say.

    Returns:
        None where a tenth or more of the resamples cannot say.
    """
    known = values[~np.isnan(values)]
    if len(known) <= SHARE_KNOWN * len(values):
        return None
    low, high = np.quantile(known, [ONE_SIDED_LEVEL, 1 - ONE_SIDED_LEVEL])
    return Ends(float(low), float(high))
