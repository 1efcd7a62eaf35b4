"""A model alone under suspicion: Min-k%, and the published order of options."""

import itertools

import numpy as np
import pytest

from harness.evidence.contamination.accused import Likelier, Ordered
from harness.evidence.contamination.orders import (
    chance_of_places,
    listed_in,
    orders_of,
    place_of_first,
    preferred,
)
from harness.evidence.contamination.probable import min_k_of
from harness.evidence.contamination.suspect import Item, Suspicion, items_of_task
from harness.models.echo import EchoModel
from harness.statistics.areas import area_interval
from harness.statistics.likelihood import min_k
from harness.types.errors import HarnessError
from harness.types.records import Message, Sample
from harness.types.settings import GenerationConfig


def test_min_k_is_the_mean_of_the_least_probable_tokens():
    assert min_k([-1.0, -9.0, -2.0, -3.0], 0.5) == -6.0
    assert min_k([-4.0], 0.2) == -4.0  # one token at least
    assert min_k([-1.0, -2.0, -3.0, -4.0, -5.0, -6.0], 0.2) == -5.5


def test_an_area_s_interval_is_where_its_own_standard_error_reaches():
    low, high = area_interval(0.7, 30, 40)
    for end in (low, high):
        extra = (30 + 40) / 2 - 1
        spread = 1 + extra * ((1 - end) / (2 - end) + end / (1 + end))
        error = (end * (1 - end) * spread / 1200) ** 0.5
        assert abs(end - 0.7) / error == pytest.approx(1.959964, abs=1e-4)
    assert area_interval(1.0, 20, 20)[1] == 1.0
    assert area_interval(1.0, 20, 20)[0] < 0.9


@pytest.mark.parametrize("counts", [[2, 3], [4, 4, 2]])
def test_the_chance_of_places_is_that_of_going_through_all_of_them(counts):
    ways = list(itertools.product(*([n / (m - 1) for n in range(m)] for m in counts)))
    for places in ways:
        reached = np.mean([sum(way) >= sum(places) - 1e-9 for way in ways])
        assert chance_of_places(places, counts) == pytest.approx(reached)


def test_a_model_that_knows_no_order_is_accused_as_seldom_as_said():
    """1,000 sets of 40 items whose orders are alike: one in forty is accused."""
    draw = np.random.default_rng(0)
    accused = sum(
        Ordered(list(draw.normal(size=(40, 8))), [str(n) for n in range(40)]).accused
        for _ in range(1000)
    )
    assert accused <= 40


def test_an_area_of_texts_that_are_alike_is_accused_as_seldom_as_said():
    draw = np.random.default_rng(1)
    accused = sum(
        Likelier("x", draw.normal(size=30), draw.normal(size=30), 0.2, (30, 30)).accused
        for _ in range(1000)
    )
    assert accused <= 40


def test_options_are_listed_where_the_prompt_lists_what_the_metadata_name():
    asked = (Message("user", "Which?\nA. one\nB. two\n\nGive its letter."),)
    item = listed_in(Sample("1", asked, metadata={"option_A": "one", "option_B": "two"}))
    assert item is not None
    assert item.text == "Which?\nA. one\nB. two"
    assert listed_in(Sample("1", asked, metadata={"option_A": "one", "option_B": "2"})) is None
    assert listed_in(Sample("1", "Which?")) is None
    orders = orders_of("abc", 99, "seed")
    assert orders[0] == ("a", "b", "c")
    assert sorted(orders) == sorted(itertools.permutations("abc"))


def test_tokens_are_weighed_as_the_text_is(smollm2):
    texts = ["Iron rusts in moist air.", " ", "Gold does not."]
    values, reasons = min_k_of(smollm2, texts, 1.0)
    assert reasons == {1: "empty text"}
    assert np.isnan(values[1])
    from harness.types.records import Request

    requests = [Request("t", "", choices=(texts[0],))]
    ((weighed,),) = smollm2.generate(requests, GenerationConfig(max_new_tokens=1), 0)
    assert values[0] == pytest.approx(weighed.choice_logprobs[0] / weighed.tokens, abs=1e-4)
    assert sum(weighed.choice_steps[0]) == pytest.approx(weighed.choice_logprobs[0])
    item = listed_in(
        Sample("1", "Count.\nA. one\nB. two", metadata={"option_A": "one", "option_B": "two"})
    )
    (orders,) = preferred(smollm2, [item], 8, 0)
    assert len(orders) == 2
    assert place_of_first(orders) in (0.0, 1.0)


def test_a_backend_that_does_not_say_tokens_apart_is_refused():
    with pytest.raises(HarnessError, match="no log-probability of each token"):
        Suspicion(EchoModel("echo")).of([Item("1", "a text", "1")], ["another"])


def test_twins_of_a_task_are_its_items_in_other_words():
    from harness.command import task_of

    items = items_of_task(task_of("chemistry_safety", twins=True))
    assert len(items) == 60
    twins = [item for item in items if item.twin is not None]
    assert len(twins) == 30
    assert all(item.listed is not None for item in twins)
    assert all(item.text.splitlines()[1:] == item.twin.splitlines()[1:] for item in twins)


def test_the_command_refuses_what_it_cannot_do(tmp_path, command):
    (tmp_path / "a.txt").write_text("one text\n")
    name = "harness.evidence.contamination"
    both = command(name, "prompts=a.txt", "corpus=a.txt", "model=echo", cwd=tmp_path)
    assert both.returncode != 0
    assert "or model=MODEL alone" in both.stderr
    share = command(name, "prompts=a.txt", "model=echo", "min_k=0", cwd=tmp_path)
    assert "min_k=0" in share.stderr
