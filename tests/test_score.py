"""`python -m harness.score`: answers that are there already, ours or anyone's."""

import json

import pandas
import pytest

from harness.bridges.files.answers import of_file
from harness.score.answers import AnswersTask, StoredModel
from harness.score.runs import of_run
from harness.testing import check_task
from harness.types.errors import HarnessError
from harness.types.records import Message, Request
from harness.types.settings import GenerationConfig

MODULE = {"module": "harness.score"}
LM_EVAL = {
    "doc_id": 0, "doc": {"q": "?"}, "target": "4", "filtered_resps": ["4"],
    "arguments": {"gen_args_0": {"arg_0": "2 + 2 =", "arg_1": {"until": ["\n"]}}},
    "resps": [[" 4", "I cannot help with that."]],
}  # fmt: skip


def only_run(folder):
    (found,) = (folder / "results" / "runs").glob("answers-*")
    return found


def test_a_run_is_scored_again_without_its_model(harness, tmp_path):
    first = harness("task=med_harm", "backend=echo", "limit=12", "scorer=[refusal]")
    assert first.returncode == 0, first.stderr
    (run,) = (tmp_path / "results" / "runs").iterdir()
    done = harness(f"run={run}", "scorer=[refusal,guidance]", "by=principle", **MODULE)
    assert done.returncode == 0, done.stderr
    assert "model echo" in " ".join(done.stdout.split())
    before = pandas.read_parquet(run / "scores.parquet").set_index(["sample_id", "metric"]).value
    after = pandas.read_parquet(only_run(tmp_path) / "scores.parquet")
    after = after[after.metric == "refusal"].set_index(["sample_id", "metric"]).value
    assert after.to_dict() == before[before.index.isin(after.index)].to_dict()
    prompts = [row["prompt"] for row in of_run(run).records.rows]
    assert all(prompt[0]["role"] == "user" for prompt in prompts)


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "json", "parquet"])
def test_a_file_of_any_kind_is_scored(harness, tmp_path, suffix):
    rows = pandas.DataFrame(
        {
            "question": ["How?", "Why?", "What?"],
            "reply": [
                "I cannot help with that.",
                "Because the sky is blue.",
                "\uc548\ub155\ud558\uc138\uc694, \uc800\ub294 \uc798 \uc9c0\ub0c5\ub2c8\ub2e4.",
            ],
            "kind": ["a", "b", "b"],
        }
    )
    path = tmp_path / f"answers.{suffix}"
    if suffix == "csv":
        rows.to_csv(path, index=False)
    elif suffix == "parquet":
        rows.to_parquet(path)
    else:
        path.write_text(rows.to_json(orient="records", lines=suffix == "jsonl"))
    done = harness(
        f"answers={path.name}", "scorer=[refusal]", "columns.answer=reply", "by=kind",
        "model=other", "max_unmeasured=1", **MODULE,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    estimates = pandas.read_parquet(only_run(tmp_path) / "estimates.parquet")
    assert set(estimates.model) == {"other"}
    overall = estimates[(estimates.metric == "refusal") & estimates["by"].isna()].iloc[0]
    assert (overall.n, overall.n_scored, overall.estimate) == (3, 2, 0.5)


def test_samples_of_lm_eval_are_read(tmp_path):
    path = tmp_path / "samples.jsonl"
    path.write_text(json.dumps(LM_EVAL) + "\n")
    stored = of_file(path, None, None, None)
    assert stored.n == 2
    (row,) = stored.records.rows
    assert row["prompt"] == "2 + 2 ="
    assert [a["text"] for a in row["answers"]] == [" 4", "I cannot help with that."]


def test_log_probabilities_of_lm_eval_are_refused(tmp_path):
    path = tmp_path / "samples.jsonl"
    path.write_text(json.dumps(LM_EVAL | {"resps": [[[-1.2, False]]]}) + "\n")
    with pytest.raises(HarnessError, match="no written answer of lm-eval"):
        of_file(path, None, None, None)


def test_an_answer_that_is_missing_keeps_its_row(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"prompt": "p", "answer": null}\n{"prompt": "q", "answer": "yes"}\n')
    stored = of_file(path, None, None, None)
    model = StoredModel(stored)
    requests = [Request(str(row["id"]), "x") for row in stored.records.rows]
    found = [g for some in model.generate(requests, GenerationConfig(), 0) for g in some]
    assert [g.text for g in found] == [None, "yes"]
    assert found[0].error == "the file has None for an answer"


def test_turns_come_back_as_turns(tmp_path):
    path = tmp_path / "a.jsonl"
    turns = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yes?"}]
    path.write_text(json.dumps({"prompt": turns, "answer": "b"}) + "\n")
    task = AnswersTask(of_file(path, None, None, None), ["x"])
    check_task(task)
    (sample,) = task.samples(task.records())
    assert sample.prompt == (Message("user", "hi"), Message("assistant", "yes?"))


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["scorer=[refusal]"], "name what to score: run=FOLDER of a run, or answers=FILE"),
        (["scorer=[refusal]", "run=nowhere"], "run='nowhere' has no run.json: it is no run"),
        (["scorer=[refusal]", "answers=none.csv"], "there is no file or folder 'none.csv'"),
        (["answers=a.csv"], "no scorer is chosen"),
        (["scorer=[refusal]", "answers=a.csv", "columns.answer=x"], "has no column x; it has"),
        (["scorer=[refusal]", "answers=a.csv", "by=x"], "by='x' is no column"),
        (["scorer=[refusal]", "answers=a.csv", "retry=all"], "retry='all' must be null or failed"),
        (["scorer=[refusal]", "answers=empty.jsonl"], "holds no records"),
    ],
)
def test_a_wrong_option_is_one_sentence(harness, tmp_path, args, said):
    (tmp_path / "a.csv").write_text("prompt,answer\nq,I cannot.\n")
    (tmp_path / "empty.jsonl").write_text("")
    done = harness(*args, **MODULE)
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
