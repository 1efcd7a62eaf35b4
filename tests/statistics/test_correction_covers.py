"""How often corrected intervals hold the truth, and how often the normal ones do."""

from collections import defaultdict

import numpy as np
import pytest

from harness.review.strata import Strata, allocated
from harness.statistics.correction import PartlyLabelled, prediction_powered
from harness.types.measures import Direction, Metric

DRAWS = 2000
SIZES = (100, 1000), (50, 300)
"""Labels, and scored answers."""
LEVELS = np.arange(1.0, 6.0)
TAIL = [0.90, 0.04, 0.03, 0.02, 0.01]
SKEW = [0.50, 0.25, 0.13, 0.08, 0.04]


def judged(rng, labels, right):
    """Levels from 1 to 5 as a judge gives them that is off or beside the point at times."""
    values = np.where(rng.random(len(labels)) < right, labels, rng.permutation(labels))
    return np.clip(values + rng.normal(0, 0.3, len(labels)), 1, 5)


def share(rng, labels, width):
    return np.clip(labels + rng.normal(0, width, len(labels)), 0, 1)


def rare(rng, n):
    labels = rng.random(n) < 0.03
    scores = np.where(labels, rng.random(n) < 0.7, rng.random(n) < 0.05)
    return labels * 1.0, scores * 1.0


def tail(rng, n):
    labels = rng.choice(LEVELS, n, p=TAIL)
    return labels, judged(rng, labels, 0.85)


def uniform(rng, n):
    labels = rng.random(n)
    return labels, share(rng, labels, 0.2)


def bimodal(rng, n):
    labels = rng.beta(0.3, 0.3, n)
    return labels, share(rng, labels, 0.3)


def skewed(rng, n):
    labels = rng.choice(LEVELS, n, p=SKEW)
    return labels, judged(rng, labels, 0.7)


def useless(rng, n):
    return (rng.random(n) < 0.3) * 1.0, rng.random(n)


def perfect(rng, n):
    labels = rng.beta(2, 5, n)
    return labels, labels


def clustered(rng, n):
    labels = (rng.random(n) < np.repeat(rng.beta(1, 2, n // 5), 5)) * 1.0
    return labels, np.where(rng.random(n) < 0.85, labels, 1 - labels)


SHAPES = {
    rare: (0.03, 0, 1), tail: (LEVELS @ TAIL, 1, 5), uniform: (0.5, 0, 1), bimodal: (0.5, 0, 1),
    skewed: (LEVELS @ SKEW, 1, 5), useless: (0.3, 0, 1), perfect: (2 / 7, 0, 1),
    clustered: (1 / 3, 0, 1),
}  # fmt: skip


def drawn(rng, scores, design, n, low, high):
    """Labels for which answers, and the strata that they were drawn from."""
    strata = Strata.by(design, scores, Metric(low, high, Direction.LOWER)).of(scores)
    present, numbers = np.unique(strata, return_inverse=True)
    means = [
        float(((scores - low) / (high - low))[numbers == h].mean()) for h in range(len(present))
    ]
    counts = allocated(np.bincount(numbers).tolist(), means, n)
    chosen = [
        rng.choice(np.flatnonzero(numbers == stratum), count, replace=False)
        for stratum, count in enumerate(counts)
    ]
    return np.concatenate(chosen), numbers


def normal(part, weight):
    """The normal interval of PPI++, as it was before."""
    labelled = ~np.isnan(part.labels)
    labels, scores = part.labels[labelled], part.scores[labelled]
    n, rest = len(labels), part.scores[~labelled]
    errors = labels - weight * scores
    theta = weight * rest.mean() + errors.mean()
    half = 1.96 * np.sqrt(weight**2 * rest.var(ddof=1) / len(rest) + errors.var(ddof=1) / n)
    return theta - half, theta + half


def covered(shape, design, labelled, scored):
    """Of the draws those that hold the truth, that lie above and below it; and the mean width."""
    truth, low, high = SHAPES[shape]
    rng, rows = np.random.default_rng(11), defaultdict(list)
    for _ in range(DRAWS):
        labels, scores = shape(rng, scored)
        places, strata = drawn(rng, scores, design, labelled, low, high)
        known = np.full(scored, np.nan)
        known[places] = labels[places]
        clusters = np.arange(scored) // (5 if shape is clustered else 1)
        part = PartlyLabelled(scores, known, clusters, strata)
        found = prediction_powered(part, low, high)
        rows["ours"].append((found.low, found.high))
        if design == "random":
            rows["normal"].append(normal(part, found.weight))
    ends = {name: np.array(of) for name, of in rows.items()}
    return {
        name: (
            float(((of[:, 0] <= truth) & (truth <= of[:, 1])).mean()),
            float((of[:, 0] > truth).mean()), float((of[:, 1] < truth).mean()),
            float((of[:, 1] - of[:, 0]).mean()),
        )
        for name, of in ends.items()
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("design", ["random", "score"])
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_of_a_hundred_intervals_93_to_97_hold_the_truth(shape, size, design):
    found = covered(shape, design, *size)
    rounded = {name: [round(x, 4) for x in row] for name, row in found.items()}
    print(shape.__name__, size, design, rounded)
    assert 0.93 <= found["ours"][0] <= 0.97


@pytest.mark.slow
@pytest.mark.parametrize("shape", [rare, tail], ids=lambda shape: shape.__name__)
def test_the_normal_interval_lies_too_low_where_harm_is_rare(shape):
    held, _above, below, _width = covered(shape, "random", 100, 1000)["normal"]
    assert held < 0.93
    assert below > 0.05
