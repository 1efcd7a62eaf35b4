"""Evidence that holds at all times: bets by hand, validity under looking, and what it finds."""

import numpy as np
import pytest

from harness.statistics.sequences import capital, e_value, evidence


def test_a_bet_by_hand():
    """Stakes sqrt(2 ln 40 / (v t ln(1 + t))) with v = .25, then (.25 + .0625) / 2, capped at 1."""
    gained = capital(np.array([1.0, 1.0]), np.array([0.5]), upward=True)
    assert gained[:, 0] == pytest.approx([1.5, 2.25])  # both stakes are cut to .5 / .5 = 1
    lost = capital(np.array([0.0, 1.0]), np.array([0.5]), upward=True)
    assert lost[:, 0] == pytest.approx([0.5, 0.75])


def test_the_evidence_of_downward_bets_mirrors_that_of_upward_ones():
    values = np.random.default_rng(0).random(50)
    up = capital(values, np.array([0.3]), upward=True)
    down = capital(1 - values, np.array([0.7]), upward=False)
    assert up == pytest.approx(down)


def test_the_interval_only_narrows_and_holds_what_is_there():
    differences = np.random.default_rng(1).normal(0.2, 0.5, 400).clip(-4, 4)
    found = evidence(differences, 0.25, 4.0)
    assert (np.diff(found.low) >= 0).all()
    assert (np.diff(found.high) <= 0).all()
    assert found.low[-1] < 0.2 < found.high[-1]
    assert found.high[-1] - found.low[-1] < 0.4


def test_an_e_value_is_one_at_most_on_average_where_nothing_differs():
    random = np.random.default_rng(2)
    drawn = [e_value(random.choice([-1.0, 0.0, 0.0, 1.0], 60), 1.0) for _ in range(2000)]
    assert np.mean(drawn) <= 1.0 + 3 * np.std(drawn) / 2000**0.5


def test_missing_pairs_have_no_part_in_an_e_value():
    values = np.array([1.0, 0.0, 1.0, 1.0])
    with_missing = np.array([1.0, np.nan, 0.0, 1.0, 1.0])
    assert e_value(with_missing, 1.0) == e_value(values, 1.0)
    assert e_value(np.array([np.nan]), 1.0) == 1.0


@pytest.mark.slow
@pytest.mark.parametrize(("difference", "name"), [(0.0, "worse"), (0.25, "within")])
def test_looking_after_each_pair_refutes_what_is_true_once_in_40_at_the_most(difference, name):
    random, false = np.random.default_rng(3), 0
    for _ in range(2000):
        changed = random.random(300) < 0.2
        by = random.choice([-4.0, -1.0, 1.0, 4.0], 300) * changed
        worse = random.random(300) < difference / 4
        found = evidence(np.where(worse, 4.0, by * (~worse)), 0.25, 4.0)
        false += bool((getattr(found, name) >= 40).any())
    assert false / 2000 <= 0.025 + 2 * (0.025 / 2000) ** 0.5
