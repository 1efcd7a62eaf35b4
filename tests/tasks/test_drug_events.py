import json

import pytest

from harness.command import task_of
from harness.testing import check_task
from harness.types import HarnessError


def samples(**options):
    task = task_of("drug_events", **options)
    return list(task.samples(task.records()))


def test_the_starter_set_has_its_size_and_keeps_the_contract():
    check_task(task_of("drug_events"))
    asked = samples(shots=0)
    assert len(asked) == 80
    assert sum(sample.target == "none" for sample in asked) == 6
    assert all(len(sample.prompt) == 1 for sample in asked)


def test_a_perfect_answerer_finds_every_span(answered):
    rows = answered("drug_events", lambda sample: sample.target)
    for kind in ("strict", "lenient"):
        for measure in ("precision", "recall", "F1"):
            assert rows[f"{kind} {measure}", "all"]["estimate"] == 1
    assert rows["all spans right", None]["estimate"] == 1
    assert rows["invented", None]["estimate"] == 0


def test_always_none_is_right_where_nothing_is_and_finds_nothing(answered):
    rows = answered("drug_events", lambda _: "none")
    assert rows["strict recall", "all"]["estimate"] == 0
    assert rows["strict F1", "effect"]["estimate"] == 0
    assert rows["F1 of a sentence", None]["estimate"] == pytest.approx(6 / 80)


def test_the_first_word_as_drug_is_the_baseline_of_the_order(answered):
    rows = answered("drug_events", lambda s: f"drug: {s.metadata['text'].split()[0].strip(',')}")
    assert rows["strict recall", "effect"]["estimate"] == 0
    assert rows["strict precision", "drug"]["estimate"] == pytest.approx(25 / 80)


def test_an_answer_without_spans_is_missing_and_0_in_the_strict_column(answered):
    rows = answered("drug_events", lambda _: "I would ask a doctor.")
    row = rows["strict F1", "all"]
    assert (row["estimate"], row["n_failed"]) == (None, 80)
    assert rows["F1 of a sentence", None]["estimate"] is None
    assert rows["F1 of a sentence, unparsed is 0", None]["estimate"] == 0


def test_rows_of_one_sentence_are_one_sample_in_each_published_layout(tmp_path):
    text = "Rash and fever after penicillin."
    relations = [{"text": text, "drug": "penicillin", "effect": e} for e in ("Rash", "fever")]
    relations[0]["indexes"] = {"drug": {"start_char": [21], "end_char": [31]}}
    path = tmp_path / "ade.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in relations))
    (sample,) = samples(data=str(path))
    assert sample.target == "effect: Rash\neffect: fever\ndrug: penicillin"
    effect = {"type": "Adverse-Effect", "start": 0, "end": 1}
    drug = {"type": "Drug", "start": 4, "end": 5}
    tokens = {"tokens": text.split(), "entities": [effect, drug]}
    path.write_text(json.dumps(tokens) + "\n")
    (sample,) = samples(data=str(path))
    assert json.loads(sample.metadata["spans"]) == [["effect", 0, 4], ["drug", 21, 32]]
    path.write_text(json.dumps({"text": text, "drug": "iron", "effect": "Rash"}) + "\n")
    with pytest.raises(HarnessError, match="the drug 'iron' does not stand in its text"):
        samples(data=str(path))
    path.write_text(json.dumps({"text": text, "spans": [["dose", 0, 4]]}) + "\n")
    with pytest.raises(HarnessError, match="is no span"):
        samples(data=str(path))
