"""Twins of items: the same in other words, and with one fact changed."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from harness.command import task_of
from harness.data import file_at
from harness.statistics.right_alone import RightAlone
from harness.testing import check_task
from harness.types.errors import HarnessError
from harness.types.measures import Direction, Metric
from tasks.families.twins import with_twins

STARTER = file_at("pkg://tasks/chemistry_safety/items.jsonl")
RIGHT = Metric(0.0, 1.0, Direction.HIGHER)


def samples(**options):
    task = task_of("chemistry_safety", **options)
    return list(task.samples(task.records()))


def test_the_contract():
    check_task(task_of("chemistry_safety", twins=True))


def test_items_stay_what_they_are_beside_their_twins():
    plain = {s.id: s for s in samples()}
    all_of_them = {s.id: s for s in samples(twins=True)}
    assert len(all_of_them) == 60 + 30 + 25
    for name, sample in plain.items():
        twin = all_of_them[name]
        assert (twin.prompt, twin.target, twin.choices) == (
            sample.prompt, sample.target, sample.choices
        )  # fmt: skip
        assert twin.metadata["constant"] == sample.metadata["constant"]


def test_reworded_twins_keep_the_answer_and_changed_ones_have_another():
    found = {s.id: s for s in samples(twins=True)}
    for sample in found.values():
        item = found[sample.metadata["twin_of"]]
        assert sample.cluster == item.id
        kind = sample.metadata["twin"]
        options = [s.metadata["option_A"] for s in (sample, item) if "option_A" in s.metadata]
        assert len(set(options)) <= 1
        if kind != "original":
            assert (sample.target == item.target) == (kind == "reworded")
            assert sample.prompt != item.prompt


def row(**columns):
    return {"id": "t", "twin_of": "1", "twin": "reworded", "question": "other?", **columns}


@pytest.mark.parametrize(
    ("twins", "words"),
    [
        ([row(twin_of="9")], "of '9'"),
        ([row(twin="copied")], "'copied'"),
        ([row(), row(id="u")], "second 'reworded' of '1'"),
        ([row(question="why?")], "the same words"),
        ([row(twin="changed")], "another right answer"),
        ([row(answer="B")], "a reworded one has its item's"),
        (None, "no such file"),
    ],
)
def test_a_twin_that_is_none_is_refused(tmp_path, twins, words):
    from harness.types.records import Records

    items = Records("items", [{"id": "1", "question": "why?", "answer": "A"}])
    if twins is not None:
        lines = "".join(f"{json.dumps(twin)}\n" for twin in twins)
        (tmp_path / "twins.jsonl").write_text(lines)
    with pytest.raises(HarnessError, match=words):
        with_twins(items, str(tmp_path / "items.jsonl"), STARTER, ("answer",))


def test_right_alone_by_hand():
    """Four items with both twins: alone by the original, by none, by a twin, and not known."""
    facts = {"twin": ["original", "reworded", "changed"] * 4, "of": list("111222333444")}
    nan = np.nan
    values = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 1], [1, nan, 0]]).reshape(-1, 1)
    made = RightAlone("twin", "of").compare(values, facts, facts["of"], RIGHT)
    original = made["original"]
    assert (original.estimate, original.n, original.n_failed) == (1 / 3, 4, 1)
    assert (original.best, original.worst) == (0.25, 0.5)
    assert made["reworded"].estimate == 0.0
    assert made["changed"].estimate == 0.25
    assert made["reworded"].n_failed == 0  # item 4 is right by the original already


def test_a_run_has_its_twins_beside_its_rates(tmp_path, harness):
    done = harness("task=chemistry_safety", "task.twins=true", "backend=echo", "results=out",
                   cwd=tmp_path)  # fmt: skip
    assert done.returncode in (0, 3), done.stderr
    (path,) = (tmp_path / "out").rglob("estimates.parquet")
    rows = {(r["name"], r["group"]): r for r in pq.read_table(path).to_pylist()}
    assert rows["all correct", None]["n"] == 60  # the items alone, as without twins
    for version, n in (("original", 30), ("reworded", 30), ("changed", 25)):
        assert rows["right, of items with twins", version]["n"] == n
        assert rows["right in this version alone", version]["n"] == n
    assert ("right, against the item itself", "changed") in rows


def test_a_limit_is_of_items_with_their_twins(tmp_path, harness):
    harness("task=chemistry_safety", "task.twins=true", "backend=echo", "results=out", "limit=10",
            cwd=tmp_path)  # fmt: skip
    (path,) = (tmp_path / "out").rglob("samples.parquet")
    rows = pq.read_table(path).to_pylist()
    items = {row["twin_of"] for row in rows}
    assert len(items) == 10
    twinned = {row["twin_of"] for row in rows if row["twinned"]}
    assert {row["twin_of"] for row in rows if row["twin"] == "reworded"} == twinned
