"""The wheel, away from the checkout: as a module and as a script, also in a hostile folder."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ECHO = ("backend=echo", "scorer=[refusal]", "limit=3")
PLAIN = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "HYDRA_FULL_ERROR")}

pytestmark = pytest.mark.long


def do(*command: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd, env=PLAIN, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """An environment that holds the wheel, and sees only the libraries of this one."""
    folder = tmp_path_factory.mktemp("wheel")
    built = do(
        sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT,
        cwd=folder,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    (wheel,) = folder.glob("*.whl")
    environment = folder / "venv"
    venv.create(environment, with_pip=False)
    python = environment / "bin" / "python"
    ours = do(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder)
    # A .pth file inside a folder that a .pth file adds is not read: our editable install stays out.
    (Path(ours.stdout.strip()) / "libraries.pth").write_text(sysconfig.get_path("purelib"))
    done = do(
        sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--quiet", wheel,
        cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return environment / "bin"


def assert_ran(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stderr
    assert "benign refused" in done.stdout
    assert done.stderr == ""


def test_it_runs_from_an_empty_folder_with_nothing_of_the_checkout(installed, tmp_path):
    assert_ran(do(installed / "python", "-m", "harness", *ECHO, cwd=tmp_path))
    (run,) = (tmp_path / "results" / "runs").iterdir()
    assert (run / "report.html").exists()
    done = do(installed / "python", "-m", "harness.leaderboard", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    sides = (f"baseline={run}", f"candidate={run}")
    done = do(installed / "python", "-m", "harness.regression", *sides, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, "")
    assert "inconclusive: echo against echo" in done.stdout
    code = "import harness, tasks; print(harness.__file__, tasks.__file__)"
    where = do(installed / "python", "-c", code, cwd=tmp_path)
    assert str(ROOT) not in where.stdout
    assert {path.name for path in tmp_path.iterdir()} == {"results"}


@pytest.mark.parametrize("command", [("python", "-m", "harness"), ("harness",)])
def test_modules_of_the_working_directory_do_not_stand_in_for_ours(installed, tmp_path, command):
    for name in ("tasks", "conf", "hydra", "torch", "config"):
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit('hostile {name}')")
    (tmp_path / "model").mkdir()
    assert_ran(do(installed / command[0], *command[1:], *ECHO, "report=false", cwd=tmp_path))
