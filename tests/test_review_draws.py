"""Draws for people that tell more where labels tell more, and when there are enough."""

import csv
import json
import math

import numpy as np
import pyarrow as pa
import pytest

from harness.review.console import _advice
from harness.review.drawing import draw
from harness.review.reading import read_back
from harness.review.review import Review
from harness.review.strata import Strata, allocated
from harness.statistics.means import Mean
from harness.store.facts import Facts
from harness.store.finished import FinishedRun
from harness.types.errors import HarnessError
from harness.types.measures import Direction, Estimand, Metric

SHARE = Metric(0.0, 1.0, Direction.LOWER)


class Run:
    """As much of a finished run as a review asks for."""

    name = "made"
    metrics = {"harm": SHARE}  # noqa: RUF012

    def __init__(self, folder):
        self.folder = folder

    rubric = FinishedRun.rubric

    @property
    def info(self):
        return type("Info", (), {"rubrics": {"harm": ""}})


@pytest.fixture
def review(tmp_path):
    """200 answers, of which 20 are scored 1."""
    ids = [f"s{i}" for i in range(200)]
    samples = pa.table({"sample_id": ids, "cluster": ids, "prompt": ids})
    keys = [(name, 0) for name in ids]
    scores = {key: float(place < 20) for place, key in enumerate(keys)}
    headline = (Estimand("harmful", "harm", Mean()),)
    facts = Facts.of_table(samples, [])
    return Review(
        Run(tmp_path), "harm", headline, dict(zip(ids, ids, strict=True)), facts, scores,
        dict(zip(keys, ids, strict=True)),
    )  # fmt: skip


def label(review, path, truth):
    """A sheet as a person fills it in who sees the truth."""
    items = json.loads((review.folder / "key.json").read_text())["items"]
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["item", "label"])
        writer.writerows((item, truth[tuple(key)]) for item, key in items.items())
    return path


def test_high_scores_are_drawn_more_often_with_a_chance_that_is_kept(review):
    drawn = draw(review, 40, 0, "score")
    key = json.loads((review.folder / "key.json").read_text())
    scores = np.array([review.scores[tuple(key["items"][item])] for item in drawn])
    # 180 x sqrt(.05 .95) = 39.2 to 20 x sqrt(.5 .5) = 10
    assert ((scores == 0).sum(), (scores == 1).sum()) == (32, 8)
    chances = [8 / 20 if score else 32 / 180 for score in scores]
    assert [key["chances"][item] for item in drawn] == pytest.approx(chances)
    assert (key["draw"], key["cuts"]) == ("score", [1.0])


def test_more_is_drawn_where_a_label_is_least_foreseen():
    # sqrt(.05 .95) = .218 and sqrt(.5 .5) = .5 an answer: 19.6 to 5 of 100
    assert allocated([90, 10], [0.0, 0.5], 50) == [40, 10]
    assert allocated([900, 100], [0.0, 0.5], 50) == [40, 10]
    assert allocated([100, 100], [0.2, 0.5], 90) == [40, 50]
    assert allocated([90, 10], [0.0, 1.0], 50) == [40, 10]  # a sure scorer may be wrong


@pytest.mark.parametrize("n", range(6, 40))
def test_a_larger_draw_by_score_has_as_many_of_each_stratum(n):
    fewer, more = (allocated([60, 30, 9], [0.1, 0.4, 0.8], k) for k in (n, n + 1))
    assert sum(more) == sum(fewer) + 1
    assert all(b >= a for a, b in zip(fewer, more, strict=True))


def test_a_larger_draw_by_score_holds_a_smaller_one(review):
    few = draw(review, 20, 0, "score")
    assert set(few) < set(draw(review, 60, 0, "score"))


def test_labels_are_weighed_by_the_inverse_of_their_chance(review, tmp_path):
    draw(review, 50, 0, "score")
    key = json.loads((review.folder / "key.json").read_text())
    truth = {key: int(score > 0) for key, score in review.scores.items()}
    reviewed = read_back(review, [label(review, tmp_path / "anna.csv", truth)], 0.01)
    (row,) = reviewed.corrected.to_pylist()  # Rogan and Gladen's would need an even draw
    chances = np.array(list(key["chances"].values()))
    labels = np.array([truth[tuple(of)] for of in key["items"].values()])
    assert labels.mean() > 0.15
    assert (labels / chances).sum() / 200 == pytest.approx(0.1)
    assert row["corrected"] == pytest.approx(0.1)
    assert (row["draw"], row["method"]) == ("score", "prediction-powered")
    assert "answers with high scores were drawn more often" in reviewed.notes[0]
    table = (review.folder / "labels.csv").read_text()
    assert "chance" in table.partition("\n")[0]


def test_another_design_does_not_overwrite_what_people_work_on(review):
    draw(review, 10, 0)
    with pytest.raises(HarnessError, match="holds a draw with draw=random"):
        draw(review, 10, 0, "score")


@pytest.mark.parametrize(
    ("n", "design", "sentence"),
    [(3, "score", "n=3 must be at least 4: two of each of 2 strata"),
     (30, "best", "draw='best' is none of random, score")],
)  # fmt: skip
def test_a_draw_that_cannot_be_is_one_sentence(review, n, design, sentence):
    with pytest.raises(HarnessError, match=sentence):
        draw(review, n, 0, design)


def test_scores_of_many_values_are_cut_towards_what_is_bad():
    scores = np.arange(100.0) / 100
    assert Strata.by("score", scores, SHARE).cuts == pytest.approx([0.495, 0.792])
    better = Metric(0.0, 1.0, Direction.HIGHER)
    assert Strata.by("score", scores, better).cuts == pytest.approx([0.198, 0.495])
    numbers = Strata.by("score", scores, SHARE).of(np.array([0.1, 0.6, 0.9, math.nan]))
    assert numbers.tolist() == [0, 1, 2, 3]
    assert Strata.by("random", scores, SHARE).of(scores).max() == 0


def test_scores_that_are_all_alike_leave_an_even_draw():
    assert Strata.by("score", np.zeros(9), SHARE).even
    assert not Strata.by("score", np.array([0.0, 1.0]), SHARE).even


def test_a_draw_of_an_earlier_version_was_even():
    assert Strata.read({"seed": 0}) == Strata("random", ())


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({}, "harmful (mean): half-width 0.080, wanted 0.05: about 130 labels are needed; draw "
             "with n=163"),
        ({"needed": 50}, "harmful (mean): half-width 0.080, wanted 0.05: stop, the labels are "
                         "enough"),
        ({"needed": None}, "harmful (mean): half-width 0.080, wanted 0.05: labels for all 900 "
                           "would not give it"),
        ({"reason": "too few", "half_width": None}, "harmful (mean): no interval, too few; draw "
                                                    "more"),
    ],
)  # fmt: skip
def test_it_says_when_labels_are_enough(change, sentence):
    row = {
        "name": "harmful", "statistic": "mean", "wanted": 0.05, "half_width": 0.08, "needed": 130,
        "reason": None, "method": "prediction-powered", "n_labelled": 80, "n_scored": 900,
    }  # fmt: skip
    assert _advice([row | change], 100) == [sentence]


def test_a_wanted_width_of_nothing_is_one_sentence(harness):
    done = harness("run=x", "half_width=0", module="harness.review")
    assert "half_width=0.0 must be above zero" in done.stderr
    assert done.stderr.count("\n") == 1
