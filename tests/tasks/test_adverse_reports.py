from collections import Counter

import pytest

from harness.command import task_of
from harness.data import file_at, read_file
from harness.testing import check_task

LABELS = ("none of these", "emergency visit", "hospital stay", "emergency visit and hospital stay",
          "death", "death after a hospital stay")  # fmt: skip


def right(sample):
    return sample.metadata["label_number"] - 1


def test_the_starter_set_has_its_size_and_no_example_in_it():
    rows = read_file(file_at("pkg://tasks/adverse_reports/reports.jsonl"))
    counts = Counter(row["label"] for row in rows)
    assert [counts[label] for label in LABELS] == [32, 16, 12, 10, 6, 4]
    shots = {row["text"] for row in read_file(file_at("pkg://tasks/adverse_reports/shots.jsonl"))}
    assert len({row["text"] for row in rows} - shots) == 80
    check_task(task_of("adverse_reports", answer="written", shots=5))


def test_a_perfect_answerer_gets_1_of_every_measure(answered):
    rows = answered("adverse_reports", right)
    for name in ("macro F1", "micro precision", "balanced accuracy", "accuracy"):
        group = None if name == "accuracy" else "outcome"
        assert rows[name, group]["estimate"] == 1
    assert [rows["F1, outcome", label]["estimate"] for label in LABELS] == [1] * 6
    unseen = rows["F1, outcome", "death after an emergency visit"]
    assert unseen["estimate"] is None  # and no 0, since no report is of it


def test_the_majority_has_its_accuracy_and_next_to_no_macro_f1(answered):
    rows = answered("adverse_reports", lambda _: 0)
    assert rows["accuracy", None]["estimate"] == pytest.approx(0.4)
    shown = rows["micro F1, always the commonest label", "outcome"]["estimate"]
    assert rows["micro F1", "outcome"]["estimate"] == shown == pytest.approx(0.4)
    f1 = 2 * 0.4 / 1.4  # of the first label, at precision .4 and recall 1; the others have 0
    assert rows["macro F1", "outcome"]["estimate"] == pytest.approx(f1 / 6)
    assert rows["macro recall", "outcome"]["estimate"] == pytest.approx(1 / 6)


def test_what_says_unknown_throughout_has_no_accuracy_and_0_in_the_strict_one(answered):
    rows = answered("adverse_reports", lambda _: "Unknown.", answer="written")
    assert rows["accuracy", None]["estimate"] is None
    assert rows["accuracy, unparsed is wrong", None]["estimate"] == 0
    assert rows["macro F1", "outcome"]["estimate"] is None
    assert rows["macro F1, unparsed is wrong", "outcome"]["estimate"] == 0


def test_the_longest_outcome_that_is_named_is_the_one(answered):
    rows = answered("adverse_reports", lambda sample: f"It was: {sample.target}", answer="written")
    assert rows["accuracy", None]["estimate"] == 1
