import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.testing import check_task

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def commands() -> list[str]:
    whole = [block.replace("\\\n", " ") for block in blocks("sh")]
    lines = [line.split("  #")[0].strip() for block in whole for line in block.splitlines()]
    shell = [line for line in lines if line.startswith("python -m harness")]
    made = [re.search(r'ARGS="(.*)"', line) for line in lines]
    return shell + [f"python -m harness {found[1]}" for found in made if found]


@pytest.mark.parametrize("command", commands())
def test_every_command_is_one_that_composes(command, tmp_path):
    _, _, module, *arguments = shlex.split(command)
    if "--multirun" in arguments:
        arguments.remove("--multirun")
        arguments = [argument.split(",")[0] for argument in arguments]
    done = subprocess.run(
        [sys.executable, "-m", module, "--cfg", "job", "--resolve", *arguments],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_the_example_of_a_task_works_as_written(tmp_path, monkeypatch):
    (task,) = (block for block in blocks("python") if "class Greetings" in block)
    (config,) = blocks("yaml")
    folder = tmp_path / "greetings_task"
    folder.mkdir()
    (folder / "__init__.py").write_text(task)
    (tmp_path / "conf" / "task").mkdir(parents=True)
    config = config.replace("tasks.greetings", "greetings_task")
    (tmp_path / "conf" / "task" / "greetings.yaml").write_text(config)
    done = subprocess.run(
        [sys.executable, "-m", "harness", "--config-dir", "conf", "task=greetings", "backend=echo"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "refused (mean)" in done.stdout
    monkeypatch.syspath_prepend(str(tmp_path))
    from greetings_task import Greetings

    check_task(Greetings())


def test_nothing_is_left_to_be_filled_in():
    assert "@@" not in README


def test_the_tree_names_what_is_there():
    for name in re.findall(
        r"^(harness/\S+|conf/|tasks/|benchmarks/|results/)", README, re.MULTILINE
    ):
        assert (ROOT / name.replace("NAME/", "")).exists(), name


def test_make_knows_the_commands_that_open_the_page():
    make = shutil.which("make")
    if make is None:
        pytest.skip("make is not installed")
    for target in ("run", "test"):
        assert f"make {target}" in README
        subprocess.run([make, "--dry-run", target], cwd=ROOT, check=True, capture_output=True)
