"""Strata: groups of samples that are all there are, such as the principles of a code of ethics.

What is fixed is no source of chance: an interval that speaks for prompts like these draws prompts
anew within each stratum, and never a stratum. Cochran, Sampling Techniques (3rd edition, 1977),
chapter 5, has the stratified variance; Lumley, Complex Surveys (2010), chapter 2, its form with
clusters and what is done with strata of a single cluster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from harness.statistics.arrays import Floats

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.types import Labels


DENSE = 4
"""Labels that are numbers below so many times their count are told apart without sorting."""


class Design(NamedTuple):
    """What each value is of: the cluster that is drawn whole, and the stratum that is fixed.

    >>> Design(np.array([7, 7, 9])).codes(np.array([True, False, True]))[0].tolist()
    [0, 1]
    """

    clusters: Labels
    strata: Labels | None = None
    """None: samples are drawn from all alike."""
    turns: Floats | None = None
    """When each value came, of values that are looked at as they come; None: they are looked at
    once, when all are there."""

    def of(self, numbers: NDArray[np.intp]) -> Design:
        """Those of some of the values."""
        strata = None if self.strata is None else np.asarray(self.strata)[numbers]
        turns = None if self.turns is None else self.turns[numbers]
        return Design(np.asarray(self.clusters)[numbers], strata, turns)

    def codes(self, present: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp] | None]:
        """Clusters and strata by number, of the values that there are."""
        strata = None if self.strata is None else codes_of(self.strata, present)
        return codes_of(self.clusters, present), strata


def codes_of(labels: Labels, present: NDArray[np.bool_]) -> NDArray[np.intp]:
    """The labels of what is present as numbers from 0 on, every one occurring, in their order.

    >>> codes_of(np.array([7, 9, 4, 9]), np.array([True, True, False, True])).tolist()
    [0, 1, 1]
    """
    known = np.asarray(labels)[present]
    distinct = distinct_of(known)
    if _dense(distinct, len(known)):
        places = np.zeros(int(distinct[-1]) + 1, np.intp)
        places[distinct] = np.arange(len(distinct))
        codes: NDArray[np.intp] = places[known]
        return codes
    return np.searchsorted(distinct, known)


def distinct_of(labels: NDArray[Any]) -> NDArray[Any]:
    """Each label once, in order; of numbers from 0 on that lie close without sorting them.

    >>> distinct_of(np.array([3, 0, 3])).tolist()
    [0, 3]
    """
    if _dense(labels, len(labels)):
        occurs = np.zeros(int(labels.max()) + 1, np.bool_)
        occurs[labels] = True
        return np.flatnonzero(occurs)
    return np.unique(labels)


def _dense(labels: NDArray[Any], count: int) -> bool:
    if labels.dtype.kind not in "iu" or not len(labels):
        return False
    return bool(labels.min() >= 0 and labels.max() < DENSE * count)


def within_strata(values: Floats, clusters: NDArray[np.intp], strata: Labels) -> Floats:
    """Values with the same mean, whose spread between clusters is that within strata alone.

    Each is the mean of all plus what it is off the mean of its stratum, stretched so that the
    clustered variance over all, with its factor G / (G - 1), is the sum over strata of theirs.

    >>> values, clusters = np.array([1.0, 3.0, 5.0, 7.0]), np.arange(4)
    >>> within_strata(values, clusters, np.array([0, 0, 1, 1])).round(3).tolist()
    [2.775, 5.225, 2.775, 5.225]

    Args:
        values: shape (n,), none missing.
        clusters: shape (n,); the number of each value's cluster, every one from 0 on occurring.
        strata: shape (n,), of each value.
    """
    codes = whole_strata(clusters, strata)
    sizes = np.bincount(codes)
    means = np.bincount(codes, values) / sizes
    counts, total = clusters_by_stratum(codes, clusters), int(clusters.max()) + 1
    nested = counts.sum() == total  # else a cluster is in several strata, which share its factor
    stretch = np.ones(len(sizes))
    if nested and total > 1:
        stretch = np.sqrt(counts / np.maximum(counts - 1, 1) * (total - 1) / total)
    return float(values.mean()) + (values - means[codes]) * stretch[codes]


def whole_strata(clusters: NDArray[np.intp], strata: Labels) -> NDArray[np.intp]:
    """The number of each value's stratum, those of a single cluster being put together.

    One cluster shows no spread. Strata that have no more are taken for one; a single such stratum
    joins the smallest of the others. That makes an interval wider, never narrower.

    >>> whole_strata(np.arange(5), np.array([0, 0, 1, 2, 2])).tolist()
    [0, 0, 0, 1, 1]
    """
    codes = codes_of(strata, np.ones(len(strata), np.bool_))
    counts = clusters_by_stratum(codes, clusters)
    alone = np.flatnonzero(counts < 2)
    if not len(alone) or len(counts) == 1:
        return codes
    if len(alone) == 1:
        others = np.delete(np.arange(len(counts)), alone)
        alone = np.append(alone, others[np.argmin(counts[others])])
    merged = np.where(np.isin(codes, alone), alone[0], codes)
    return codes_of(merged, np.ones(len(merged), np.bool_))


def clusters_by_stratum(codes: NDArray[np.intp], clusters: NDArray[np.intp]) -> NDArray[np.intp]:
    """How many clusters lie in each stratum, also those that lie in others too.

    >>> clusters_by_stratum(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1])).tolist()
    [2, 1]
    """
    total = int(clusters.max()) + 1
    return np.bincount(distinct_of(codes * total + clusters) // total)


def degrees_lost(clusters: NDArray[np.intp], strata: Labels | None) -> int:
    """Degrees of freedom that means take: one for each stratum, or the one of all.

    Where clusters lie across strata it is one, for no stratum's clusters are its own.
    """
    if strata is None:
        return 1
    codes = whole_strata(clusters, strata)
    nested = clusters_by_stratum(codes, clusters).sum() == clusters.max() + 1
    return int(codes.max()) + 1 if nested else 1
