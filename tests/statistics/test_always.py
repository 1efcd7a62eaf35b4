"""Tests that hold at every look: what they are by hand, and that they keep their errors."""

import numpy as np
import pytest

from harness.statistics.always import always_tested, rounds_of
from harness.statistics.differences import LOOKS, NOT_YET, paired
from harness.statistics.paired_data import Scale
from harness.statistics.strata import Design

RANDOM = np.random.default_rng(5)
WORSE = np.clip(RANDOM.normal(0.4, 0.8, 120), -4, 4)
SCALE = Scale(0.25, 4.0)


def capital(shares, mean, upward):
    """What betting on each share in turn makes of 1, written out pair by pair."""
    total, made, spread, sum_of = 1.0, [], 0.25, 0.5
    for t, share in enumerate(shares, 1):
        stake = np.sqrt(2 * np.log(40) / (spread / t * t * np.log1p(t)))
        stake = min(stake, 0.5 / (mean if upward else 1 - mean)) * (1 if upward else -1)
        total *= 1 + stake * (share - mean)
        sum_of += share
        spread += (share - sum_of / (t + 1)) ** 2
        made.append(total)
    return np.array(made)


def test_without_strata_it_is_the_confidence_sequence_at_its_best_moment():
    tested = always_tested(WORSE, None, np.arange(120.0), SCALE)
    shares = (WORSE + 4) / 8
    assert tested.p_worse == pytest.approx(1 / capital(shares, 0.5, True).max())
    within = capital(shares, 4.25 / 8, False).max()
    assert tested.p_margin == pytest.approx(min(1, 1 / within))
    ends = ((tested.low + 4) / 8, (tested.high + 4) / 8)
    for end, upward in zip(ends, (True, False), strict=True):  # just refuted, and just not
        outward = -1e-4 if upward else 1e-4
        assert capital(shares, end + outward, upward).max() >= 40 * (1 - 1e-6)
        assert capital(shares, end - outward, upward).max() < 40


def test_pairs_are_bet_on_in_the_order_in_which_they_came():
    shuffled = RANDOM.permutation(120)
    tested = always_tested(WORSE[shuffled], None, shuffled.astype(float), SCALE)
    assert tested == always_tested(WORSE, None, np.arange(120.0), SCALE)


def test_one_bet_by_hand():
    # Of two pairs +1 of 1: shares 1, stakes sqrt(2 ln 40 / (v t ln(1 + t))) are above 0.5 / 0.5 = 1
    # the most, so each multiplies by 1 + 1 x (1 - 0.5).
    tested = always_tested(np.ones(2), None, np.arange(2.0), Scale(0.5, 1.0))
    assert tested.p_worse == pytest.approx(1 / 1.5**2)
    assert tested.p_margin == 1.0  # the first bet against lost, and so did each after it


def test_rounds_hold_each_stratum_and_bets_count_by_its_share():
    rounds = rounds_of(np.array([0, 0, 1, 0, 0, 1]), np.arange(6.0))
    assert rounds.ends.tolist() == [2, 5]
    assert rounds.starts.tolist() == [0, 0, 0, 3, 3, 3]
    assert rounds.weights.tolist() == [1.0] * 6
    uneven = rounds_of(np.array([0, 1, 1, 1, 0, 1]), np.arange(6.0))  # shares of 1/3 and 2/3
    assert uneven.ends.tolist() == [1, 4]
    # A round of one each: 1 / 3 to 2 / 3, the larger counting 1; one of one and two: all alike.
    assert uneven.weights[:5] == pytest.approx([1 / 2, 1, 1, 1, 1])


def test_strata_of_few_are_taken_together():
    codes = np.array([0] * 60 + [1] * 38 + [2, 3])
    turns = RANDOM.permutation(100).astype(float)
    assert len(rounds_of(codes, turns).ends) > 5
    assert rounds_of(codes, turns).weights.max() == 1.0


def test_bets_over_strata_win_nothing_on_average_where_their_mean_is_zero():
    """Strata at +0.5 and -0.5 in turn: their mean is zero, though each of them is far from it."""
    strata = np.arange(60) % 2
    shifts = np.where(strata == 0, 0.5, -0.5)
    ends = []
    for _ in range(400):
        worse = np.clip(shifts + RANDOM.normal(0, 0.3, 60), -1, 1)
        ends.append(1 / always_tested(worse, strata, np.arange(60.0), Scale(0.2, 1.0)).p_worse)
    assert np.mean(np.array(ends) >= 20) <= 0.05


def test_what_has_no_bound_or_comes_in_clusters_waits_for_the_end():
    turns = np.arange(120.0)
    for design, scale in (
        (Design(np.arange(120), turns=turns), Scale(0.25, np.inf)),
        (Design(np.arange(120), turns=turns), Scale(0.25, 4.0, bounded=False)),
        (Design(np.arange(120) // 2, turns=turns), SCALE),
    ):
        tested = paired(WORSE, design, scale)
        assert (tested.method, tested.p_worse, tested.p_margin) == (NOT_YET, 1.0, 1.0)
        assert tested.high is None


def test_looks_take_a_fifth_of_the_chance_of_an_error():
    design = Design(np.arange(120), turns=np.arange(120.0))
    plain = always_tested(WORSE, None, np.arange(120.0), SCALE)
    assert paired(WORSE, design, SCALE).p_worse == pytest.approx(plain.p_worse / LOOKS)
    assert LOOKS == 0.2


@pytest.mark.slow
def test_errors_hold_and_tokens_are_saved_in_2000_comparisons():
    """The table of docs/gate.md, by `python benchmarks/early_stop.py`."""
    from benchmarks.early_stop import KINDS, measure

    rows = {name: measure(kind, 2000) for name, kind in KINDS.items()}
    assert rows["no difference"]["regression"] <= 0.025
    assert rows["one margin (ratings)"]["pass"] <= 0.03
    assert rows["one margin (rate)"]["pass"] <= 0.03
    assert rows["three margins"]["saved"] >= 0.4
    assert rows["no difference, twice the margins"]["saved"] >= 0.4
