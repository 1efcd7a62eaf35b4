import numpy as np
import ppi_py
import pytest

from harness.statistics.correction import prediction_powered, rogan_gladen


def ppi(scores, labelled, labels, low=-100.0, high=100.0):
    clusters = np.arange(len(scores)), np.arange(len(labels))
    return prediction_powered(scores, labelled, labels, *clusters, low, high)


@pytest.mark.parametrize("seed", range(4))
def test_it_is_what_ppi_python_gives(seed):
    rng = np.random.default_rng(seed)
    truth = rng.normal(2, 1, 600)
    scores = truth + rng.normal(0.5, 0.3 + seed, 600)
    labelled, labels, rest = scores[:100], truth[:100], scores[100:]
    found = ppi(rest, labelled, labels)
    theirs = ppi_py.ppi_mean_pointestimate(labels, labelled, rest, lam=found.weight)
    low, high = ppi_py.ppi_mean_ci(labels, labelled, rest, alpha=0.05, lam=found.weight)
    assert found.estimate == pytest.approx(theirs.item())
    # theirs divides by n in the variance, ours by n - 1
    assert (found.low, found.high) == pytest.approx((low.item(), high.item()), rel=0.01)
    chosen = ppi_py.ppi_mean_pointestimate(labels, labelled, rest)
    assert found.estimate == pytest.approx(chosen.item(), abs=0.02)


def test_by_hand():
    scores, labelled, labels = np.array([1.0, 3, 1, 3]), np.array([1.0, 3]), np.array([2.0, 4])
    # cov 2, var of all six 6/5: weight 2 / ((1 + 2/4) 1.2) is above 1, so 1; 2 + mean(1, 1)
    found = ppi(scores, labelled, labels)
    assert (found.weight, found.estimate) == (1.0, 3.0)


def test_a_scorer_that_knows_nothing_leaves_the_labels_alone():
    rng = np.random.default_rng(0)
    labels = rng.normal(size=400)
    found = ppi(rng.normal(size=4000), rng.normal(size=400), labels)
    assert found.weight < 0.1
    assert found.estimate == pytest.approx(labels.mean(), abs=0.02)


def test_the_interval_covers_and_the_uncorrected_mean_does_not():
    rng, covered, naive = np.random.default_rng(1), 0, 0
    for _ in range(300):
        truth = (rng.random(500) < 0.3).astype(float)
        scores = np.where(rng.random(500) < 0.85, truth, 1 - truth)
        found = ppi(scores[80:], scores[:80], truth[:80], 0.0, 1.0)
        covered += found.low <= 0.3 <= found.high
        naive += abs(scores.mean() - 0.3) < 1.96 * np.sqrt(0.3 * 0.7 / 500)
    assert 0.92 <= covered / 300 <= 0.98
    assert naive / 300 < 0.5


def test_answers_of_one_cluster_are_not_counted_as_many():
    rng = np.random.default_rng(2)
    truth = np.repeat(rng.normal(2, 1, 60), 5)
    scores = truth + rng.normal(0, 0.5, 300)
    clusters = np.repeat(np.arange(60), 5)
    args = scores[100:], scores[:100], truth[:100]
    together = prediction_powered(*args, clusters[100:], clusters[:100], -9, 9)
    apart = ppi(*args)
    assert together.high - together.low > 1.3 * (apart.high - apart.low)


def test_few_labels_say_nothing():
    assert ppi(np.ones(10), np.ones(1), np.ones(1)).estimate is None


def test_labels_without_spread_claim_no_certainty():
    found = ppi(np.ones(10), np.ones(5), np.ones(5))
    assert (found.estimate, found.low, found.high) == (1.0, None, None)


def test_rogan_and_gladen_by_hand():
    labelled = np.array([1.0] * 9 + [0.0] + [0.0] * 16 + [1.0] * 4)
    labels = np.array([1.0] * 10 + [0.0] * 20)
    scores = np.array([1.0] * 40 + [0.0] * 60)
    # sensitivity .9, specificity .8: (.4 + .8 - 1) / .7
    found = rogan_gladen(scores, labelled, labels)
    assert found.estimate == pytest.approx(0.2 / 0.7)
    assert 0 <= found.low < found.estimate < found.high <= 1


def test_a_scorer_no_better_than_a_coin_corrects_nothing():
    labels, labelled = np.array([1.0, 1, 0, 0]), np.array([1.0, 0, 1, 0])
    assert rogan_gladen(np.ones(10), labelled, labels).estimate is None


def test_a_scorer_without_an_error_seen_is_not_certain():
    labels = np.array([1.0, 1, 0, 0])
    found = rogan_gladen(np.ones(10), labels, labels)
    assert (found.estimate, found.low, found.high) == (1.0, None, None)


def test_rogan_and_gladen_covers():
    rng, covered = np.random.default_rng(3), 0
    for _ in range(300):
        truth = (rng.random(1000) < 0.25).astype(float)
        scores = np.where(truth == 1, rng.random(1000) < 0.8, rng.random(1000) < 0.1) * 1.0
        found = rogan_gladen(scores, scores[:200], truth[:200])
        covered += found.low <= 0.25 <= found.high
    assert covered / 300 >= 0.92
