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


def _corrected(review: Review, labels: Mapping[Key, Sequence[float]], raters: int) -> pa.Table:
    """One row a headline estimate and method, the uncorrected number beside the corrected."""
    rows = []
    for estimand in review.estimands:
        statistic = estimand.statistic
        if not isinstance(statistic, Mean | Share):
            continue
        keys = [k for k in review.scores if _over(review.samples[k[0]], estimand)]
        known = [k for k in keys if not math.isnan(review.scores[k])]
        rest = [k for k in known if k not in labels]
        both = [k for k in known if k in labels]
        cut = statistic.at_least if isinstance(statistic, Share) else None
        low, high = (0.0, 1.0) if cut is not None else (review.metric.low, review.metric.high)

        def of(
            keys: Sequence[Key], source: Mapping[Key, Sequence[float]], cut: float | None = cut
        ) -> NDArray[np.float64]:
            """Of each answer the mean; where yes begins somewhere, the share that reaches it."""
            rows = (np.array(source[k], dtype=float) for k in keys)
            means = [float((row if cut is None else row >= cut).mean()) for row in rows]
            return np.array(means, dtype=float)

        scores = {k: (review.scores[k],) for k in known}
        scored, human = of(both, scores), of(both, labels)
        everything = of(known, scores)
        units = {"cluster": "cluster", "sample": "sample_id"}[estimand.cluster]
        found = {
            "prediction-powered": prediction_powered(
                of(rest, scores), scored, human,
                _clusters(review, rest, units), _clusters(review, both, units), low, high,
            )
        }  # fmt: skip
        if set(everything.tolist()) <= {0.0, 1.0} and set(human.tolist()) <= {0.0, 1.0}:
            found["rogan-gladen"] = rogan_gladen(everything, scored, human)
        rows += [
            _row(estimand, method, result, everything, len(keys), raters)
            for method, result in found.items()
        ]
    return pa.Table.from_pylist(rows, CORRECTED)


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


def _clusters(review: Review, keys: Sequence[Key], column: str) -> NDArray[np.intp]:
    names = [review.samples[sample_id][column] for sample_id, _ in keys]
    return np.unique(names, return_inverse=True)[1] if names else np.zeros(0, np.intp)


def _over(sample: Mapping[str, Any], estimand: Estimand) -> bool:
    fixed = ("sample_id", "cluster", "prompt", "messages", "target")
    return all(
        sample.get(f"{name}_" if name.rstrip("_") in fixed else name) == value
        for name, value in estimand.where.items()
    )
