"""What another scorer would have given: draws from pairs, and the intervals over them."""

import numpy as np
import pytest

from harness.statistics.equating import KNOTS, Curve, Equated, Levels, Pairs, curves, logit
from harness.statistics.maxima import ExpectedMaximum
from harness.statistics.means import Mean, Share
from harness.types.errors import HarnessError
from harness.types.measures import Direction, Metric

METRIC = Metric(0.0, 1.0, Direction.LOWER)


def made(prompts, each, seed, shared=0.3, source=0):
    """Theirs is ours moved by .5 as logits, with noise that a prompt's texts share in part."""
    random = np.random.default_rng(seed)
    codes = np.repeat(np.arange(prompts), each)
    true = random.normal(-1.5, 1, len(codes))
    noise = np.sqrt(shared) * random.standard_normal(prompts)[codes]
    noise += np.sqrt(1 - shared) * random.standard_normal(len(codes))
    ours, theirs = (1 / (1 + np.exp(-v)) for v in (true, true + 0.5 + 0.6 * noise))
    return Pairs(ours, theirs, codes + 1000 * source, np.full(len(codes), source))


def test_a_place_between_two_levels_is_read_between_them():
    quantiles = np.tile(np.arange(3.0)[:, None], (1, 35))
    curve = Curve(np.array([0.0, 2.0, 4.0]), quantiles, 0.0)
    assert curve.at(np.array([-5.0, 1.0, 3.0, 9.0]), np.full(4, 0.5)).tolist() == [0, 0.5, 1.5, 2]


def test_the_interval_is_about_the_stored_value_and_the_plain_statistic_is_not(monkeypatch):
    monkeypatch.setattr("harness.statistics.equating.DRAWS", 40)
    held, plain_off = 0, []
    statistic = ExpectedMaximum(10)
    for seed in range(5):
        texts = made(40, 10, 100 + seed)
        equated = Equated(statistic, made(60, 10, seed), "as theirs", "ours-1")
        stored = statistic.estimate(texts.theirs, texts.prompts, texts.prompts, METRIC).estimate
        given = equated.estimate(texts.ours, texts.prompts, texts.prompts, METRIC)
        plain = statistic.estimate(texts.ours, texts.prompts, texts.prompts, METRIC)
        held += given.low <= stored <= given.high
        plain_off.append(not plain.low <= stored <= plain.high)
        assert (given.n, given.clusters) == (plain.n, plain.clusters)
    assert held >= 4
    assert sum(plain_off) >= 4


@pytest.mark.slow
def test_the_interval_holds_the_stored_value_in_about_95_of_100_draws():
    held = {"maximum": 0, "mean": 0, "share": 0}
    for seed in range(100):
        texts = made(40, 10, 1000 + seed)
        for name, statistic in zip(held, (ExpectedMaximum(10), Mean(), Share(0.5)), strict=True):
            equated = Equated(statistic, made(60, 10, seed), "", "")
            stored = statistic.estimate(texts.theirs, texts.prompts, texts.prompts, METRIC).estimate
            given = equated.estimate(texts.ours, texts.prompts, texts.prompts, METRIC)
            held[name] += given.low <= stored <= given.high
    assert all(90 <= count <= 99 for count in held.values()), held


def test_what_a_prompt_s_texts_share_is_estimated():
    (curve,) = curves(Levels.of(made(200, 8, 1, shared=0.3)), np.ones(1), 1)
    assert curve.shared == pytest.approx(0.3, abs=0.08)
    assert curves(Levels.of(made(200, 8, 1, shared=0.0)), np.ones(1), 1)[0].shared < 0.05


def test_the_source_that_looks_most_like_the_scores_counts_most():
    low, high = made(100, 5, 1), made(100, 5, 2, source=1)
    high = high._replace(ours=1 / (1 + np.exp(-logit(high.ours) - 3)))
    levels = Levels.of(Pairs(*map(np.concatenate, zip(low, high, strict=True))))
    assert levels.mixture(logit(low.ours))[0] > 0.9
    assert levels.mixture(logit(high.ours))[1] > 0.9


def test_missing_scores_stay_missing_and_the_same_scores_give_the_same_interval():
    texts = made(20, 5, 3)
    values = np.where(np.arange(100) % 7 == 0, np.nan, texts.ours)
    equated = Equated(Mean(), made(60, 5, 1), "as theirs", "ours-1")
    first = equated.estimate(values, texts.prompts, texts.prompts, METRIC)
    assert (first.n, first.n_failed) == (100, 15)
    assert first == equated.estimate(values, texts.prompts, texts.prompts, METRIC)
    nothing = equated.estimate(np.full(100, np.nan), texts.prompts, texts.prompts, METRIC)
    assert (nothing.estimate, nothing.low, nothing.worst) == (None, None, 1.0)
    assert equated.name == "mean, as theirs"


def test_too_few_pairs_are_refused():
    with pytest.raises(HarnessError, match=f"too few to equate; at least {10 * KNOTS}"):
        Levels.of(made(10, 5, 1))
