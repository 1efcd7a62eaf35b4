import json

import pytest

from harness.command import task_of
from harness.data import file_at, read_file
from harness.testing import check_task
from harness.types import HarnessError

COVERAGES = ("1", "0.95", "0.9", "0.85", "0.8", "0.75")


def perfect(sample):
    if sample.metadata["question"] == "aspect":
        return sample.metadata["label_number"] - 1
    quote = sample.metadata["explanation"]
    return f'Answer: {sample.target}\nQuote: "{quote}"' if quote else sample.target


def test_the_starter_set_has_its_size_and_each_quote_stands_in_its_post():
    rows = read_file(file_at("pkg://tasks/wellness/posts.jsonl"))
    assert len(rows) == 80
    assert all(row["explanation"] in row["text"] for row in rows)
    check_task(task_of("wellness"))


def test_a_perfect_answerer_gets_1_at_every_coverage_and_of_every_quote(answered):
    rows = answered("wellness", perfect)
    assert answered.unmeasured == 0
    for question in ("dimensions", "aspect", "quoted"):
        assert rows["macro F1", question]["estimate"] == 1
        assert rows["macro MCC", question]["estimate"] == 1
    assert all(rows["accuracy at coverage, aspect", c]["estimate"] == 1 for c in COVERAGES)
    for part in ("F1", "precision", "recall", "more than half of the words", "verbatim"):
        assert rows[f"{part} of the quote", None]["estimate"] == pytest.approx(1)


def test_one_answer_for_all_has_no_correlation_and_the_baseline_says_so(answered):
    def same(sample):
        kind = sample.metadata["question"]
        return 0 if kind == "aspect" else "social" if kind == "dimensions" else "Answer: physical"

    rows = answered("wellness", same)
    assert rows["MCC", "aspect"]["estimate"] == rows["MCC", "quoted"]["estimate"] == 0
    assert rows["macro F1", "aspect"]["estimate"] == pytest.approx(0.4 / 4)  # 2 x .25 / 1.25
    shown = rows["macro F1, always the commonest label", "aspect"]["estimate"]
    assert shown == pytest.approx(0.1)
    assert rows["recall, dimensions", "social"]["estimate"] == 1
    assert rows["precision, dimensions", "social"]["estimate"] == pytest.approx(26 / 80)
    assert rows["there of the quote", None]["estimate"] == 0
    assert rows["F1 of the quote", None]["estimate"] is None


def test_an_answerer_that_does_not_know_is_missing_everywhere(answered):
    rows = answered("wellness", lambda _: "Unclear.", answer="written")
    for question in ("dimensions", "aspect", "quoted"):
        assert rows["macro F1", question]["estimate"] is None
        assert rows["macro F1, unparsed is wrong", question]["estimate"] == 0
    assert rows["accuracy, unparsed is wrong", None]["estimate"] == 0


def test_a_published_file_of_one_layout_is_asked_what_it_has(tmp_path):
    path = tmp_path / "posts.jsonl"
    path.write_text(json.dumps({"Text": "I run.", "Aspect": 1, "Explanations": "run"}) + "\n")
    task = task_of("wellness", data=str(path), questions=["aspect", "quoted"], shots=1)
    weighed, quoted = task.samples(task.records())
    assert (weighed.target, weighed.choices) == ("physical", (" A", " B", " C", " D"))
    assert quoted.metadata["explanation"] == "run"
    assert weighed.prompt[1].content == "Answer: A"
    assert quoted.prompt[1].content == 'Answer: physical\nQuote: "my knees are better"'
    task = task_of("wellness", data=str(path), questions=["dimensions"])
    with pytest.raises(HarnessError, match="has no column 'Physical' and 'Emotional'"):
        list(task.samples(task.records()))
