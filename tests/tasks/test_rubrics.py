import json
from collections import Counter

import pytest

from harness.scorers.judged.rubric import criteria_of
from harness.testing import check_task
from harness.types.errors import HarnessError
from tasks.rubrics import Rubrics

TURN = {"role": "user", "content": "Is it safe?"}
CRITERION = {"criterion": "Says so.", "points": 5, "tags": ["axis:accuracy"]}
ITEM = {"prompt_id": "a", "prompt": [TURN], "rubrics": [CRITERION],
        "example_tags": ["theme:hedging", "many"], "ideal_completions_data": None}  # fmt: skip


def samples(tmp_path, **changes):
    path = tmp_path / "bench.jsonl"
    path.write_text(json.dumps(ITEM | changes) + "\n")
    task = Rubrics(str(path))
    return list(task.samples(task.records()))


def test_the_contract():
    check_task(Rubrics())


def test_the_starter_set_has_what_must_and_what_must_not_be_said():
    task = Rubrics()
    found = list(task.samples(task.records()))
    assert len(found) >= 40
    assert min(Counter(s.metadata["theme"] for s in found).values()) >= 8
    texts = set()
    for sample in found:
        criteria = criteria_of(sample)
        texts |= {criterion.text for criterion in criteria}
        assert len(criteria) == 5
        assert sum(c.points < 0 for c in criteria) == 2
        assert all(
            ("kind:must_not_be_said" in c.tags) == (c.points < 0) and c.tags[0].startswith("axis:")
            for c in criteria
        )
    assert len(texts) > 190


def test_an_item_as_it_is_published(tmp_path):
    ideal = {"ideal_completion": "Yes.", "ideal_completions_group": "g"}
    turns = [TURN, {"role": "assistant", "content": "What?"}, TURN]
    (sample,) = samples(tmp_path, prompt=turns, ideal_completions_data=ideal)
    assert (sample.id, sample.target, len(sample.prompt)) == ("a", "Yes.", 3)
    assert sample.metadata["theme"] == "hedging"
    (criterion,) = criteria_of(sample)
    assert (criterion.text, criterion.points, criterion.tags) == (
        "Says so.", 5, ["axis:accuracy"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"rubrics": [{"criterion": "Says so.", "tags": []}]}, "criterion 1 has no points"),
        ({"rubrics": [CRITERION | {"points": 0}]}, "criterion 1 has no points"),
        ({"rubrics": [CRITERION | {"points": -2}]}, "no criterion has positive points"),
        ({"rubrics": []}, "no criterion has positive points"),
        ({"rubrics": [CRITERION | {"criterion": " "}]}, "which asks for nothing"),
        ({"prompt": [TURN | {"role": "nurse"}]}, "turn 1 has the role 'nurse', none of system"),
        ({"prompt": [TURN | {"content": ""}]}, "turn 1 has the content ''"),
        ({"prompt": [TURN, {"role": "assistant", "content": "No."}]}, "ends with the user's"),
        ({"prompt": []}, "ends with the user's"),
    ],
)
def test_what_cannot_be_scored_is_refused_in_a_sentence(tmp_path, changes, sentence):
    with pytest.raises(HarnessError, match=sentence):
        samples(tmp_path, **changes)
