"""What is left of facts that were to be forgotten, as TOFU sees it."""

import json
from collections import Counter

import pytest

from harness.types import HarnessError
from tasks.tofu import Tofu


def samples(**options):
    task = Tofu(**options)
    return list(task.samples(task.records()))


def test_each_question_is_asked_in_three_ways_and_held_out_authors_only_where_wanted():
    counts = Counter(s.metadata["cell"] for s in samples())
    assert counts == {
        f"{part}, {measure}": n
        for part, n in (("forget", 120), ("retain", 360), ("real_authors", 50), ("world_facts", 60))
        for measure in ("probability", "words", "truth")
    }
    assert len(samples(parts=["holdout"])) == 3 * (120 + 110)


def test_right_answers_stand_first_and_wrong_ones_where_they_are_weighed_against():
    asked = {(s.id): s for s in samples()}
    own = next(s for s in asked.values() if s.metadata["cell"] == "forget, truth")
    base = own.id.removesuffix("-truth")
    assert len(own.choices) == 6
    assert asked[f"{base}-probability"].choices == (own.target,)
    assert asked[f"{base}-words"].choices == ()
    world = asked["w01-probability"]
    assert world.choices[0] == world.target == "Paris"
    assert asked["w01-truth"].choices == world.choices  # it has no paraphrase, as TOFU's has none


def test_utility_has_nine_parts_and_what_is_forgotten_is_none_of_them():
    within = {s.metadata["cell"] for s in samples() if s.metadata["in_utility"]}
    assert len(within) == 9
    assert not any("forget" in cell for cell in within)


def test_data_that_cannot_be_asked_is_refused(tmp_path):
    with pytest.raises(HarnessError, match="must be some of forget, retain, holdout"):
        Tofu(parts=["x"])
    for row, said in (
        ({"part": "x"}, "part is 'x'"),
        ({"part": "forget", "question": "?", "answer": "a", "perturbed_answer": []}, "no list"),
        ({"part": "forget", "question": "?", "answer": "a", "perturbed_answer": "b"}, "no list"),
    ):
        file = tmp_path / "rows.jsonl"
        file.write_text(json.dumps(row), encoding="utf-8")
        with pytest.raises(HarnessError, match=said):
            samples(data=str(file))
    with pytest.raises(HarnessError, match=r"task.reference='none' has no run.json"):
        _ = Tofu(reference="none").estimands
