import krippendorff
import numpy as np
import pytest
import sklearn.metrics
from scipy import stats

from harness.statistics import agreement as agreeing

LABELS = np.array([1.0, 0, 1, 1, 0, 0, 1, 0])
VALUES = np.array([0.9, 0.4, 0.4, 0.8, 0.1, 0.6, 0.3, 0.2])


def test_auc_by_hand():
    # 16 pairs: .9 beats 4, .4 beats 2 and ties 1, .8 beats 4, .3 beats 2
    assert agreeing.auc(LABELS, VALUES) == pytest.approx((4 + 2.5 + 4 + 2) / 16)
    assert np.isnan(agreeing.auc(np.ones(3), VALUES[:3]))


def test_kappa_by_hand():
    one, other = np.array([1.0, 1, 2, 3]), np.array([1.0, 2, 2, 3])
    # observed disagreement 1/4; expected 1 - (2*1 + 1*2 + 1*1)/16 = 11/16
    assert agreeing.kappa(one, other) == pytest.approx(1 - (1 / 4) / (11 / 16))
    assert np.isnan(agreeing.kappa(np.ones(4), np.ones(4)))


@pytest.mark.parametrize("seed", range(5))
def test_all_equal_the_reference_implementations(seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, 60).astype(float)
    values = np.round(labels * 0.3 + rng.random(60), 1)
    predicted = (values > 0.7) * 1.0
    levels, others = (rng.integers(1, 6, 60).astype(float) for _ in range(2))
    assert agreeing.auc(labels, values) == pytest.approx(
        sklearn.metrics.roc_auc_score(labels, values)
    )
    for ours, theirs in (
        (agreeing.accuracy, sklearn.metrics.accuracy_score),
        (agreeing.precision, sklearn.metrics.precision_score),
        (agreeing.recall, sklearn.metrics.recall_score),
        (agreeing.f1, sklearn.metrics.f1_score),
        (agreeing.kappa, sklearn.metrics.cohen_kappa_score),
    ):
        assert ours(labels, predicted) == pytest.approx(theirs(labels, predicted))
    assert agreeing.macro_f1(levels, others) == pytest.approx(
        sklearn.metrics.f1_score(levels, others, average="macro", labels=np.unique(levels))
    )
    assert agreeing.kappa(levels, others, quadratic=True) == pytest.approx(
        sklearn.metrics.cohen_kappa_score(levels, others, weights="quadratic")
    )
    assert agreeing.pearson(levels, values) == pytest.approx(stats.pearsonr(levels, values)[0])
    assert agreeing.spearman(levels, values) == pytest.approx(stats.spearmanr(levels, values)[0])


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval"])
def test_alpha_equals_the_reference_with_missing_ratings(level):
    rng = np.random.default_rng(3)
    ratings = rng.integers(1, 5, (3, 40)).astype(float)
    ratings[1] = np.where(rng.random(40) < 0.6, ratings[0], ratings[1])
    ratings[rng.random((3, 40)) < 0.25] = np.nan
    theirs = krippendorff.alpha(ratings, level_of_measurement=level)
    assert agreeing.krippendorff_alpha(ratings, level) == pytest.approx(theirs)


def test_alpha_that_is_not_defined_is_none():
    assert agreeing.krippendorff_alpha(np.ones((2, 4)), "nominal") is None
    assert agreeing.krippendorff_alpha(np.array([[1.0, np.nan], [np.nan, 2.0]]), "nominal") is None


def test_what_does_not_vary_has_no_correlation():
    assert np.isnan(agreeing.pearson(np.ones(5), np.arange(5.0)))
    assert np.isnan(agreeing.spearman(np.arange(5.0), np.zeros(5)))


@pytest.mark.long
def test_the_interval_covers_as_often_as_it_says():
    rng, covered = np.random.default_rng(0), 0
    for _ in range(40):
        x = rng.normal(size=60)
        y = 0.6 * x + 0.8 * rng.normal(size=60)
        low, high = agreeing.interval(agreeing.pearson, x, y)
        covered += low <= 0.6 <= high
    assert covered >= 34


def test_answers_to_one_request_are_resampled_together():
    labels = np.repeat(LABELS, 10)
    values = np.repeat(VALUES, 10)
    clusters = np.repeat(np.arange(8), 10)
    apart = agreeing.interval(agreeing.auc, labels, values)
    together = agreeing.interval(agreeing.auc, labels, values, clusters=clusters)
    assert together[1] - together[0] > 2 * (apart[1] - apart[0])


def test_a_perfect_agreement_in_a_sample_is_not_certain():
    assert agreeing.interval(agreeing.accuracy, LABELS, LABELS) == (None, None)


def test_labels_of_one_kind_have_no_interval():
    assert agreeing.interval(agreeing.auc, np.ones(20), np.arange(20.0)) == (None, None)
