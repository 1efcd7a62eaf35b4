import csv
import json
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.command import task_of
from harness.data import file_at, read_file
from harness.testing import check_task
from harness.types.errors import HarnessError

STARTER = file_at("pkg://tasks/counseling_qa/items.jsonl")
SHOTS = file_at("pkg://tasks/counseling_qa/shots.jsonl")

COMPETENCIES = {
    "intake, assessment and diagnosis",
    "treatment planning",
    "counselling skills and interventions",
    "professional practice and ethics",
    "core counselling attributes",
}


def samples(**options):
    task = task_of("counseling_qa", **options)
    return list(task.samples(task.records()))


@pytest.mark.parametrize(
    "options", [{}, {"answer": "explained", "shots": 5}, {"answer": "written", "shuffle": True}]
)
def test_the_contract(options):
    check_task(task_of("counseling_qa", **options))


def test_the_starter_set_has_its_size_and_balance():
    found = samples()
    assert len(found) >= 120
    counts = Counter(s.metadata["competency"] for s in found)
    assert set(counts) == COMPETENCIES
    assert min(counts.values()) >= 15
    letters = Counter(s.target for s in found)
    assert max(letters.values()) - min(letters.values()) <= 1
    assert all(s.metadata["explanation"] for s in found)
    assert len({s.cluster for s in found}) <= len(found) / 2 + 1


def test_the_right_answer_cannot_be_told_by_its_length():
    rows = read_file(STARTER)
    longest = sum(
        len(row[row["answer"].lower()]) == max(len(row[c]) for c in "abcd") for row in rows
    )
    shortest = sum(
        len(row[row["answer"].lower()]) == min(len(row[c]) for c in "abcd") for row in rows
    )
    assert longest / len(rows) < 0.4
    assert shortest / len(rows) < 0.4


def test_examples_are_none_of_the_items():
    items = {(row["problem"], row["question"]) for row in read_file(STARTER)}
    shots = [(row["problem"], row["question"]) for row in read_file(SHOTS)]
    assert not items & set(shots)
    assert len({problem for problem, _ in shots}) == len(shots) == 5


def test_letters_are_weighed_and_the_written_are_not():
    weighed, written = samples()[0], samples(answer="written")[0]
    assert weighed.choices == (" A", " B", " C", " D")
    assert weighed.prompt[-1].role == "assistant"
    assert written.choices == ()
    assert written.prompt[-1].role == "user"
    assert weighed.id == written.id


def test_shots_come_before_with_their_answers():
    shot = samples(shots=2)[0]
    assert [m.role for m in shot.prompt] == ["user", "assistant"] * 3
    assert shot.prompt[1].content == "Answer: A"
    explained = samples(shots=1, answer="explained")[0]
    assert explained.prompt[1].content.endswith("\nAnswer: A")
    assert len(explained.prompt[1].content) > 100


def test_shuffling_moves_the_target_with_its_option():
    plain = {s.id: s for s in samples()}
    moved = samples(shuffle=True)
    for sample in moved:
        before = plain[sample.id]
        right = before.metadata[f"option_{before.target}"]
        assert sample.metadata[f"option_{sample.target}"] == right
        options = {s.metadata[f"option_{c}"] for s in (before, sample) for c in "ABCD"}
        assert len(options) == 4
    assert sum(s.target != plain[s.id].target for s in moved) > len(moved) / 2
    assert [s.target for s in samples(shuffle=True)] == [s.target for s in moved]


PUBLISHED = {
    "Source": "x", "Exam Name": "y", "Question #": "1", "Patient Demographic": "Age: 30",
    "Presenting Problem": "Low mood", "Mental Status Exam": "Flat", "Other Contexts": "",
    "Question": "What first?", "Choice A": "Wait", "Choice B": "Ask", "Choice C": "Refer",
    "Choice D": "Stop", "Correct Answer": "Ask", "Explanation for correct answer": "It is safe.",
}  # fmt: skip


def write(path, rows):
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, list(PUBLISHED))
        table.writeheader()
        table.writerows(rows)
    return str(path)


def test_published_columns_are_read_and_a_case_is_a_cluster(tmp_path):
    other = PUBLISHED | {"Question": "And then?", "Correct Answer": "(c)"}
    found = samples(data=write(tmp_path / "p.csv", [PUBLISHED, other]))
    assert [s.target for s in found] == ["B", "C"]
    assert found[0].cluster == found[1].cluster
    assert "Client: Age: 30" in found[0].prompt[0].content
    assert "Other information" not in found[0].prompt[0].content
    assert found[0].metadata["competency"] == "not stated"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"Correct Answer": "Call"}, "the right answer 'Call' is the text or letter of none"),
        ({"Choice A": "Ask"}, "of 2 of the 4 choices"),
        ({"Choice D": " "}, "'Choice D' is ' ', not a text"),
    ],
)
def test_a_record_that_lacks_what_is_needed_is_said(tmp_path, change, said):
    with pytest.raises(HarnessError) as caught:
        samples(data=write(tmp_path / "p.csv", [PUBLISHED | change]))
    assert said in str(caught.value)
    assert "record 1 of 'p.csv'" in str(caught.value)


def test_a_blank_question_is_asked_as_it_stands_or_left_out_and_counted_either_way(tmp_path):
    data = write(tmp_path / "p.csv", [PUBLISHED, PUBLISHED | {"Question": " ", "Choice A": "Go"}])
    task = task_of("counseling_qa", data=data)
    asked = list(task.samples(task.records()))
    assert [s.target for s in asked] == ["B", "B"]
    assert asked[1].prompt[0].content.splitlines()[3:6] == ["", "A. Go", "B. Ask"]
    assert task.notes == [
        "1 of 2 records of 'p.csv' have a blank question and are asked without one"
    ]
    task = task_of("counseling_qa", data=data, blank_questions="leave_out")
    assert [s.id for s in task.samples(task.records())] == ["p.csv-1"]
    assert task.notes == ["1 of 2 records of 'p.csv' have a blank question and are left out"]


def test_nothing_in_a_parquet_column_is_no_text_of_a_vignette(tmp_path):
    rows = [PUBLISHED | {"Other Contexts": float("nan")}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "p.parquet")
    (sample,) = samples(data=str(tmp_path / "p.parquet"))
    assert "nan" not in sample.prompt[0].content


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"blank_questions": "no"}, "task.blank_questions='no' is not one of ask, leave_out"),
        ({"answer": "sung"}, "task.answer='sung'"),
        ({"shots": 6}, "task.shots=6 must be from 0 to"),
    ],
)
def test_options_that_mean_nothing_are_refused(options, said):
    with pytest.raises(HarnessError, match=said):
        task_of("counseling_qa", **options)


def test_the_mass_of_the_letters_stands_beside_the_accuracy_where_they_are_weighed():
    def names(**options):
        return [estimand.name for estimand in task_of("counseling_qa", **options).estimands]

    assert "mass of the letters" in names()
    assert "mass of the letters" not in names(answer="written")


def random_chat(folder):
    """A checkpoint with random weights: all bytes are about equally probable."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({letter: i for i, letter in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["</s>"])
    made = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="</s>")
    made.chat_template = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}{% endfor %}"
    made.save_pretrained(folder)
    torch.manual_seed(0)
    shape = LlamaConfig(
        vocab_size=len(made), hidden_size=16, intermediate_size=16, num_hidden_layers=1,
        num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=2048,
    )  # fmt: skip
    LlamaForCausalLM(shape).save_pretrained(folder)
    return folder


def test_a_run_of_letters_without_mass_has_no_accuracy_and_says_why(harness, tmp_path):
    path = write(tmp_path / "p.csv", [PUBLISHED])
    model = random_chat(tmp_path / "random")
    done = harness("task=counseling_qa", f"task.data={path}", f"model={model}")
    assert done.returncode == 3  # too much is missing
    rows = {line.split("(")[0].strip(" \u2191"): line for line in done.stdout.splitlines()}
    assert "not known" in rows["accuracy"]
    assert "not known" in rows["accuracy, unparsed is wrong"]
    assert "0.000" in rows["parsed"]
    assert "not known" not in rows["mass of the letters"]
    (folder,) = (tmp_path / "results/runs").iterdir()
    scores = pq.read_table(folder / "scores.parquet").to_pylist()
    (missing,) = [row["error"] for row in scores if row["metric"] == "accuracy"]
    assert missing.endswith("of the probability, less than 0.1")


def test_a_written_answer_lacks_no_mass(harness, tmp_path):
    path = write(tmp_path / "p.csv", [PUBLISHED])
    done = harness(
        "task=counseling_qa", "protocol=written", f"task.data={path}", "backend=echo",
        "backend.answer=B",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "mass of the letters" not in done.stdout
    info = json.loads(next((tmp_path / "results/runs").glob("*/run.json")).read_text())
    assert info["unmeasured"] == 0
    assert info["metrics"]["choice_mass"]["aside"]
    assert "aside" not in info["metrics"]["accuracy"]


def test_a_run_of_an_echo_has_no_accuracy_and_does_not_read_as_wrong_or_right(harness, tmp_path):
    path = tmp_path / "p.csv"
    write(path, [PUBLISHED])
    done = harness("task=counseling_qa", "protocol=written", f"task.data={path}", "backend=echo")
    assert done.returncode == 3  # too much is missing
    rows = {
        line.split("(")[0].strip(" \u2191"): line.split()
        for line in done.stdout.splitlines()
        if "(" in line
    }
    assert "known" in rows["accuracy"]
    assert "0.000" in rows["accuracy, unparsed is wrong"]
    assert json.loads(next((tmp_path / "results/runs").glob("*/run.json")).read_text())[
        "unmeasured"
    ] == pytest.approx(1)
