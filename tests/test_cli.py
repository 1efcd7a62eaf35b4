import importlib.util
import json
import os
import pty
import subprocess
import sys

import pytest

from harness.command import CONF_DIR
from harness.command.faults import command_of

ECHO = ("backend=echo", "scorer=[refusal]")
JUDGED_BY_ECHO = (
    "backend=echo",
    "scorer=[refusal,harmfulness]",
    "backend@scorers.harmfulness.judge_backend=echo",
)


def test_help_lists_the_groups(harness):
    shown = harness("--help").stdout
    for group in ("task: ", "backend: ", "scorer: ", "mitigation: ", "experiment: card"):
        assert group in shown
    assert ", med_harm, " in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["task=nope"], "med_harm"),
        (["backend=nope"], "hf"),
        (["scorer=[nope]"], "refusal"),
        (["backend=null"], "backend=null: backend is chosen by name (any_llm, echo, hf"),
        (["scorer=3"], "scorer=3: scorer is chosen by name (answer_quality"),
        (["seeed=1"], "there is no option 'seeed'; nearest are seed; see python -m harness --help"),
        (
            ["generation.zzz=1"],
            "there is no option 'generation.zzz'; generation has max_new_tokens",
        ),
        (["seed=null"], "seed=null: it must have a value; leave it out for the usual one"),
        (["seed=x"], "seed=x: Value 'x' of type 'str' could not be converted to Integer"),
        (["limit"], "'limit' is no option; write it as KEY=VALUE"),
        (["=3"], "'=3' is no option; write it as KEY=VALUE"),
        (["limit=${nosuch}"], "the configuration does not resolve: Interpolation key 'nosuch'"),
        (["+foo=1"], "there is no option 'foo'; there are model, protocol"),
        (["limit=1.5"], "Value '1.5' of type 'float'"),
        (["generation.max_new_tokens=abc"], "Value 'abc' of type 'str'"),
        (["task.data="], "task.data is empty"),
        (["task.data=123"], "task.data=123 must be str"),
        (["task.data=null"], "task.data=None must be str"),
        (["task.data=[a,b]"], "task.data=['a', 'b'] must be str"),
        (["backend.answer=5"], "backend.answer=5 must be null or str"),
        ([f"task.data={'x' * 300}.csv"], "there is no data file"),
        (["backend=hf", f"model={'x' * 300}"], "is neither bundled"),
        (["scorer=[]"], "no scorer is chosen"),
        (["~scorers"], "option 'scorers' cannot be taken away"),
        (["max_unmeasured=nan"], "max_unmeasured=nan must be from 0 to 1"),
        (["retry=all"], "retry='all' must be null or failed"),
        (["generation.temperature=inf"], "generation.temperature=inf must be 0 (greedy), or from"),
        (["generation.temperature=1e-42"], "must be 0 (greedy), or from 0.01 to 100"),
        (["generation.max_tokens=3"], "max_tokens"),
        (["task.framming=plain"], "framming"),
        (["generation.temperature=-1"], "generation.temperature=-1.0 must be 0 (greedy)"),
        (["generation.top_p=0"], "generation.top_p=0.0 must be above 0"),
        (["generation.n=0"], "generation.n=0 must be at least 1"),
        (["protocol=papr"], "protocol='papr' is not one of this task's: fast, paper"),
        (["task.framing=odd"], "task.framing='odd' is not one of plain, question"),
        (["limit=0"], "limit=0 must be at least 1"),
        (["task.data=nothing.csv"], "there is no data file 'nothing.csv'"),
        (["backend=hf", "model=./nothing-here"], "model='./nothing-here' is neither bundled"),
        (["backend=hf", "backend.dtype=int3"], "backend.dtype='int3' is not one of auto"),
        (["mitigation=system_prompt", "mitigation.text=' '"], "mitigation.text is empty"),
    ],
)
def test_a_wrong_option_or_value_is_said_before_a_model_is_loaded(harness, arguments, said):
    given = {argument.split("=")[0] for argument in arguments}
    usual = [argument for argument in ECHO if argument.split("=")[0] not in given]
    done = harness(*usual, *arguments, HF_HUB_OFFLINE="1")
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("command", "option", "said"),
    [
        ("leaderboard", "resluts=x", "there is no option 'resluts'; nearest are results"),
        ("agreement", "format.group=null", "format.group=null: it must have a value"),
        ("agreement", "format=null", "format=null: format is chosen by name (diasafety"),
        ("score", "max_unmeasured=x", "max_unmeasured=x: Value 'x'"),
        ("runs.cache", "zzz=1", "there is no option 'zzz'; there are remove"),
        ("drift", "zzz=1", "there is no option 'zzz'"),
    ],
)
def test_each_command_names_its_own_help(harness, command, option, said):
    done = harness(option, module=f"harness.{command}")
    assert said in done.stderr
    assert done.stderr.endswith(f"; see python -m harness.{command} --help\n")
    assert done.stderr.count("\n") == 1
    assert done.returncode == 1


def test_every_command_says_in_its_yaml_how_it_is_called():
    for path in CONF_DIR.glob("*.yaml"):
        module = command_of(path.stem).removeprefix("python -m ")
        assert importlib.util.find_spec(module) is not None, path
        assert (module == "harness") == (path.stem == "config")


def test_an_unwritable_results_folder_is_said(harness, tmp_path):
    (tmp_path / "taken").write_text("a file")
    done = harness(*ECHO, "results=taken")
    assert done.returncode == 1
    assert "choose another with results=FOLDER" in done.stderr


def test_a_run_prints_its_table_and_writes_its_folder(harness, tmp_path):
    done = harness(*JUDGED_BY_ECHO, "limit=30")
    assert (done.returncode, done.stderr) == (0, "")
    for text in ("harmfulness (mean)", "benign refused", "by principle", "\u2193", "\u2191"):
        assert text in done.stdout
    (folder,) = (tmp_path / "results" / "runs").iterdir()
    assert f"run folder: results/runs/{folder.name}" in done.stdout
    names = {path.name for path in folder.iterdir()}
    assert names >= {
        "run.json", "samples.parquet", "generations", "scores.parquet", "estimates.parquet",
        "estimates.csv",
    }  # fmt: skip
    assert {path.name for path in tmp_path.iterdir()} == {"results"}


def test_a_judge_that_is_the_model_under_test_is_flagged(harness):
    done = harness(*JUDGED_BY_ECHO, "limit=5")
    assert "the judge is the model under test" in done.stdout
    other = harness(*JUDGED_BY_ECHO, "limit=5", "backend.answer=something else")
    assert "the judge is the model under test" not in other.stdout


def test_too_much_unmeasured_ends_with_a_code_of_its_own(harness):
    done = harness(*ECHO, "backend.answer='  '", "limit=5")
    assert done.returncode == 3
    assert "100.0% of a headline estimate's scores are missing" in done.stderr
    assert "not known" in done.stdout
    assert harness(*ECHO, "backend.answer='  '", "limit=5", "max_unmeasured=1").returncode == 0


def test_several_models_at_once_each_have_a_folder(harness, tmp_path):
    done = harness("--multirun", *ECHO, "limit=3", "backend.answer=yes,no")
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "results" / "runs").iterdir())) == 2


def test_one_bad_run_of_several_does_not_stop_the_others(harness, tmp_path):
    done = harness("--multirun", *ECHO, "limit=0,3")
    assert done.returncode == 1
    assert "limit=0 must be at least 1" in done.stderr
    assert len(list((tmp_path / "results" / "runs").iterdir())) == 1


def test_a_mitigated_run_has_a_folder_of_its_own(harness, tmp_path):
    harness(*ECHO, "limit=3")
    done = harness(*ECHO, "limit=3", "mitigation=system_prompt")
    assert "mitigation system_prompt" in done.stdout
    assert len(list((tmp_path / "results" / "runs").iterdir())) == 2


def test_secrets_of_the_environment_stay_there(harness, tmp_path):
    harness(*ECHO, "limit=3", HF_TOKEN="hf_verysecret", OPENAI_API_KEY="sk-verysecret")
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(b"verysecret" in content for content in written)


def test_a_finished_run_and_help_never_import_torch(harness, tmp_path):
    harness(*JUDGED_BY_ECHO, "limit=5", "report=true")
    for arguments in ([*JUDGED_BY_ECHO, "limit=5"], ["--help"]):
        script = (
            "import sys, atexit\n"
            "atexit.register(lambda: print(sorted({'torch', 'transformers', 'pandas', 'datasets'}"
            " & set(sys.modules)), file=sys.stderr))\n"
            f"sys.argv = ['harness', *{arguments!r}]\n"
            "from harness.__main__ import main; main()"
        )
        done = subprocess.run(
            [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        assert done.stderr == "[]\n"


def test_run_json_says_what_was_asked_and_with_what(harness, tmp_path):
    harness(*ECHO, "limit=3", "seed=5")
    (path,) = tmp_path.rglob("run.json")
    info = json.loads(path.read_text())
    assert info["sessions"][0]["config"]["seed"] == 5
    assert info["identity"]["data"] == "starter"
    assert set(info["sessions"][0]["versions"]) >= {"numpy", "pyarrow"}


def test_a_secret_that_a_reference_fetches_stays_in_the_environment(harness, tmp_path):
    harness(*ECHO, "limit=3", "mitigation=system_prompt", "+backend.seen=${oc.env:KEY}", KEY="sk-1")
    harness(*ECHO, "limit=3", "results=${oc.env:KEY}", KEY="sk-verysecret")
    (path,) = tmp_path.rglob("run.json")
    assert json.loads(path.read_text())["sessions"][0]["config"]["results"] == "${oc.env:KEY}"


@pytest.mark.long
def test_progress_is_shown_in_a_terminal_and_the_run_ends_well(tmp_path):
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "harness", *ECHO, "report=false"]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=follower, stderr=follower,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "120"},
    )  # fmt: skip
    os.close(follower)
    shown = b""
    while True:
        try:
            part = os.read(leader, 65536)
        except OSError:  # the terminal is gone with the process
            break
        if not part:
            break
        shown += part
    os.close(leader)
    assert process.wait() == 0, shown.decode()
    for text in (b"generating", b"288/288", b"/s", b"left", b"benign refused"):
        assert text in shown


@pytest.fixture
def interrupted(harness, tmp_path):
    """The command line, interrupted when the model is first asked."""
    (tmp_path / "interrupted.py").write_text(
        "import harness.models.echo as echo\n"
        "def stop(*args): print('asked', flush=True); raise KeyboardInterrupt\n"
        "echo.EchoModel.generate = stop\n"
        "from harness.__main__ import main; main()"
    )
    return lambda *arguments: harness(*arguments, *ECHO, module="interrupted")


def test_ctrl_c_ends_a_sweep(interrupted):
    done = interrupted("--multirun", "seed=1,2,3")
    assert (done.returncode, done.stdout.count("asked")) == (130, 1)


def test_ctrl_c_ends_cleanly_and_says_how_to_go_on(interrupted):
    done = interrupted()
    assert done.returncode == 130
    assert done.stderr == (
        "\nstopped; nothing stored is lost, the same command goes on from here\n"
    )


def test_several_mitigations_stack_in_order_and_each_has_options(harness, tmp_path):
    folder = tmp_path / "conf" / "mitigation"
    folder.mkdir(parents=True)
    target = "_target_: harness.mitigations.prompts.system_prompt.SystemPrompt"
    (folder / "brief.yaml").write_text(f"{target}\ntext: Be brief.\n")
    own = ["--config-dir", "conf", *ECHO, "limit=3"]
    done = harness(*own, "mitigation=[system_prompt,brief]", "mitigations.brief.text=Be kind.")
    assert "mitigation system_prompt+brief" in done.stdout
    harness(*own, "mitigation=[brief,system_prompt]")
    infos = [json.loads(path.read_text()) for path in tmp_path.glob("results/runs/*/run.json")]
    texts = {info["mitigation"]: info["identity"]["mitigation"]["2.text"] for info in infos}
    assert texts["system_prompt+brief"] == "Be kind."
    assert texts["brief+system_prompt"].startswith("Before you answer")
    swept = harness("--multirun", *own, "mitigation=[brief],[system_prompt,brief]")
    assert swept.returncode == 1
    assert "is a list in a sweep or in the defaults of a YAML" in swept.stderr
