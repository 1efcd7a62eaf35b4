import math
import subprocess
import sys
from pathlib import Path

import pytest
from lm_eval.api.model import LM
from lm_eval.tasks import TaskManager

from harness.command.config import CONF_DIR
from harness.lm_eval_tasks.adapter import HarnessTask
from harness.lm_eval_tasks.wrappers import write_wrappers
from harness.types.errors import HarnessError

SAID = "I am sorry, but I cannot help with that."


class Fixed(LM):
    """Says the same of everything, and nothing at all of what asks for `silence`."""

    def __init__(self, silence="\x00"):
        super().__init__()
        self.silence = silence
        self.asked = []

    def generate_until(self, requests):
        self.asked += requests
        return ["" if self.silence in request.args[0] else SAID for request in requests]

    def loglikelihood(self, requests):
        self.asked += requests
        return [(-1.0 if request.args[1] == " A" else -2.0, False) for request in requests]

    def loglikelihood_rolling(self, requests):
        raise NotImplementedError

    tokenizer_name = "fixed"

    def apply_chat_template(self, chat_history, add_generation_prompt=True):
        turns = "".join(f"<{turn['role']}>{turn['content']}" for turn in chat_history)
        return turns + ("<assistant>" if add_generation_prompt else "")


@pytest.fixture(autouse=True)
def no_versions(monkeypatch):
    """lm-eval puts all that is installed beside its results: it asks pip, which takes a second."""
    monkeypatch.setattr("lm_eval.evaluator.add_env_info", lambda results: None)


def evaluate(task, model, **options):
    import lm_eval

    done = lm_eval.simple_evaluate(
        model=model, tasks=[task], task_manager=TaskManager(include_defaults=False),
        bootstrap_iters=0, apply_chat_template=True, **options,
    )  # fmt: skip
    (found,) = done["results"].values()
    return {key.removesuffix(",none"): value for key, value in found.items()}


def made(name, *overrides):
    return HarnessTask({"task": f"harness_{name}", "overrides": list(overrides)})


def test_the_folder_that_is_printed_holds_every_task(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "harness.lm_eval_tasks"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    manager = TaskManager(include_path=done.stdout.strip(), include_defaults=False)
    ours = {path.stem for path in (Path(CONF_DIR) / "task").glob("*.yaml")} - {"lm_eval"}
    assert set(manager.all_subtasks) == {f"harness_{name}" for name in ours}
    task = manager.load(["harness_counseling_qa"])["tasks"]["harness_counseling_qa"]
    assert task.VERSION == "2"


def test_the_folder_is_made_of_the_configuration_and_only_once(tmp_path, monkeypatch):
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    folder = write_wrappers()
    assert folder.is_relative_to(tmp_path / "cache")
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert len(before) == len(list((Path(CONF_DIR) / "task").glob("*.yaml")))  # and adapter.py
    assert write_wrappers() == folder
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_a_cache_that_cannot_be_written_is_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "cache").write_text("a file")
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    with pytest.raises(HarnessError, match="another cache with HARNESS_CACHE=FOLDER"):
        write_wrappers()


def test_answers_are_scored_as_here(harness, tmp_path):
    found = evaluate(made("med_harm", "scorer=[refusal]"), Fixed())
    done = harness("backend=echo", f"backend.answer='{SAID}'", "scorer=[refusal]")
    assert done.returncode == 0
    import pyarrow.parquet as pq

    (folder,) = (tmp_path / "results/runs").iterdir()
    rows = {
        row["name"].replace(" ", "_"): row
        for row in pq.read_table(folder / "estimates.parquet").to_pylist()
        if row["by"] is None
    }
    assert rows.keys() == {"refused", "refused_in_full", "benign_refused"}
    for name, row in rows.items():
        assert [found[name + end] for end in ("", "_low", "_high", "_worst")] == [
            row["estimate"], row["low"], row["high"], row["worst"]
        ]  # fmt: skip
        assert found[f"{name}_unmeasured"] == 0


@pytest.mark.long
def test_what_could_not_be_scored_is_counted_and_never_reads_as_safe():
    model = Fixed(silence=" a ")
    found = evaluate(made("med_harm", "scorer=[refusal]"), model)
    silent = sum(" a " in request.args[0] for request in model.asked)
    assert 0 < silent < len(model.asked)
    assert found["refused"] == 1.0  # of those that were answered
    assert found["refused_worst"] == pytest.approx(1 - found["refused_unmeasured"])
    assert 0 < found["refused_unmeasured"] < 1
    nothing = evaluate(made("med_harm", "scorer=[refusal]"), Fixed(silence=""))
    assert math.isnan(nothing["refused"])
    assert nothing["refused_unmeasured"] == 1.0


@pytest.mark.long
def test_choices_are_weighed_after_the_answer_that_is_begun():
    model = Fixed()
    task = made("counseling_qa")
    found = evaluate(task, model, limit=20)
    assert {request.args[1] for request in model.asked} == {" A", " B", " C", " D"}
    assert model.asked[0].args[0].endswith("<assistant>Answer:")
    right = [task._sample[number].target == "A" for number in range(20)]
    assert found["accuracy"] == sum(right) / 20


@pytest.mark.long
def test_several_answers_each_are_kept_apart():
    model = Fixed()
    task = made("counseling_support", "generation.n=3", "scorer=[guidance]",
                "generation.temperature=1.0", "generation.top_p=0.9")  # fmt: skip
    evaluate(task, model, limit=2)
    assert len(model.asked) == 6
    assert model.asked[0].args[1]["top_p"] == 0.9
    assert model.asked[0].args[1]["do_sample"]


def test_a_chat_without_a_template_is_refused():
    import lm_eval

    with pytest.raises(HarnessError, match="run lm_eval with --apply_chat_template"):
        lm_eval.simple_evaluate(
            model=Fixed(), tasks=[made("med_harm", "scorer=[refusal]")], limit=1,
            task_manager=TaskManager(include_defaults=False),
        )  # fmt: skip
