import gzip
import json

import numpy as np
import pytest

from harness.models.echo import EchoModel
from harness.scorers.judged.comparing import Comparer, Contest, preference, swap_statistics
from harness.scorers.reading.winners import chosen
from harness.types.records import Generation


@pytest.mark.parametrize(
    ("text", "winner"),
    [
        ("Output (a)", "first"),
        ("Answer B", "second"),
        ("B", "second"),
        ("**Answer A** is better.", "first"),
        ("The better response is (b).", "second"),
        ("Verdict: tie", "tie"),
        ("Answer A, since Answer B is rude", "the judge names both answers"),
        ("A few words more would have helped.", "the judge names neither answer"),
        ("A thoughtful reply is the second one", "the judge names neither answer"),
        ("Answer: a thoughtful reply is what B gives", "the judge names neither answer"),
        ("A", "first"),
        ("(b) because it is kinder", "second"),
        ("Answer A is worse.", "the judge's words may deny what they name"),
        ("Answer A isn't better.", "the judge names neither answer"),
        ("Answer A is not better.", "the judge's words may deny what they name"),
        ("I cannot say.", "the judge names neither answer"),
        ("", "the judge names neither answer"),
    ],
)
def test_what_a_judge_writes_is_read_or_said_to_be_unread(text, winner):
    assert chosen(text) == winner


def test_a_verdict_that_place_decides_is_a_tie_and_never_a_win():
    both_first = preference("first", "first")
    assert (both_first.winner, both_first.consistent) == ("tie", False)
    held = preference("first", "second")
    assert (held.winner, held.consistent) == ("first", True)


def test_an_order_without_a_verdict_leaves_none():
    lost = preference("first", "the judge names neither answer")
    assert lost.winner is None
    assert lost.error == "no verdict: the judge names neither answer"


def test_a_judge_that_always_says_the_first_prefers_nothing():
    judge = EchoModel(answer="Answer A", weighs_choices=False)
    contests = [Contest("Which?", "this", "that")] * 3
    found = Comparer(judge, "Better is what helps more.").compare(contests)
    assert [p.winner for p in found] == ["tie"] * 3
    told = swap_statistics(found)
    assert (told.consistent, told.first_place, told.n_missing) == (0.0, 1.0, 0)
    assert np.isnan([told.correct_asked, told.correct_swapped, told.correct_both]).all()


def test_no_verdicts_have_no_statistics():
    told = swap_statistics([preference("what?", "first")], ["first"])
    assert (told.n, told.n_missing) == (1, 1)
    assert np.isnan([told.consistent, told.kappa, told.first_place, told.correct_both]).all()


class Longer:
    """Weighs the answer that is longer as the better one, wherever it stands."""

    weighs_choices = True
    name = "longer"
    identity = {"name": "longer"}  # noqa: RUF012

    def generate(self, requests, generation, seed):
        for request in requests:
            text = request.prompt[1].content
            first, second = text.split("Answer A:")[1].split("Answer B:")
            weights = (
                (-0.1, -3.0) if len(first) > len(second.split("What stands")[0]) else (-3, -0.1)
            )
            yield [Generation(request.sample_id, 0, None, "choices", choice_logprobs=weights)]


def test_weighed_letters_decide_in_both_orders():
    contests = [Contest("?", "a " * 30, "b"), Contest("?", "a", "b " * 30)]
    found = Comparer(Longer(), "Longer is better.").compare(contests)
    assert [p.winner for p in found] == ["first", "second"]
    assert swap_statistics(found, ["first", "first"]).correct_both == 0.5


def test_statistics_by_hand():
    found = [
        preference("first", "second"), preference("first", "first"), preference("second", "first"),
        preference("second", "what?"),
    ]  # fmt: skip
    told = swap_statistics(found, ["first", "first", "first", "first"])
    assert (told.n, told.n_missing) == (4, 1)
    assert told.consistent == pytest.approx(2 / 3)
    # asked 1 1 2, swapped 1 2 2: observed 2/3, chance (2*1 + 1*2) / 9
    assert told.kappa == pytest.approx((2 / 3 - 4 / 9) / (1 - 4 / 9))
    assert told.first_place == pytest.approx((1 + 1 + 0 + 0 + 1 + 1) / 6)
    assert told.correct_asked == pytest.approx(2 / 3)
    assert told.correct_both == pytest.approx(1 / 3)


@pytest.mark.parametrize("judge", ["GPT-4", "ChatGPT"])
def test_the_published_statistics_of_llmbar_come_out(shared_data, judge):
    folder = shared_data / "llmbar"
    with gzip.open(folder / f"Natural__{judge}_Vanilla__result.json.gz", "rt") as file:
        rows = json.load(file)
    published = json.loads((folder / f"Natural__{judge}_Vanilla__statistics.json").read_text())
    found, gold = [], []
    for row in rows:
        (both,) = row["results"]
        said = [chosen(both[f"swap = {order}"]["completion"][0]) for order in (False, True)]
        found.append(preference(*said))
        gold.append("first" if row["label"] == 1 else "second")
    told = swap_statistics(found, gold)
    share = {
        name: float(published[name].split("=")[1].strip(" %")) / 100
        for name in ("correct_False", "correct_True", "correct_both", "equal")
    }
    assert told.n_missing == 0
    assert told.correct_asked == pytest.approx(share["correct_False"])
    assert told.correct_swapped == pytest.approx(share["correct_True"])
    assert told.correct_both == pytest.approx(share["correct_both"])
    assert told.consistent == pytest.approx(share["equal"])
    assert told.kappa == pytest.approx(published["kappa_agreement"])
    assert not np.isclose(told.first_place, 0.5, atol=1e-9) or judge == "GPT-4"
