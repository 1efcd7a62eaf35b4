"""Estimates corrected by labels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.review.review import Key, Review
from harness.review.strata import Strata
from harness.statistics import (
    Corrected,
    Mean,
    PartlyLabelled,
    Share,
    prediction_powered,
    rogan_gladen,
)
from harness.types import Estimand


@dataclass(frozen=True)
class Labelling:
    """What people gave, and how what they were given was drawn."""

    labels: Mapping[Key, Sequence[float]]
    """Of each labelled answer."""
    raters: int
    """How many people labelled."""
    strata: Strata
    half_width: float | None = None
    """Of the interval that is wanted, in the metric's unit; of a share in shares."""


def corrected_by(review: Review, labelling: Labelling) -> pa.Table:
    """One row a headline estimate and method, the uncorrected number beside the corrected.

    Args:
        review: of the run and the metric.
        labelling: of a part of its answers.
    """
    rows: list[dict[str, Any]] = []
    for estimand in review.estimands:
        if isinstance(estimand.statistic, Mean | Share):
            rows += _rows(review, estimand, labelling)
    return pa.Table.from_pylist(rows, CORRECTED)


def _rows(review: Review, estimand: Estimand, labelling: Labelling) -> list[dict[str, Any]]:
    """An estimate of a mean or a share, corrected by each method that fits it.

    Rogan and Gladen's needs an even draw: its two error rates are of all answers.
    """
    labels = labelling.labels
    asked, numbers = list(review.scores), review.numbers(list(review.scores))
    holds = review.holds(estimand)
    over = review.facts.chosen(estimand)[numbers] & (holds != 0)
    keys = [key for key, chosen in zip(asked, over, strict=True) if chosen]
    unsure = {key for key, value in zip(asked, holds, strict=True) if math.isnan(value)}
    known = [key for key in keys if not math.isnan(review.scores[key]) and key not in unsure]
    both = [key for key in known if key in labels]
    share = estimand.statistic if isinstance(estimand.statistic, Share) else None
    metric = review.metric
    low, high = (0.0, 1.0) if share else (metric.low, metric.high)
    scores = {key: (review.scores[key],) for key in known}
    scored, human = _values(both, scores, share), _values(both, labels, share)
    everything = _values(known, scores, share)
    part = PartlyLabelled(
        everything,
        _placed([key in labels for key in known], human),
        _codes(review.facts.units(estimand, review.numbers(known))),
        labelling.strata.of(review.scores_of(known)),
    )
    results = {"prediction-powered": prediction_powered(part, low, high)}
    binary = set(everything.tolist()) | set(human.tolist()) <= {0.0, 1.0}
    if binary and labelling.strata.even:
        results["rogan-gladen"] = rogan_gladen(everything, scored, human)
    return [
        _row(estimand, method, result, everything, len(keys)) | _labelling(result, labelling)
        for method, result in results.items()
    ]


def _values(
    keys: Sequence[Key], source: Mapping[Key, Sequence[float]], share: Share | None
) -> NDArray[np.float64]:
    """The mean of each answer's values; of a share how many of them reach its level."""
    rows = (np.array(source[key], dtype=float) for key in keys)
    means = [float((row if share is None else row >= share.at_least).mean()) for row in rows]
    return np.array(means, dtype=float)


def _placed(labelled: Sequence[bool], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The values where there are labels, NaN elsewhere."""
    placed = np.full(len(labelled), np.nan)
    placed[np.array(labelled, dtype=bool)] = values
    return placed


def _codes(units: NDArray[Any]) -> NDArray[np.intp]:
    """Clusters by numbers from zero."""
    return np.unique(units, return_inverse=True)[1]


CORRECTED = pa.schema(
    {
        "name": pa.string(), "metric": pa.string(), "statistic": pa.string(), "method": pa.string(),
        "estimate": pa.float64(), "corrected": pa.float64(), "low": pa.float64(),
        "high": pa.float64(), "n": pa.int64(), "n_scored": pa.int64(), "n_labelled": pa.int64(),
        "raters": pa.int64(), "replicated": pa.bool_(), "draw": pa.string(),
        "half_width": pa.float64(), "wanted": pa.float64(), "needed": pa.int64(),
        "reason": pa.string(),
    }
)  # fmt: skip


def _row(
    estimand: Estimand,
    method: str,
    result: Corrected,
    values: NDArray[np.float64],
    n: int,
) -> dict[str, Any]:
    return {
        "name": estimand.name, "metric": estimand.metric, "statistic": estimand.statistic.name,
        "method": method, "estimate": float(values.mean()) if len(values) else None,
        "corrected": result.estimate, "low": result.low, "high": result.high, "n": n,
        "n_scored": len(values), "n_labelled": result.n_labelled, "reason": result.reason,
    }  # fmt: skip


def _labelling(result: Corrected, labelling: Labelling) -> dict[str, Any]:
    """By whom and how it was labelled, and how many labels the wanted interval takes."""
    half_width = labelling.half_width
    return {
        "raters": labelling.raters, "replicated": labelling.raters > 1,
        "draw": labelling.strata.design, "half_width": result.half_width, "wanted": half_width,
        "needed": None if half_width is None else result.labels_needed(half_width),
    }  # fmt: skip
