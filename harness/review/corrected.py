"""Estimates corrected by labels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.review.review import Key, Review
from harness.statistics import Corrected, Mean, Share, prediction_powered, rogan_gladen
from harness.types import Estimand


def corrected_by(review: Review, labels: Mapping[Key, Sequence[float]], raters: int) -> pa.Table:
    """One row a headline estimate and method, the uncorrected number beside the corrected.

    Args:
        review: of the run and the metric.
        labels: of each labelled answer what people gave it.
        raters: how many people labelled.
    """
    rows: list[dict[str, Any]] = []
    for estimand in review.estimands:
        if isinstance(estimand.statistic, Mean | Share):
            rows += _rows(review, estimand, labels, raters)
    return pa.Table.from_pylist(rows, CORRECTED)


def _rows(
    review: Review, estimand: Estimand, labels: Mapping[Key, Sequence[float]], raters: int
) -> list[dict[str, Any]]:
    """An estimate of a mean or a share, corrected by each method that fits it."""
    asked, numbers = list(review.scores), review.numbers(list(review.scores))
    holds = review.holds(estimand)
    over = review.facts.chosen(estimand)[numbers] & (holds != 0)
    keys = [key for key, chosen in zip(asked, over, strict=True) if chosen]
    unsure = {key for key, value in zip(asked, holds, strict=True) if math.isnan(value)}
    known = [key for key in keys if not math.isnan(review.scores[key]) and key not in unsure]
    rest = [key for key in known if key not in labels]
    both = [key for key in known if key in labels]
    share = estimand.statistic if isinstance(estimand.statistic, Share) else None
    metric = review.metric
    low, high = (0.0, 1.0) if share else (metric.low, metric.high)
    scores = {key: (review.scores[key],) for key in known}
    scored, human = _values(both, scores, share), _values(both, labels, share)
    everything = _values(known, scores, share)
    of_rest, of_both = (
        _codes(review.facts.units(estimand, review.numbers(of))) for of in (rest, both)
    )
    results = {
        "prediction-powered": prediction_powered(
            _values(rest, scores, share), scored, human, of_rest, of_both, low, high
        )
    }
    if set(everything.tolist()) <= {0.0, 1.0} and set(human.tolist()) <= {0.0, 1.0}:
        results["rogan-gladen"] = rogan_gladen(everything, scored, human)
    return [
        _row(estimand, method, result, everything, len(keys), raters)
        for method, result in results.items()
    ]


def _values(
    keys: Sequence[Key], source: Mapping[Key, Sequence[float]], share: Share | None
) -> NDArray[np.float64]:
    """The mean of each answer's values; of a share how many of them reach its level."""
    rows = (np.array(source[key], dtype=float) for key in keys)
    means = [float((row if share is None else row >= share.at_least).mean()) for row in rows]
    return np.array(means, dtype=float)


def _codes(units: NDArray[Any]) -> NDArray[np.intp]:
    """Clusters by numbers from zero."""
    return np.unique(units, return_inverse=True)[1]


CORRECTED = pa.schema(
    {
        "name": pa.string(), "metric": pa.string(), "statistic": pa.string(), "method": pa.string(),
        "estimate": pa.float64(), "corrected": pa.float64(), "low": pa.float64(),
        "high": pa.float64(), "n": pa.int64(), "n_scored": pa.int64(), "n_labelled": pa.int64(),
        "raters": pa.int64(), "replicated": pa.bool_(),
    }
)  # fmt: skip


def _row(
    estimand: Estimand,
    method: str,
    result: Corrected,
    values: NDArray[np.float64],
    n: int,
    raters: int,
) -> dict[str, Any]:
    return {
        "name": estimand.name, "metric": estimand.metric, "statistic": estimand.statistic.name,
        "method": method, "estimate": float(values.mean()) if len(values) else None,
        "corrected": result.estimate, "low": result.low, "high": result.high, "n": n,
        "n_scored": len(values), "n_labelled": result.n_labelled, "raters": raters,
        "replicated": raters > 1,
    }  # fmt: skip
