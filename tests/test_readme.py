import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.testing import check_model, check_scorer, check_task

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


@pytest.mark.parametrize("line", commands())
def test_every_command_is_one_that_composes(line, command, tmp_path):
    _, _, module, *arguments = shlex.split(line)
    if "--multirun" in arguments:
        arguments.remove("--multirun")
        arguments = [argument.split(",")[0] for argument in arguments]
    done = command(module, "--cfg", "job", "--resolve", *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def write_examples(folder: Path) -> None:
    """The three worked examples as a stranger's own files: their code, and their YAML."""
    code = dict(zip(("tasks.greetings", "harness.scorers.asks_back", "harness.models.program"),
                    (b for b in blocks("python") if "class " in b), strict=True))  # fmt: skip
    places = ("task/greetings", "scorer/asks_back", "backend/program")
    for (module, source), place, config in zip(
        code.items(), places, blocks("yaml")[:3], strict=True
    ):
        assert f"_target_: {module}." in config
        own = f"my_{module.rpartition('.')[2]}"
        (folder / f"{own}.py").write_text(source)
        path = folder / "conf" / f"{place}.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(config.replace(module, own))


def test_the_three_worked_examples_work_as_written(tmp_path, monkeypatch):
    write_examples(tmp_path)
    (line,) = re.findall(r"`python -m (harness task=greetings [^`]*)`", README)
    module, *arguments = shlex.split(line)
    command = [sys.executable, "-m", module, "--config-dir", "conf", *arguments, "report=false"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "refused (mean)    0.000" in done.stdout
    assert "asks back (mean)  0.000" in done.stdout
    assert "asks_back by asks_back-" in done.stdout
    failing = [*command, "backend.program=[/bin/false]", "max_unmeasured=1"]
    done = subprocess.run(failing, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "refused (mean)    not known" in done.stdout
    monkeypatch.syspath_prepend(str(tmp_path))
    from my_asks_back import AsksBackScorer
    from my_greetings import Greetings
    from my_program import ProgramModel

    check_task(Greetings())
    check_scorer(AsksBackScorer())
    check_model(ProgramModel(["cat"]))


def test_nothing_is_left_to_be_filled_in():
    assert "@@" not in README


def test_the_tree_names_what_is_there():
    for name in re.findall(
        r"^(harness/\S+|conf/|tasks/|benchmarks/|notebooks/|docs/|results/)", README, re.MULTILINE
    ):
        assert (ROOT / name.replace("NAME/", "")).exists(), name


def test_make_knows_the_commands_that_open_the_page():
    make = shutil.which("make")
    if make is None:
        pytest.skip("make is not installed")
    for target in ("run", "test"):
        assert f"make {target}" in README
        subprocess.run([make, "--dry-run", target], cwd=ROOT, check=True, capture_output=True)
