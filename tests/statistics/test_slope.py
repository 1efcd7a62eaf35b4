"""Slopes along turns, worked by hand."""

import numpy as np
import pytest

from harness.statistics import Slope
from harness.types.measures import Direction, Metric

SHARE = Metric(0.0, 1.0, Direction.LOWER)


def slope(values, turns, clusters, metric=SHARE):
    rows = np.array(values, dtype=float).reshape(len(turns), -1)
    return Slope("turn").compare(rows, {"turn": turns}, clusters, metric)["all"]


def test_the_slope_is_that_of_least_squares_within_each_cluster():
    values, turns = [0.0, 0.2, 0.1, 0.7, 0.9], [1, 2, 3, 4, 5]
    fitted = slope(values, turns, ["a"] * 5)
    assert fitted.estimate == pytest.approx(np.polyfit(turns, values, 1)[0])
    assert (fitted.stderr, fitted.clusters, fitted.n, fitted.n_failed) == (None, 1, 5, 0)


def test_what_makes_clusters_differ_drops_out():
    """Slopes .1 and .3, whatever the level: mean .2, standard error .1, t with one degree."""
    found = slope([0.0, 0.1, 0.2, 0.3, 0.6, 0.9], [1, 2, 3] * 2, list("aaabbb"))
    assert (found.estimate, found.stderr) == (pytest.approx(0.2), pytest.approx(0.1))
    assert found.high == pytest.approx(0.5)  # no slope over three turns in 0 to 1 is steeper
    assert found.low == pytest.approx(-0.5)


def test_slopes_that_are_all_alike_are_not_certain():
    found = slope([0.0] * 6, [1, 2, 3] * 2, list("aaabbb"))
    assert found.estimate == 0
    assert found.low < 0 < found.high


def test_missing_values_tilt_the_slope_to_both_ends():
    """Turns 1 to 3 weigh -.5, 0 and .5: the last, missing, is 0 or 1."""
    found = slope([0.5, 0.5, np.nan], [1, 2, 3], ["a"] * 3)
    assert found.estimate == 0
    assert (found.worst, found.best) == (pytest.approx(0.25), pytest.approx(-0.25))
    better = slope([0.5, 0.5, np.nan], [1, 2, 3], ["a"] * 3, Metric(0.0, 1.0, Direction.HIGHER))
    assert (better.worst, better.best) == (pytest.approx(-0.25), pytest.approx(0.25))
    assert (found.n, found.n_scored, found.n_failed) == (3, 2, 1)


def test_a_cluster_with_one_turn_has_no_slope():
    alone = slope([0.5, np.nan], [1, 2], ["a"] * 2)
    assert (alone.estimate, alone.worst, alone.best) == (None, 0.5, -0.5)
    single = slope([0.5], [1], ["a"])
    assert (single.estimate, single.worst, single.best) == (None, None, None)
    assert slope([0.5, 0.0, 1.0], [1, 1, 2], list("abb")).estimate == 1.0


def test_generations_of_a_turn_count_by_their_mean():
    assert slope([[0.0, 1.0], [1.0, 1.0]], [1, 2], ["a", "a"]).estimate == pytest.approx(0.5)
