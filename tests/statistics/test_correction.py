from math import ceil

import numpy as np
import ppi_py
import pytest
import scipy.stats

from harness.statistics.correction import (
    Corrected,
    PartlyLabelled,
    prediction_powered,
    rogan_gladen,
)
from harness.statistics.intervals import wilson


def ppi(scores, labelled, labels, low=-100.0, high=100.0):
    return prediction_powered(PartlyLabelled.of(scores, labelled, labels), low, high)


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
    # ... and takes the normal quantile: at the middle of a wide range the score interval is as wide
    assert (found.low, found.high) == pytest.approx((low.item(), high.item()), rel=0.015)
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
    known = np.where(np.arange(300) < 100, truth, np.nan)
    alike = np.zeros(300, int)
    together = prediction_powered(PartlyLabelled(scores, known, clusters, alike), -9, 9)
    apart = prediction_powered(PartlyLabelled(scores, known, np.arange(300), alike), -9, 9)
    assert together.high - together.low > 1.3 * (apart.high - apart.low)


def test_few_labels_say_nothing_but_why():
    found = ppi(np.ones(10), np.ones(1), np.ones(1))
    assert (found.estimate, found.low) == (None, None)
    assert found.reason.startswith("too few labels")


def test_labels_that_are_all_alike_are_none_of_so_many():
    found = ppi(np.array([0.0, 1.0] * 20), np.array([0.0, 1.0] * 20), np.zeros(40), 0.0, 1.0)
    t = scipy.stats.t.ppf(0.975, 39)
    assert (found.estimate, found.low) == (0.0, 0.0)
    assert found.high == pytest.approx(t**2 / (40 + t**2))  # Wilson's for none of 40


def test_of_yes_and_no_with_a_useless_scorer_it_is_wilsons_interval():
    labels = np.array([1.0] * 3 + [0.0] * 97)
    found = ppi(np.zeros(900), np.zeros(100), labels, 0.0, 1.0)
    # 99 of 100 in the variance; Student's t, whose degrees of freedom are those of the labels
    low, high = wilson(0.03, 99.0, scipy.stats.t.ppf(0.975, 99))
    assert (found.low, found.high) == pytest.approx((low, high))
    wald = 1.96 * np.sqrt(0.03 * 0.97 / 100)  # lies too low
    assert found.low > 0.03 - wald
    assert found.high > 0.03 + wald


def test_labels_that_were_drawn_more_often_weigh_less():
    # 80 scored 0, of which 4 are labelled: 1 of 4; 20 scored 1, of which 10 are: 9 of 10
    scores = np.repeat([0.0, 1.0], [80, 20])
    labels = np.full(100, np.nan)
    labels[:4], labels[80:90] = [1, 0, 0, 0], [1] * 9 + [0]
    part = PartlyLabelled(scores, labels, np.arange(100), scores.astype(int))
    found = prediction_powered(part, 0.0, 1.0)
    assert found.estimate == pytest.approx(0.8 * 0.25 + 0.2 * 0.9)
    # the design's variance, s^2 1/4 and 1/10, and that of 100 drawn from a population
    design = 0.64 * 0.25 * (1 / 4 - 1 / 80) + 0.04 * 0.1 * (1 / 10 - 1 / 20)
    variance = design + found.estimate * (1 - found.estimate) / 100
    worth = found.estimate * (1 - found.estimate) / variance
    ends = np.array([found.low, found.high])
    away = np.abs(ends - found.estimate) / np.sqrt(ends * (1 - ends) / worth)
    assert away == pytest.approx(away[0])  # as many errors to each side, each as large as there
    assert 1.96 < away[0] < scipy.stats.t.ppf(0.975, 4)


def test_a_stratum_that_is_labelled_whole_needs_no_second_label():
    scores, labels = np.array([0.0] * 6 + [1.0]), np.array([0, 1, 0, 1, np.nan, np.nan, 1])
    part = PartlyLabelled(scores, labels, np.arange(7), scores.astype(int))
    assert prediction_powered(part, 0.0, 1.0).estimate == pytest.approx(6 / 7 * 0.5 + 1 / 7)
    labels[6] = np.nan
    assert prediction_powered(part, 0.0, 1.0).estimate is None


def test_labels_needed_by_hand():
    # of a variance of 1, .2 stay; 100 of 1000: 1 = A (1 / 100 - 1 / 1000) + .2
    found = Corrected(0.5, 0.4, 0.6, 100, n=1000, unavoidable=0.2)
    assert found.labels_needed(0.1) == 100
    # (.08 / .1)^2 less .2 is .44; .44 / .8 x .009 + .001 is .00595
    assert found.labels_needed(0.08) == ceil(1 / 0.00595)
    assert found.labels_needed(0.04) is None  # .16 of the variance: labels for all leave .2


def test_as_many_labels_as_were_needed_give_the_interval():
    rng = np.random.default_rng(4)
    truth = (rng.random(2000) < 0.3) * 1.0
    scores = np.where(rng.random(2000) < 0.8, truth, 1 - truth)

    def first(n):
        return ppi(scores[n:], scores[:n], truth[:n], 0.0, 1.0)

    needed = first(100).labels_needed(0.05)
    assert 150 < needed < 1000
    assert first(needed).half_width == pytest.approx(0.05, rel=0.1)


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
