"""What several tests need: the command line in a process of its own, models, real data."""

import concurrent.futures.thread
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.models.hf import HuggingFaceModel

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session", autouse=True)
def nothing_runs_on() -> Iterator[None]:
    """A thread that would keep the interpreter from ending is an error that names it."""
    yield
    pooled = set(concurrent.futures.thread._threads_queues)  # these end with the interpreter
    left = [one for one in threading.enumerate() if not one.daemon and one not in pooled]
    assert left == [threading.main_thread()]


@pytest.fixture
def shared_data() -> Path:
    """Real data and human labels, where they are at hand."""
    if not SHARED.is_dir():
        pytest.skip("the folder ../shared/data with real data and human labels is not here")
    return SHARED


@pytest.fixture
def harness(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `python -m harness ARGS` in an empty folder; gives its exit code and what it printed.

    No page is made of a run, which takes seconds, unless ARGS say so.
    """

    def command(
        *args: str, cwd: Path = tmp_path, module: str = "harness", **env: str
    ) -> subprocess.CompletedProcess[str]:
        runs = module in ("harness", "harness.score")
        if runs and not any(arg.startswith("report=") for arg in args):
            options = [at for at, arg in enumerate(args) if "=" in arg and not arg.startswith("-")]
            at = options[0] if options else 0  # beside the others, or the parser does not take it
            args = (*args[:at], "report=false", *args[at:])
        return subprocess.run(
            [sys.executable, "-m", module, *args],
            cwd=cwd,
            env=os.environ | env,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    return command


@pytest.fixture(scope="session")
def smollm2() -> HuggingFaceModel:
    """The bundled model, loaded once for all tests."""
    return HuggingFaceModel("smollm2")


@pytest.fixture
def no_progress() -> Callable:
    @contextmanager
    def progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
        yield lambda done: None

    return progress
