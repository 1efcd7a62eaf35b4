import json

import pytest

from harness import drift
from harness.scorers.rules.guidance import GuidanceScorer
from harness.scorers.rules.refusal import RefusalScorer
from harness.types.errors import HarnessError
from harness.types.measures import Direction, Metric
from harness.types.records import Score
from harness.types.registry import ScorerRegistry


class Counter:
    """Counts words, and forgets how where it is told to."""

    metrics = {"words": Metric(0.0, 500.0, Direction.LOWER)}  # noqa: RUF012
    identity = {"version": "1"}  # noqa: RUF012
    cheap = True

    def __init__(self, off=0.0, lost=False):
        self.off = off
        self.lost = lost

    def score(self, samples, generations):
        return [
            [Score.missing("words", "lost") if self.lost else Score("words", self._count(g.text))]
            for g in generations
        ]

    def _count(self, text):
        return len(text.split()) + (self.off if text.startswith("Hello") else 0.0)


def registry(scorer):
    return ScorerRegistry({"counter": scorer})


def test_there_are_two_hundred_texts_of_their_own():
    rows = drift.anchor_texts()
    assert len(rows) == len({row["id"] for row in rows}) == 200
    assert len({(row["prompt"], row["answer"]) for row in rows}) == 200


@pytest.mark.parametrize(
    ("name", "scorer"), [("refusal", RefusalScorer), ("guidance", GuidanceScorer)]
)
def test_the_scorers_give_what_is_recorded_with_the_project(name, scorer, tmp_path):
    assert drift.check(ScorerRegistry({name: scorer()}), name, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_shift_stops_with_what_it_is(tmp_path):
    assert not drift.check(registry(Counter()), "counter", tmp_path)
    assert drift.check(registry(Counter()), "counter", tmp_path)
    drift.check(registry(Counter(off=0.1)), "counter", tmp_path)  # within floating point's reach
    with pytest.raises(
        HarnessError, match=r"1 of its values .* words of anchor-\d+ was 1 and is 3"
    ):
        drift.check(registry(Counter(off=2.0)), "counter", tmp_path)


def test_a_value_that_is_lost_is_a_shift(tmp_path):
    drift.check(registry(Counter()), "counter", tmp_path)
    with pytest.raises(HarnessError, match=r"200 of its values .* and is missing"):
        drift.check(registry(Counter(lost=True)), "counter", tmp_path)


def test_another_identity_has_a_record_of_its_own(tmp_path):
    drift.check(registry(Counter()), "counter", tmp_path)
    other = Counter(off=2.0)
    other.identity = {"version": "2"}
    assert not drift.check(registry(other), "counter", tmp_path)


def test_a_record_of_other_texts_says_nothing(tmp_path):
    drift.check(registry(Counter()), "counter", tmp_path)
    (path,) = (tmp_path / "anchors").iterdir()
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"texts": "others"}))
    assert not drift.check(registry(Counter(off=2.0)), "counter", tmp_path)


def test_a_damaged_record_is_one_sentence(tmp_path):
    drift.check(registry(Counter()), "counter", tmp_path)
    (path,) = (tmp_path / "anchors").iterdir()
    path.write_text("{")
    with pytest.raises(HarnessError, match="delete it, and it is made anew"):
        drift.check(registry(Counter()), "counter", tmp_path)


def test_a_run_stops_before_its_model_is_asked(harness, tmp_path):
    assert harness("backend=echo", "limit=2", "scorer=[refusal]").returncode == 0
    recorded = tmp_path / "results" / "anchors"
    assert not recorded.exists()  # what comes with the project is record enough
    done = harness("scorer=[refusal]", "record=true", module="harness.drift")
    assert done.returncode == 0, done.stderr
    (path,) = recorded.iterdir()
    content = json.loads(path.read_text())
    content["values"]["refusal"][0] = 1 - content["values"]["refusal"][0]
    path.write_text(json.dumps(content))
    done = harness("backend=echo", "limit=3", "scorer=[refusal]")
    assert done.returncode == 1
    assert "has drifted: 1 of its values" in done.stderr
    assert harness("backend=echo", "limit=2", "scorer=[refusal]").returncode == 0  # as it is stored
