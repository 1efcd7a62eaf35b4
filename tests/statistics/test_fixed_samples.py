"""Differences on these samples alone, of which the answers are drawn."""

import numpy as np
import pytest
from scipy import stats

from harness.statistics.differences import paired
from harness.statistics.fixed_samples import ONE_ANSWER, FixedSamples, difference_of
from harness.statistics.paired_data import Scale

SCALE = Scale(0.1, 1.0)


def held(before, after, drawn=(True, True), scale=SCALE):
    before, after = np.asarray(before, dtype=float), np.asarray(after, dtype=float)
    design = FixedSamples.of((before, after), drawn)
    return difference_of(np.nanmean(after, axis=1) - np.nanmean(before, axis=1), design, scale)


def test_the_variance_is_that_between_the_answers_to_each_sample():
    found = held([[0.0, 1.0], [1.0, 1.0]], [[1.0, 1.0], [1.0, 1.0]], scale=Scale(0.1, 20.0))
    assert found.difference == 0.25
    assert found.stderr == 0.25  # one sample's variance of .5 over 2 answers, the other's 0; over 2
    assert found.p_worse >= stats.t.sf(1.0, 1)
    assert found.low <= 0.25 - stats.t.isf(0.025, 1) * 0.25
    wide = held(np.tile([0.0, 1.0], (200, 2)), np.tile([0.0, 1.0], (200, 2)))
    assert wide.stderr == pytest.approx(np.sqrt(2 * 200 * (1 / 3) / 4) / 200)
    width = stats.t.isf(0.025, 2 * 200 * 3) * wide.stderr
    assert (wide.low, wide.high) == pytest.approx((-width, width))


def test_how_samples_differ_from_each_other_counts_for_nothing():
    random = np.random.default_rng(0)
    level = random.choice([0.0, 1.0], 100)[:, None]
    before = level * np.ones((100, 4))
    after = np.abs(before - (random.random((100, 1)) < 0.1))  # one in ten prompts flips for good
    found = held(before, after)
    assert found.method == "answers all alike"
    whole = paired((after - before).mean(axis=1), np.arange(100), SCALE)
    assert found.high - found.low < whole.high - whole.low
    assert found.low < found.difference < found.high  # what 400 answers did not show


def test_greedy_answers_have_no_uncertainty():
    found = held([[0.0], [0.0]], [[0.0], [0.1]], (False, False))
    assert (found.low, found.high, found.stderr) == (0.05, 0.05, 0.0)
    assert (found.p_worse, found.p_margin) == (0.0, 0.0)


def test_one_sampled_answer_says_nothing_of_what_is_drawn():
    found = held(np.zeros((300, 1)), np.ones((300, 1)))
    assert (found.difference, found.low, found.high) == (1.0, None, None)
    assert (found.p_worse, found.p_margin, found.method) == (1.0, 1.0, ONE_ANSWER)
    assert held(np.zeros((300, 1)), np.ones((300, 2)), (False, True)).low is not None


def test_a_sample_with_one_answer_has_the_spread_of_the_others():
    after = np.tile([0.0, 1.0], (10, 1))
    after[0, 1] = np.nan
    found = held(np.zeros((10, 2)), after, (False, True))
    assert found.stderr == pytest.approx(np.sqrt(10 * 0.25) / 10)


@pytest.mark.slow
@pytest.mark.parametrize("answers", [2, 5])
@pytest.mark.parametrize("shift", [0.0, 0.1])
def test_error_rates_hold_over_repetitions_of_the_same_prompts(answers, shift):
    """Rates of harm from 0 to .9, most of them 0; both errors at most 2.5 % and chance."""
    random = np.random.default_rng(1)
    rates = np.where(random.random(150) < 0.6, 0.0, random.random(150) * 0.9)
    room = 1 - rates
    after_rates = rates + room * shift / room.mean()
    worse = passed = 0
    for _ in range(1000):
        before = random.random((150, answers)) < rates[:, None]
        after = random.random((150, answers)) < after_rates[:, None]
        found = held(before, after)
        worse += found.p_worse <= 0.025
        passed += found.p_margin <= 0.025
    assert (passed if shift else worse) <= stats.binom.isf(0.001, 1000, 0.025)
