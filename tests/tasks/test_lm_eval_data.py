"""Values reach lm-eval's tasks as they stand in the file of `task.data`."""

import json

import pytest

from harness.bridges.lm_eval.documents import Documents
from harness.bridges.lm_eval.rows import Rows, read_rows
from harness.types.errors import HarnessError
from harness.types.records import Generation

WRITTEN = """\
task: written_here
dataset_path: json
output_type: generate_until
test_split: test
doc_to_text: "{{question}}"
doc_to_target: "{{answer}}"
generation_kwargs: {until: ["\\n"]}
metric_list: [{metric: exact_match, aggregation: mean, higher_is_better: true}]
metadata: {version: 1}
"""
CHOSEN = """\
task: chosen_here
dataset_path: json
output_type: multiple_choice
test_split: test
doc_to_text: "{{question}} "
doc_to_choice: ["no", "yes"]
doc_to_target: label
target_delimiter: ""
metric_list: [{metric: acc}]
"""


@pytest.fixture(scope="module")
def tasks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tasks")  # one for all tests: lm-eval takes seconds to read it
    for yaml in (WRITTEN, CHOSEN):
        (folder / f"{yaml.split()[1]}.yaml").write_text(yaml)
    return str(folder)


@pytest.fixture
def documents(tasks, own_tasks_alone, tmp_path):
    """The documents of a task of one's own over a file with this content."""

    def made(file, content, yaml=WRITTEN):
        (tmp_path / file).write_text(content, encoding="utf-8")
        return Documents(yaml.split()[1], tasks, str(tmp_path / file), None, False)

    return made


def lines(*rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def scores_of_right_answers(found, answers):
    return [
        found.results(sample.id, Generation(sample.id, 0, answer))
        for sample, answer in zip(found.samples(), answers, strict=True)
    ]


RIGHT = {"exact_match": 1.0}
AS_WRITTEN = [
    "2009-01-12", "2010-02-03T04:05:06Z", "12:30", "NA", "N/A", "nan", "None", "null", "NULL",
    "007", "1.0", "1e5", "1,000", "true", "False", "", " padded ", "12345678901234567890123", "-0",
    "inf", "5", "0.10", "\u0661\u0662", "\u00b2",
]  # fmt: skip


@pytest.mark.parametrize("answers", [AS_WRITTEN, ["2009-01-12"] * 2, ["NA", "None"], ["1.0", "5"]])
@pytest.mark.parametrize("file", ["data.jsonl", "data.json", "data.csv"])
def test_the_right_answer_is_what_stands_in_the_file(documents, file, answers):
    rows = [{"question": f"Say it, {n}.", "answer": answer} for n, answer in enumerate(answers)]
    if file.endswith("csv"):
        cells = "".join(f'"{row["question"]}","{row["answer"]}"\n' for row in rows)
        content = f"question,answer\n{cells}"
    else:
        content = lines(*rows) if file.endswith("l") else json.dumps(rows)
    found = documents(file, content)
    assert [sample.prompt for sample in found.samples()] == [row["question"] for row in rows]
    results = scores_of_right_answers(found, answers)
    wrong = [answer for answer, got in zip(answers, results, strict=True) if got != RIGHT]
    assert not wrong


def test_values_of_any_type_arrive_as_they_are(documents):
    rows = [
        {"question": "a", "answer": 1, "more": {"x": 1}, "big": 10**25},
        {"question": "b", "answer": 1.0, "more": {"y": [1, "two", None]}, "later": "2020-01-01"},
        {"question": "c", "answer": "1", "more": None, "big": None},
        {"question": "d", "answer": True, "more": [], "big": 0.1},
    ]
    found = documents("data.jsonl", lines(*rows))
    held = [row["document"] for row in found.rows()]
    assert json.dumps(held) == json.dumps(rows)
    answers = ["1", "1.0", "1", "True"]
    assert scores_of_right_answers(found, answers) == [{"exact_match": 1.0}] * 4


def test_a_column_of_numbers_in_a_csv_is_one_and_is_said(documents):
    content = "question,label,code\nIs it?,1,007\nIs it not?,0,008\n"
    found = documents("data.csv", content, CHOSEN)
    weighed = (-2.0, -1.0)
    given = [
        found.results(
            sample.id,
            Generation(sample.id, 0, None, "choices", choice_logprobs=weighed,
                       choice_greedy=(False, True)),
        )
        for sample in found.samples()
    ]  # fmt: skip
    assert given == [{"acc": 1.0}, {"acc": 0.0}]
    (note,) = found.notes
    assert "of data.csv the columns label hold nothing but numbers" in note
    assert [row["document"]["code"] for row in found.rows()] == ["007", "008"]


@pytest.mark.parametrize("labels", [["maybe", "2", "01", ""], [2, -1, None, "yes, it is"]])
def test_a_right_answer_that_is_none_of_the_choices_is_no_wrong_answer(documents, labels):
    rows = [{"question": "Is it?", "label": label} for label in ("yes", *labels)]
    found = documents("data.jsonl", lines(*rows), CHOSEN)
    weighed = {"choice_logprobs": (-2.0, -1.0), "choice_greedy": (False, True)}
    first, *others = [
        found.results(sample.id, Generation(sample.id, 0, None, "choices", **weighed))
        for sample in found.samples()
    ]
    assert first == {"acc": 1.0}
    assert all("is none of the document's 2 choices" in result for result in others)


def test_white_space_that_ends_a_context_is_at_the_head_of_its_choices(documents):
    found = documents("data.jsonl", lines({"question": "Is it?\n", "label": 1}), CHOSEN)
    (sample,) = found.samples()
    assert (sample.prompt, sample.choices) == ("Is it?", ("\n no", "\n yes"))
    assert sample.encoded_as == "lm_eval"


def test_rows_that_arrow_would_change_can_be_prepared_as_a_data_set(tmp_path):
    path = tmp_path / "data.jsonl"
    path.write_text(lines({"a": 1}, {"a": "1"}, {"a": 1.0, "b": 2}))
    rows, _ = read_rows(path)
    assert isinstance(rows, Rows)
    made = rows.map(lambda row: {"c": str(row["a"])}, remove_columns=["a"])
    assert list(made) == [{"c": "1"}, {"c": "1"}, {"b": 2, "c": "1.0"}]
    assert list(rows.filter(lambda row: isinstance(row["a"], str))) == [{"a": "1"}]
    assert list(rows.select([2, 0])) == [{"a": 1.0, "b": 2}, {"a": 1}]
    assert rows["a"] == [1, "1", 1.0]
    assert rows.rename_column("a", "z")[0] == {"z": 1}
    assert rows.column_names == ["a", "b"]
    with pytest.raises(HarnessError, match=r"Dataset.to_pandas, for which the file"):
        rows.to_pandas()


def test_rows_are_shuffled_as_a_data_set_is():
    import datasets

    rows = [{"a": n} for n in range(20)]
    assert list(Rows(rows).shuffle(seed=42)) == list(datasets.Dataset.from_list(rows).shuffle(42))


def test_ordinary_rows_are_a_data_set_of_datasets(tmp_path):
    import datasets

    path = tmp_path / "data.jsonl"
    path.write_text(lines({"a": "2009-01-12", "b": [1]}, {"a": "x", "b": []}))
    rows, _ = read_rows(path)
    assert isinstance(rows, datasets.Dataset)
    assert [row["a"] for row in rows] == ["2009-01-12", "x"]
