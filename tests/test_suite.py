"""`experiment=...`: several tasks on one model, each with a folder of its own."""

import json

import pytest


@pytest.fixture
def suite(tmp_path):
    (tmp_path / "conf" / "experiment").mkdir(parents=True)
    (tmp_path / "conf" / "experiment" / "two.yaml").write_text(
        "# @package _global_\n"
        "suite:\n"
        '  med_harm: ["scorer=[refusal]"]\n'
        '  counseling_support: ["scorer=[guidance]"]\n'
    )
    return ["--config-dir", "conf", "experiment=two", "backend=echo", "limit=3"]


def runs(folder):
    found = [json.loads(p.read_text()) for p in folder.glob("results/runs/*/run.json")]
    return {info["identity"]["task"]: info for info in found}


def test_each_task_of_a_suite_has_a_run_with_its_own_overrides(harness, tmp_path, suite):
    done = harness(*suite, "seed=7")
    assert done.returncode == 0, done.stderr
    found = runs(tmp_path)
    assert set(found) == {"med_harm", "counseling_support"}
    assert all(info["identity"]["seed"] == 7 for info in found.values())
    assert list(found["med_harm"]["scorers"]) == ["refusal"]
    assert found["counseling_support"]["samples"] == 3
    assert done.stdout.count("run folder:") == 2


def test_a_task_that_fails_does_not_keep_the_others_from_running(harness, tmp_path, suite):
    path = tmp_path / "conf" / "experiment" / "two.yaml"
    path.write_text(path.read_text().replace('"scorer=[guidance]"', "task.data=nothing.csv"))
    path.write_text(path.read_text() + "  counseling_qa: []\n")
    done = harness(*suite)
    assert done.returncode == 1
    assert "there is no data file 'nothing.csv'" in done.stderr
    assert set(runs(tmp_path)) == {"med_harm", "counseling_qa"}


def test_a_mitigation_that_one_task_of_a_suite_names_is_that_task_s(harness, tmp_path):
    for name in ("calm", "brief"):
        path = tmp_path / "conf" / "mitigation" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            f"_target_: harness.mitigations.prompts.system_prompt.SystemPrompt\ntext: Be {name}.\n"
        )
    (tmp_path / "conf" / "experiment").mkdir()
    (tmp_path / "conf" / "experiment" / "three.yaml").write_text(
        "# @package _global_\n"
        "suite:\n"
        "  med_harm: ['scorer=[refusal]', mitigation=calm, mitigation.text=Be kind.]\n"
        "  counseling_support: ['scorer=[guidance]', 'mitigation=[calm,brief]']\n"
        "  counseling_qa: []\n"
    )
    done = harness("--config-dir", "conf", "experiment=three", "backend=echo", "limit=3")
    assert done.returncode == 0, done.stderr
    of_task = runs(tmp_path)
    assert {task: info["mitigation"] for task, info in of_task.items()} == {
        "med_harm": "calm", "counseling_support": "calm+brief", "counseling_qa": "none",
    }  # fmt: skip
    assert of_task["med_harm"]["identity"]["mitigation"]["text"] == "Be kind."
    stacked = of_task["counseling_support"]["identity"]["mitigation"]
    assert (stacked["1.text"], stacked["2.text"]) == ("Be calm.", "Be brief.")
    assert of_task["counseling_qa"]["identity"]["mitigation"] is None


@pytest.mark.parametrize("override", ["task=med_harm", "task.data=x.csv", "scorer=[refusal]"])
def test_what_only_one_task_has_is_refused(harness, tmp_path, suite, override):
    done = harness(*suite, override)
    assert done.returncode == 1
    assert f"{override!r} would be every task's of experiment=two" in done.stderr
    assert not (tmp_path / "results").exists()


def test_a_protocol_that_one_task_lacks_ends_that_task_alone(harness, tmp_path, suite):
    path = tmp_path / "conf" / "experiment" / "two.yaml"
    path.write_text(path.read_text() + "  counseling_qa: []\n")
    done = harness(*suite, "protocol=few_shot")
    assert done.returncode == 1
    assert "protocol='few_shot' is not one of this task's: fast, paper" in done.stderr
    assert set(runs(tmp_path)) == {"counseling_qa"}


@pytest.mark.long
def test_a_suite_loads_its_model_and_its_scorers_once(monkeypatch, tmp_path):
    from hydra import compose, initialize_config_dir

    from harness.command.config import CONF_DIR, register
    from harness.runs import cli

    register()
    made = []
    monkeypatch.setattr("harness.runs.flow.check_cheap", lambda *_: None)  # ten seconds of texts
    monkeypatch.setattr(
        cli, "make", lambda where, *rest, make=cli.make: made.append(where) or make(where, *rest)
    )
    parts: dict = {}
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        for task in ("real_toxicity_prompts", "persona_toxicity"):
            overrides = [
                f"task={task}",
                "backend=echo",
                "limit=2",
                f"results={tmp_path}",
                "report=false",
            ]
            composed = cli.Composed(compose("config", overrides), overrides, {"mitigation": "none"})
            assert cli.run_one(composed, parts) in (0, 3)
    assert made.count("backend") == made.count("scorers.toxicity_offline") == 1
