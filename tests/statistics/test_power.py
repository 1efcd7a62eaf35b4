"""What a comparison could show, before it is made."""

import numpy as np
import pytest
from scipy import stats

from harness.statistics.differences import paired
from harness.statistics.paired_data import Scale
from harness.statistics.power import could_show, spread_of
from harness.statistics.strata import Design

NEEDED = stats.norm.isf(0.025) + stats.norm.ppf(0.8)


def test_the_worst_of_a_scale_is_half_that_gets_worse_and_half_that_gets_better():
    assert could_show(Design(np.arange(400)), 4.0, None) == pytest.approx(NEEDED * 4 / 20)
    in_tens = could_show(Design(np.arange(400) // 10), 4.0, None)
    assert in_tens == pytest.approx(NEEDED * 4 / np.sqrt(40))


def test_few_clusters_take_students_t_and_lose_a_degree_a_stratum():
    clusters = np.arange(20)
    t = stats.t.isf(0.025, 18) + stats.norm.ppf(0.8)
    found = could_show(Design(clusters, clusters % 2), 100.0, 1.0)
    assert found == pytest.approx(max(t / np.sqrt(20), 100 * (0.025 ** (-1 / 20) - 1)))


def test_what_may_stay_unseen_cannot_be_shown():
    share = 1 - 0.025 ** (1 / 50)
    assert could_show(Design(np.arange(50)), 1.0, 0.0) == pytest.approx(share / (1 - share))
    assert could_show(Design(np.zeros(50)), 1.0, 0.1) == 1.0


def test_a_difference_of_that_size_is_shown_four_times_in_five():
    random = np.random.default_rng(0)
    pilot = random.normal(0.5, 0.1, 300)
    design = Design(np.arange(200))
    shift = could_show(design, 1.0, spread_of(pilot, Design(np.arange(300)), 1.0))
    sides = random.normal(0.5, 0.1, (2, 400, 200))
    shown = [
        paired(after - before + shift, design, Scale(shift, 1.0), resamples=199).p_worse <= 0.025
        for before, after in zip(*sides, strict=True)
    ]
    assert np.mean(shown) == pytest.approx(0.8, abs=0.08)
