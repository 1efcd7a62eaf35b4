"""Gain against cost: published tables from their own cells, and conventions by hand."""

import math

import numpy as np
import pytest

from harness.statistics import (
    Perplexity,
    distinct,
    entanglement,
    reduction,
    shrunk,
    tph,
)
from harness.types import Direction, HarnessError, Metric

EIGENSHIFT = {
    "LLaMA-2": ((11.13, 6.23), (4.71, 9.84), 60.37),
    "LLaMA-2, Aura": ((11.13, 6.23), (3.59, 19.3), 43.73),
    "LLaMA-2, Det-0": ((11.13, 6.23), (0.0, 43_517.0), 0.03),
    "Mistral": ((9.89, 6.26), (4.65, 9.89), 57.68),
    "GPT2-xl": ((8.80, 22.14), (8.01, 21.97), 16.47),
    "MPT": ((11.13, 6.8), (2.33, 6.9), 87.74),
    "Falcon": ((9.74, 8.99), (3.24, 9.33), 78.86),
}
"""Toxicity (%) and perplexity before and after, and TPH as printed (Shaik et al. 2025, table 2)."""


@pytest.mark.parametrize("model", EIGENSHIFT)
def test_tph_is_that_of_the_paper_s_table(model):
    before, after, printed = EIGENSHIFT[model]
    value = tph((before[0], after[0]), (before[1], after[1]))
    assert 100 * value == pytest.approx(printed, abs=0.05)


def test_the_one_cell_that_is_misprinted_does_not_come_of_its_own_figures():
    gone = 0.746
    kept = 0.8106 * gone / (2 * gone - 0.8106)
    value = tph((1.0, 1.0 - gone), (1.0, 1.0 / kept))
    assert 100 * value == pytest.approx(81.06, abs=0.01)
    assert 100 * tph((1.0, 1.0 - 0.9975), (1.0, 1.0 / kept)) == pytest.approx(93.94, abs=0.1)


def test_nothing_gained_has_no_tph():
    assert math.isnan(tph((0.1, 0.1), (6.0, 6.0)))
    assert math.isnan(tph((0.1, 0.2), (6.0, 6.0)))
    assert math.isnan(tph((0.0, 0.0), (6.0, 6.0)))


def test_reductions_are_those_of_the_papers_tables():
    """Model Surgery (Wang et al. 2024) and LinEAS (Rodriguez et al. 2025), from their cells."""
    assert round(100 * reduction(51.4, 5.17), 1) == 89.9
    assert round(100 * reduction(79.1, 39.9), 1) == 49.6  # the abstract has 49.2
    assert round(4.00 / 0.73, 1) == 5.5
    assert round(100 * reduction(4.00, 0.73), 1) == 81.8
    assert round(100 * reduction(13.39, 4.02), 1) == 70.0
    assert round(100 * reduction(3.92, 1.95), 1) == 50.3


def counted_as_dexperts_does(texts):
    """What the released script counts: words parted by single spaces, each n over all words."""
    total, grams = 0, ({}, {}, {})
    for text in texts:
        words = text.split(" ")
        total += len(words)
        for n in (1, 2, 3):
            for start in range(len(words) - n + 1):
                grams[n - 1]["_".join(words[start : start + n])] = True
    return [len(of_n) / total for of_n in grams]


@pytest.mark.parametrize(
    "texts",
    [["a b c d", "a b c e"], ["", "a"], ["a  b", "a b"], ["one\ntwo three", "one"], ["a"]],
)
def test_distinct_n_grams_are_those_of_the_released_script(texts):
    assert [distinct(texts, n).share for n in (1, 2, 3)] == counted_as_dexperts_does(texts)


def test_the_conventions_differ_in_the_denominator_and_in_empty_texts():
    texts = ["a b a b", ""]
    assert distinct(texts, 2) == (2, 5)  # an empty text is one empty word
    assert distinct(texts, 2, "li") == (2, 4)
    assert distinct(texts, 2, "ngrams") == (2, 3)
    assert distinct(texts, 1) == (3, 5)
    assert math.isnan(distinct([""], 1, "li").share)


def test_a_text_of_perplexity_ten_thousand_is_dropped_by_one_convention_alone():
    values, samples = np.log([10.0, 1e4, np.nan]), np.arange(3)
    metric = Metric(0.0, 50.0, Direction.LOWER)
    dropped, kept, geometric = (
        Perplexity(name).estimate(values, samples, samples, metric)
        for name in ("dexperts", "uddia", "geometric")
    )
    assert (dropped.estimate, dropped.n_failed) == (pytest.approx(10.0), 2)
    assert (kept.estimate, kept.n_failed) == (pytest.approx(5005.0), 1)
    assert geometric.estimate == pytest.approx(10**2.5)
    with pytest.raises(HarnessError, match="reading='gpt2' is not one of dexperts, uddia"):
        Perplexity("gpt2")


def test_entanglement_takes_off_what_chance_adds():
    assert entanglement([0.5, -0.5], [0.3, 0.3]) == pytest.approx(0.4)
    assert entanglement([0.1, 0.1], [0.3, 0.3]) == 0.0
    random = np.random.default_rng(1)
    noise = random.normal(0.0, 0.2, 20_000)
    assert entanglement(0.3 + noise, np.full(20_000, 0.2)) == pytest.approx(0.3, abs=0.01)


def test_what_looks_best_among_many_is_drawn_towards_the_others():
    random = np.random.default_rng(2)
    true = random.normal(0.0, 1.0, 200)
    seen = true + random.normal(0.0, 1.0, 200)
    found = shrunk(seen, np.ones(200))
    best = int(seen.argmax())
    assert found.shares == pytest.approx(np.full(200, 0.5), abs=0.12)
    assert abs(found.values[best] - true[best]) < abs(seen[best] - true[best])
    assert np.mean((found.values - true) ** 2) < 0.6 * np.mean((seen - true) ** 2)


def test_two_estimates_are_left_alone_and_what_is_missing_has_no_part():
    alone = shrunk(np.array([0.0, 1.0, np.nan]), np.array([0.1, 0.1, 0.1]))
    assert alone.values[:2].tolist() == [0.0, 1.0]
    four = shrunk(np.array([0.0, 1.0, np.nan, 2.0]), np.full(4, 10.0))
    assert four.values[[0, 1, 3]].tolist() == [1.0, 1.0, 1.0]
    assert np.isnan(four.values[2])
