"""What several tests need: the command line in a process of its own, models, real data.

What takes long to import is imported by what needs it: pytest-xdist's own process runs no test.
"""

import concurrent.futures.thread
import gc
import hashlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock

if TYPE_CHECKING:
    from harness.models.hf.model import HuggingFaceModel

ROOT = Path(__file__).resolve().parent.parent
WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
if WORKERS > 1:  # each its share of the cores, or their threads wait for each other
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // WORKERS)))
SHARED = ROOT.parent / "shared" / "data"
gc.set_threshold(100_000, 20, 100)  # imports and collection make a million objects, hardly a cycle


LONG = {"harness", "command", "forks", "smollm2", "cluster", "visit"}
"""Fixtures that start a process or load a model."""
QUICK = 0.1
"""Seconds of the processor that a test may take, with what it sets up, to be in `make check`."""
SEEN = "harness/not_quick"
"""In pytest's cache: the tests that took longer when last run, and what their files held then."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--quick` leaves out what was not quick when last run; `make check` has it."""
    parser.addoption("--quick", action="store_true", help="without tests that are known to be long")


def pytest_configure(config: pytest.Config) -> None:
    """Each run of the suite keeps which tests were not quick."""
    worker = hasattr(config, "workerinput")  # pytest-xdist's report to their controller
    if not worker and config.pluginmanager.hasplugin("cacheprovider"):
        config.pluginmanager.register(Times(config))


class Times:
    """Adds up what each test takes. What was not quick stays so until its file is changed.

    A fixture that is shared by many tests is set up by the first that is run: were that one's time
    forgotten, another would be the first, and last as long.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._seconds: dict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._seconds[report.nodeid] += report.processor

    def pytest_sessionfinish(self) -> None:
        long = [name for name, seconds in self._seconds.items() if seconds > QUICK]
        self._config.cache.set(
            SEEN, _unchanged(self._config) | {name: _digest(name) for name in long}
        )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Iterator[None]:
    """Each report has the seconds of this process and its children since the one before."""
    report = yield
    before, SPENT[0] = SPENT[0], sum(os.times()[:4])
    report.processor = SPENT[0] - before
    return report


SPENT = [sum(os.times()[:4])]
"""Seconds of the processor up to the last report."""


def _unchanged(config: pytest.Config) -> dict[str, str]:
    """Tests that were not quick, of files that are as they were."""
    seen = config.cache.get(SEEN, {}) if config.pluginmanager.hasplugin("cacheprovider") else {}
    return {name: digest for name, digest in seen.items() if digest == _digest(name)}


def _digest(test: str) -> str:
    """Of the file of a test; nothing where it is gone."""
    return _file_digest(ROOT / test.partition("::")[0])


@cache
def _file_digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16] if file.is_file() else ""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What starts a command, a cluster or a browser, loads the bundled model or lm-eval is long.

    Files of nothing else come first and those without any last, so that workers end together.
    """
    long: dict[Path, list[bool]] = {}
    for item in items:
        starts = not LONG.isdisjoint(getattr(item, "fixturenames", ()))
        if starts or item.path.name.startswith("test_lm_eval"):
            item.add_marker("long")
        long.setdefault(item.path, []).append(item.get_closest_marker("long") is not None)
    items.sort(key=lambda item: -sum(long[item.path]) / len(long[item.path]))
    if config.getoption("--quick"):
        seen = _unchanged(config)
        config.hook.pytest_deselected(items=[item for item in items if item.nodeid in seen])
        items[:] = [item for item in items if item.nodeid not in seen]


def pytest_collection_finish() -> None:
    """What lives to the end is not walked through again and again by the collector of cycles."""
    gc.freeze()
    SPENT[0] = sum(os.times()[:4])


@pytest.fixture(scope="session", autouse=True)
def nothing_runs_on() -> Iterator[None]:
    """A thread that would keep the interpreter from ending is an error that names it."""
    yield
    pooled = set(concurrent.futures.thread._threads_queues)  # these end with the interpreter
    left = [one for one in threading.enumerate() if not one.daemon and one not in pooled]
    assert left == [threading.main_thread()]


@pytest.fixture(scope="session", autouse=True)
def remembers() -> None:
    """A worker parses each YAML file once, and composes the same options once."""
    from tests.composing import remember_compositions, remember_files

    remember_files()
    remember_compositions()


@pytest.fixture
def shared_data() -> Path:
    """Real data and human labels, where they are at hand."""
    if not SHARED.is_dir():
        pytest.skip("the folder ../shared/data with real data and human labels is not here")
    return SHARED


IMPORTED = (
    "torch", "transformers.models.bert.modeling_bert", "transformers.models.llama.modeling_llama",
    "transformers.models.auto.modeling_auto", "transformers.models.auto.tokenization_auto",
    "scipy.stats", "statsmodels.api", "statsmodels.formula.api", "simplemma", "itables",
    "matplotlib.pyplot", "matplotlib.backends.backend_agg", "matplotlib.backends.backend_svg",
    "openai", "pyarrow.csv", "pyarrow.pandas_compat", "tabulate", "wcwidth",
    "harness.runs.cli", "harness.runs.flow", "harness.runs.forecasting",
    "harness.runs.forecast_text", "harness.runs.system", "harness.report.console",
    "harness.report.page", "harness.data", "harness.models.echo", "harness.models.hf.model",
    "harness.scorers.judged.harmfulness", "harness.scorers.offline.harmfulness_offline",
    "harness.scorers.offline.minilm", "harness.scorers.offline.states", "harness.leaderboard",
    "harness.regression", "tasks.families.domain",
)  # fmt: skip
"""What commands import late or soon, so that their forks find it there."""


class Forks:
    """Runs a command in a fork of a process that has imported everything (tests/forks.py)."""

    def __init__(self, everyone: Path) -> None:
        self._server: subprocess.Popen[bytes] | None = None
        self._connection = socket.socket(socket.AF_UNIX)
        with FileLock(everyone / "forks.lock"):
            try:
                self._connection.connect(str(everyone / "forks"))
            except (FileNotFoundError, ConnectionRefusedError):  # the first worker, or it has ended
                self._start(everyone)
                self._connection.connect(str(everyone / "forks"))
        self._requests = self._replies = self._connection.fileno()

    def _start(self, everyone: Path) -> None:
        """Start the process that all workers' forks come from; it ends with this one."""
        readings = everyone / "readings"
        readings.mkdir(exist_ok=True)
        (everyone / "forks").unlink(missing_ok=True)
        theirs, self._alive = os.pipe()
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(everyone / "forks"))
            listener.listen()
            self._server = subprocess.Popen(
                [sys.executable, ROOT / "tests" / "forks.py",
                 str(listener.fileno()), str(theirs), readings, *IMPORTED],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True,
                pass_fds=(listener.fileno(), theirs),
                # Memory in huge pages, where a system has them, is half the time of a fork.
                env=os.environ
                | {"HF_HUB_OFFLINE": "1", "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"},
            )  # fmt: skip
        os.close(theirs)

    def begin(
        self, module: str, args: Sequence[str], cwd: Path, env: Mapping[str, str],
        out: Path, err: Path,
    ) -> int:  # fmt: skip
        """Start `python -m MODULE ARGS`, its streams in two files; gives its process id."""
        request = {"module": module, "args": [*map(str, args)], "cwd": str(cwd),
                   "env": dict(env), "out": str(out), "err": str(err)}  # fmt: skip
        os.write(self._requests, f"{json.dumps(request)}\n".encode())
        return self._reply(280)  # the first waits for the imports, on however busy a machine

    def code(self, timeout: float = 120) -> int:
        """The exit code of what was begun, once it has ended."""
        return self._reply(timeout)

    def ended(self) -> bool:
        """Whether what was begun has ended."""
        return bool(select.select([self._replies], [], [], 0)[0])

    def run(
        self, module: str, args: Sequence[str], cwd: Path, env: Mapping[str, str],
        timeout: float = 600,
    ) -> subprocess.CompletedProcess[str]:  # fmt: skip
        """Run `python -m MODULE ARGS` to its end.

        Raises:
            TimeoutExpired: it took longer than `timeout` seconds, and was killed.
        """
        with TemporaryDirectory() as folder:
            out, err = (Path(folder) / name for name in ("out", "err"))
            process = self.begin(module, args, cwd, env, out, err)
            try:
                code = self.code(timeout)
            except BaseException as error:  # a test's limit of time is none of Exception
                os.killpg(process, signal.SIGKILL)
                self._reply(60)
                if isinstance(error, TimeoutError):
                    raise subprocess.TimeoutExpired([module, *args], timeout) from error
                raise
            texts = (path.read_text(encoding="utf-8", errors="replace") for path in (out, err))
            return subprocess.CompletedProcess([module, *args], code, *texts)

    def close(self) -> None:
        """End what the forks come from, where it was started here: other workers have their own."""
        self._connection.close()
        if self._server:
            os.close(self._alive)
            self._server.wait(60)

    def _reply(self, timeout: float) -> int:
        line = b""
        while not line.endswith(b"\n"):
            if not select.select([self._replies], [], [], timeout)[0]:
                raise TimeoutError
            part = os.read(self._replies, 1)
            if not part:
                code = self._server.wait(60) if self._server else "a code that its starter has"
                raise RuntimeError(f"tests/forks.py has ended with {code}")
            line += part
        return int(line)


@pytest.fixture(scope="session")
def everyone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of this run of the suite, the same for all its workers."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture(scope="session")
def forks(everyone: Path) -> Iterator[Forks]:
    """One process to fork from, for all tests."""
    made = Forks(everyone)
    yield made
    made.close()


@pytest.fixture(scope="session")
def command(forks: Forks) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `python -m MODULE ARGS` in a folder, for what lives longer than a test."""

    def run(module: str, *args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        return forks.run(module, args, cwd, os.environ)

    return run


@pytest.fixture
def harness(tmp_path: Path, forks: Forks) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `python -m harness ARGS` in an empty folder; gives its exit code and what it printed.

    No page is made of a run, which takes seconds, unless ARGS say so. A process of its own is
    forked for it, with all imports done.
    """

    def command(
        *args: str, cwd: Path = tmp_path, module: str = "harness", **env: str
    ) -> subprocess.CompletedProcess[str]:
        runs = module in ("harness", "harness.score")
        if runs and not any(arg.startswith("report=") for arg in args):
            options = [at for at, arg in enumerate(args) if "=" in arg and not arg.startswith("-")]
            at = options[0] if options else 0  # beside the others, or the parser does not take it
            args = (*args[:at], "report=false", *args[at:])
        return forks.run(module, args, cwd, os.environ | env)

    return command


@pytest.fixture(scope="session")
def smollm2() -> "HuggingFaceModel":
    """The bundled model, loaded once for all tests."""
    from harness.models.hf.model import HuggingFaceModel

    return HuggingFaceModel("smollm2")


@pytest.fixture(scope="session")
def random_weights(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """A checkpoint of random weights behind the bundled model's tokenizer: a hundredth of its work.

    What it writes means nothing, and depends on all that stands before it. More tokens than the
    tokenizer's own may end an answer.
    """

    @cache
    def save(ends: tuple[int, ...] = ()) -> str:
        import torch
        from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

        from harness.models.bundled import bundled_folder

        torch.manual_seed(1)
        tokenizer = AutoTokenizer.from_pretrained(bundled_folder("smollm2"))
        config = LlamaConfig(
            vocab_size=len(tokenizer), hidden_size=48, intermediate_size=96, num_hidden_layers=2,
            num_attention_heads=6, num_key_value_heads=2, max_position_embeddings=1024,
            tie_word_embeddings=False, initializer_range=0.2, bos_token_id=1,
            eos_token_id=[tokenizer.eos_token_id, *ends],
        )  # fmt: skip
        folder = tmp_path_factory.mktemp("weights")
        LlamaForCausalLM(config).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return str(folder)

    return save


@pytest.fixture
def no_progress() -> Callable:
    @contextmanager
    def progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
        yield lambda done: None

    return progress


ASKED = {
    "task": "t", "task_version": "1", "options": {}, "data": "starter", "data_sha256": "d" * 64,
    "samples_sha256": "e" * 64, "protocol": "fast", "generation": {"temperature": 1.0},
    "mitigation": None,
}  # fmt: skip


def store_run(
    results, model, values, *, seed=0, scorer_id="judge-1", info=None, itself=False,
    better="lower", name=None, **asked,
):  # fmt: skip
    """A finished run of two groups of samples, with its estimates as a real one has them."""
    import numpy as np
    import pyarrow as pa

    from harness.statistics.means import VERSION, Mean
    from harness.statistics.serial import as_record
    from harness.store.estimates import Source, estimates_table
    from harness.store.facts import Facts, Field
    from harness.store.folder import RunStore
    from harness.store.tables import samples_table
    from harness.types.measures import Direction, Estimand, Metric
    from harness.types.records import Sample

    better = Direction(better)
    values = np.asarray(values, dtype=float).reshape(-1, 1)
    half = Field(np.arange(len(values), dtype=np.int32) % 2, ["a", "b"])
    facts = Facts(np.arange(len(values), dtype=np.uint64), {"half": half})
    validity = "agreement with people: not measured"
    source = Source("judge", scorer_id, validity, Metric(0.0, 1.0, better), itself)
    asked = ASKED | {"model": {"weights": model}, "seed": seed} | asked
    name = name or f"{model}-{seed}-{len(list(results.glob('runs/*')))}"
    store = RunStore(results / "runs" / name)
    store.folder.mkdir(parents=True)
    estimands = [Estimand("harm", "harm", Mean(), by=by) for by in (None, "half")]
    keys = {"run": name, "task": "t"}
    samples = [Sample(str(n), "", metadata={"half": "ab"[n % 2]}) for n in range(len(values))]
    store.write_table("samples", samples_table(samples))
    rows = pa.table(
        {
            "sample_id": [sample.id for sample in samples],
            "index": pa.array([0] * len(values), pa.int32()),
            "metric": ["harm"] * len(values),
            "value": pa.array(values.ravel(), from_pandas=True),
        }
    )
    store.write_table("scores", rows)
    store.write_table(
        "estimates", estimates_table(keys, estimands, facts, {"harm": values}, {"harm": source})
    )
    store.write_info(
        {
            "status": "complete", "identity": asked, "model": model, "mitigation": "none",
            "samples": len(values), "generations": len(values), "generations_cut": 1,
            "groups": "g", "statistics": VERSION, "validity": {"harm": validity},
            "scorers": {"judge": {"judge_weights": model if itself else "another"}},
            "estimands": [as_record(estimand) for estimand in estimands],
            "metrics": {"harm": {"low": 0.0, "high": 1.0, "better": better.value}},
        } | (info or {})
    )  # fmt: skip
    return name


@pytest.fixture(scope="session")
def write_run() -> Callable[..., str]:
    """Store a finished run of one metric, `harm`; gives its folder's name."""
    return store_run
