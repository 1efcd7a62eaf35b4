"""Sampling keyed by request: what is drawn, from what, and on what it depends."""

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from transformers import (
    LogitsProcessorList,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from harness.models.hf.sampling import choose, uniforms
from harness.types.settings import GenerationConfig


def warped(logits, settings):
    """The distribution as transformers warps it."""
    warpers = LogitsProcessorList([TemperatureLogitsWarper(settings.temperature)])
    if settings.top_k:
        warpers.append(TopKLogitsWarper(settings.top_k))
    if settings.top_p < 1:
        warpers.append(TopPLogitsWarper(settings.top_p))
    return warpers(None, logits).softmax(-1)


@pytest.mark.parametrize("n", [1_500, pytest.param(20_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "settings",
    [
        GenerationConfig(temperature=1.0),
        GenerationConfig(temperature=0.7, top_p=0.9),
        GenerationConfig(temperature=1.5, top_k=20),
        GenerationConfig(temperature=1.2, top_k=50, top_p=0.8),
        GenerationConfig(temperature=1.0, top_p=0.0001),
        # Flat enough that the nucleus is beyond the first and the second look.
        GenerationConfig(temperature=3.0, top_p=0.6),
        GenerationConfig(temperature=100.0, top_p=0.97),
    ],
)
def test_draws_follow_the_distribution_that_transformers_warps(settings, n):
    logits = torch.randn(1, 9_000, generator=torch.Generator().manual_seed(1)) * 3
    expected = warped(logits.double(), settings)[0].numpy()
    draws = torch.tensor(uniforms(0, "a", 0, n))
    chosen = np.concatenate(
        [
            choose(logits.repeat(len(some), 1), settings, some).numpy()
            for some in draws.float().split(500)
        ]
    )
    assert set(chosen) <= set(np.flatnonzero(expected))
    # Cells of an expected count of five and more; the rest together.
    order = np.argsort(-expected)
    cells = np.minimum(np.cumsum(expected[order]) * 40, 39.999).astype(int)
    cell_of = np.empty(len(order), int)
    cell_of[order] = cells
    seen = np.bincount(cell_of[chosen], minlength=40)
    wanted = np.bincount(cell_of, weights=expected, minlength=40) * n
    some = wanted > 0
    assert len(wanted[some]) == 1 or chisquare(seen[some], wanted[some]).pvalue > 1e-4


def test_rows_do_not_change_each_other():
    settings = GenerationConfig(temperature=1.0, top_p=0.95)
    generator = torch.Generator().manual_seed(2)
    # From sure to flat: each row leaves the search for its nucleus at another look.
    logits = torch.randn(12, 9_000, generator=generator) * torch.logspace(-1, 1.5, 12)[:, None]
    draws = torch.rand(12, generator=generator)
    together = choose(logits, settings, draws)
    alone = [choose(logits[i : i + 1], settings, draws[i : i + 1]) for i in range(12)]
    assert torch.equal(together, torch.cat(alone))


@pytest.mark.parametrize("draw", [0.0, 1 - 2**-24, 1.0])
@pytest.mark.parametrize(
    "settings",
    [GenerationConfig(temperature=1.0, top_p=p, top_k=k) for p in (1.0, 0.9) for k in (0, 2)],
)
def test_a_token_of_no_probability_is_never_drawn(draw, settings):
    logits = torch.tensor([[-torch.inf, 2.0, 1.0, 2.0, -torch.inf]])
    assert choose(logits, settings, torch.tensor([draw])).item() in {1, 3, 2}


def test_temperature_0_takes_the_most_probable_token():
    logits = torch.tensor([[0.0, 3.0, 1.0], [5.0, 3.0, 1.0]])
    assert choose(logits, GenerationConfig(), torch.tensor([0.99, 0.99])).tolist() == [1, 0]


def test_draws_are_keyed_by_seed_sample_and_index():
    keys = [(s, k, i) for s in (0, 1) for k in ("a", "b") for i in (0, 1)]
    draws = np.array([uniforms(*key, 8) for key in keys])
    assert len(np.unique(draws)) == draws.size
    assert np.array_equal(uniforms(0, "a", 0, 8), uniforms(0, "a", 0, 20)[:8])


def test_draws_are_those_that_runs_were_made_with():
    # A change would sample other answers under the same identity.
    assert uniforms(0, "a", 0, 2).tolist() == [0.6331519555822221, 0.3319761713853606]
