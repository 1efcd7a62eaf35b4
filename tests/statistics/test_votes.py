import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from harness.statistics.votes import Frequencies, MajorityVote
from harness.types.measures import Direction, Metric

OFFSET = Metric(0.0, 25.0, Direction.LOWER)
RATE = Metric(0.0, 1.0, Direction.HIGHER)
NAN = float("nan")


def vote(table, metric=RATE):
    table = np.array(table, dtype=float)
    samples = np.repeat(np.arange(len(table)), table.shape[1])
    return MajorityVote().estimate(table.ravel(), samples, samples, metric)


def test_most_generations_decide():
    row = vote([[0, 0, 1], [0, 1, 1], [2, 2, 0]])
    assert row.estimate == pytest.approx(1 / 3)
    assert (row.n, row.n_scored, row.clusters) == (9, 9, 3)


def test_a_tie_is_shared():
    assert vote([[0, 1], [0, 0]]).estimate == 0.75
    assert vote([[1, 2], [0, 0]]).estimate == 0.5


def test_what_is_missing_could_have_gone_either_way():
    row = vote([[0, 1, NAN, NAN], [NAN, NAN, NAN, NAN]])
    assert row.estimate == 0.5  # a tie, and a sample without a vote
    assert (row.worst, row.best) == (0.0, 1.0)
    assert (row.n, row.n_scored, row.n_failed) == (8, 2, 6)


def test_one_generation_is_the_accuracy_with_wilson_s_interval():
    table = [[0.0]] * 30 + [[1.0]] * 10
    row = vote(table)
    assert row.estimate == 0.75
    assert (row.low, row.high) == pytest.approx(proportion_confint(30, 40, method="wilson"))


def test_frequencies_are_shares_of_all_generations():
    values = np.array([[1, 1], [2, NAN], [4, 1]])
    rows = Frequencies((("A", 1.0), ("B", 2.0), ("C", 3.0)), "letter").compare(
        values, {}, np.arange(3), OFFSET
    )
    assert [rows[c].estimate for c in "ABC"] == pytest.approx([3 / 5, 1 / 5, 0])
    assert (rows["A"].n, rows["A"].n_scored, rows["A"].n_failed) == (6, 5, 1)
    assert (rows["C"].worst, rows["C"].best) == pytest.approx((1 / 6, 0))
