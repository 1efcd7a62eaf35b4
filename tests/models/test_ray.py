"""Replicas answer as the model does, whatever becomes of them; none of it lost, none doubled."""

import contextlib
import os
import signal
import sys
import textwrap
import time
from collections import Counter
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hydra import compose, initialize_config_dir

from harness.command import CONF_DIR, make, register
from harness.models.echo import EchoModel
from harness.models.hf.model import HuggingFaceModel
from harness.models.ray.cluster import Share, connect
from harness.models.ray.model import RayModel
from harness.testing import check_model
from harness.types.errors import HarnessError
from harness.types.plugins import Model
from harness.types.records import Request
from harness.types.settings import GenerationConfig

SETTINGS = GenerationConfig(max_new_tokens=8)
REQUESTS = [Request(f"s{i}", f"prompt {i} of many", (0, 1)) for i in range(60)]
FRAIL = '''
import os
import signal
import time
from pathlib import Path

from harness.models.echo import EchoModel
from harness.types import HarnessError


class Frail(EchoModel):
    """Echoes one request at a time; a file named after a sample in `folder` is an instruction."""

    def __init__(self, folder, pause=0.0, **options):
        super().__init__(**options)
        self.folder = Path(folder)
        self.pause = pause

    def generate(self, requests, generation, seed):
        for request in requests:
            (self.folder / f"{os.getpid()}.pid").touch()
            for what in self.folder.glob(f"*.{request.sample_id}"):
                self.obey(what)
            for answers in super().generate([request], generation, seed):
                time.sleep(self.pause)
                yield answers

    def obey(self, what):
        if what.stem == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if what.stem == "die-once":
            what.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        if what.stem == "wait":
            while len(list(self.folder.glob("*.pid"))) < 2:
                time.sleep(0.05)
        if what.stem == "refuse":
            raise HarnessError("put this right")
        if what.stem == "break":
            raise ValueError("a fault")
'''


@pytest.fixture(scope="module", autouse=True)
def cluster():
    """One cluster of this machine for all tests, ended with them."""
    connect(None)
    yield
    sys.modules["ray"].shutdown()


def make_frail(folder, monkeypatch):
    """A model that does as it is told, in a module that replicas find as this process does."""
    name = f"frail_{folder.name.replace('-', '_')}"
    (folder / f"{name}.py").write_text(FRAIL)
    monkeypatch.syspath_prepend(str(folder))
    return partial(__import__(name).Frail, str(folder))


@pytest.fixture
def frail(tmp_path, monkeypatch):
    return make_frail(tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def long_lived(tmp_path_factory):
    """Two replicas that several tests ask, as often replaced as they die, and their folder."""
    folder = tmp_path_factory.mktemp("pair")
    with pytest.MonkeyPatch.context() as monkeypatch:
        frail = make_frail(folder, monkeypatch)
        yield replicated(partial(frail, pause=0.02), restarts=99), folder


@pytest.fixture
def pair(long_lived):
    """The two without instructions, and their folder without a trace of who has answered."""
    model, folder = long_lived
    forget(folder)
    return model, folder


def replicated(make, **options) -> RayModel:
    return RayModel(make, **({"replicas": 2, "cpus": 0.5, "chunk": 8} | options))


def answers(model, requests=REQUESTS):
    given = [g for some in model.generate(requests, SETTINGS, 0) for g in some]
    assert set(Counter((g.sample_id, g.index) for g in given).values()) <= {1}
    return {(g.sample_id, g.index): g for g in given}


def forget(folder: Path) -> None:
    """Take back what was told, and who was seen: replicas that live are seen when they answer."""
    for path in (*folder.glob("*.pid"), *folder.glob("*.s*")):
        path.unlink()


def pids(folder: Path) -> set[int]:
    return {int(path.stem) for path in folder.glob("*.pid")}


def test_it_keeps_the_contract_of_models(pair):
    check_model(pair[0])


def test_requests_are_shared_by_replicas_that_live_on(pair):
    model, folder = pair
    expected = answers(EchoModel())
    (folder / "wait.s0").touch()  # or all is done before the other has started
    assert answers(model) == expected
    first = pids(folder)
    assert len(first) == 2
    assert os.getpid() not in first
    assert answers(model) == expected
    assert pids(folder) == first
    assert model.device_used is None  # as the echo says of itself


def test_answers_come_while_others_are_worked_on(pair):
    model, _ = pair
    arrivals = [time.monotonic() for _ in model.generate(REQUESTS, SETTINGS, 0)]
    assert len(arrivals) == 60
    assert arrivals[-1] - arrivals[0] > 0.5


def test_a_replica_that_dies_is_replaced_and_what_it_left_is_asked_again(pair, caplog):
    model, folder = pair
    (folder / "die-once.s17").touch()
    assert answers(model) == answers(EchoModel())
    assert caplog.text.count("a replica has died and is replaced, because its worker process") == 1


def test_a_replica_that_is_killed_from_outside_loses_and_doubles_nothing(pair, caplog):
    model, folder = pair
    given, killed = [], False
    for some in model.generate(REQUESTS, SETTINGS, 0):
        given += some
        if len(given) >= 40 and not killed:
            os.kill(min(pids(folder)), signal.SIGKILL)
            killed = True
    assert len(given) == 120
    assert {(g.sample_id, g.index): g for g in given} == answers(EchoModel())
    assert caplog.text.count("a replica has died and is replaced") == 1


def test_a_replica_that_dies_between_calls_is_replaced(pair):
    model, folder = pair
    assert answers(model) == answers(EchoModel())
    killed = min(pids(folder))
    os.kill(killed, signal.SIGKILL)
    forget(folder)
    (folder / "wait.s0").touch()  # for the other, whichever is asked for it
    assert answers(model) == answers(EchoModel())
    assert len(pids(folder) - {killed}) == 2


def test_name_identity_and_weighing_are_the_model_s_own():
    echo = partial(EchoModel, name="parrot", answer="hello", weighs_choices=False)
    model = RayModel(echo)
    assert (model.name, model.weighs_choices) == ("parrot", False)
    assert model.identity == echo().identity
    assert RayModel(echo, name="judge").name == "judge"


def test_no_requests_start_nothing(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert list(replicated(EchoModel).generate([], SETTINGS, 0)) == []


def test_too_many_deaths_are_one_sentence(frail, tmp_path):
    (tmp_path / "die.s17").touch()
    model = replicated(frail, replicas=1, restarts=1)
    with pytest.raises(HarnessError, match=r"2 replicas have died, more than backend\.restarts=1"):
        answers(model)
    assert len(pids(tmp_path)) == 2


def test_what_the_user_can_put_right_is_said_as_the_model_says_it(frail, tmp_path):
    (tmp_path / "refuse.s17").touch()
    with pytest.raises(HarnessError, match=r"^put this right$") as caught:
        answers(replicated(frail, replicas=1))
    assert type(caught.value) is HarnessError


def test_a_fault_ends_the_run_with_what_it_says(frail, tmp_path):
    (tmp_path / "break.s17").touch()
    with pytest.raises(ValueError, match="a fault"):
        answers(replicated(frail, replicas=1))


def test_another_model_on_another_machine_is_refused(tmp_path):
    (tmp_path / "answer").write_text("one")
    model = replicated(lambda: EchoModel(answer=(tmp_path / "answer").read_text()), replicas=1)
    assert "one" in model.identity["answer"]
    (tmp_path / "answer").write_text("other")
    with pytest.raises(HarnessError, match="is not the one here: answer differ"):
        answers(model)


def test_a_run_that_is_broken_off_ends_at_once(frail):
    model = replicated(partial(frail, pause=0.5))
    stream = model.generate(REQUESTS, SETTINGS, 0)
    next(stream)
    started = time.monotonic()
    stream.close()
    assert time.monotonic() - started < 2
    model.replica.keywords["pause"] = 0.0
    few = REQUESTS[:1]  # a replica that was starting lives on, and pauses as it was told
    assert answers(model, few) == answers(EchoModel(), few)


def test_an_idle_model_makes_room_for_another(frail, tmp_path):
    whole = {"replicas": 1, "cpus": float(os.cpu_count() or 1)}
    one, other = replicated(frail, **whole), replicated(EchoModel, **whole)
    expected = answers(one)
    held = list(one._replicas)  # as the traceback of an error holds them
    assert answers(other) == expected
    assert answers(one) == expected
    assert len(pids(tmp_path)) == 2
    assert len(held) == 1


def test_what_its_yaml_makes_is_a_model_that_answers_as_it_does_without_ray(random_weights):
    register()
    asked = ["backend=ray", f"model={random_weights()}", "backend.cpus=1", "backend.replicas=1"]
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        cfg = compose("config", asked)
    model, alone = make("backend", cfg.backend, Model), HuggingFaceModel(random_weights())
    requests = [Request(f"r{i}", f"The capital of {x} is") for i, x in enumerate(("Chad", "Peru"))]
    assert model.identity == alone.identity
    assert answers(model, requests) == answers(alone, requests)
    assert model.device_used == str(alone.device_used).partition(":")[0]
    check_model(model)
    (replica,) = model._replicas  # the one process that has loaded it
    threads = replica.actor.__ray_call__.remote(lambda _: sys.modules["torch"].get_num_threads())
    assert sys.modules["ray"].get(threads) == model.cpus == 1


BIG = {"CPU": 16.0, "GPU": 4.0}


@pytest.mark.parametrize(
    ("machines", "asked", "share"),
    [
        ([{"CPU": 8.0}], ("auto", "auto", "auto"), (1, 8, 0)),
        ([{"CPU": 8.0}], (2, "auto", "auto"), (2, 4, 0)),
        ([{"CPU": 8.0}], (3, "auto", "auto"), (3, 2, 0)),
        ([{"CPU": 8.0}], (16, 0.5, "auto"), (16, 0.5, 0)),
        ([{"CPU": 8.0}, {"CPU": 4.0}], (3, "auto", "auto"), (3, 4, 0)),
        ([BIG, BIG, {"GPU": 8.0}], ("auto", "auto", "auto"), (8, 1, 1)),
        ([BIG, {"CPU": 64.0}], (2, "auto", 2), (2, 1, 2)),
        ([BIG, {"CPU": 64.0}], (2, "auto", 0), (2, 32, 0)),
        ([BIG], ("auto", 8, 0.5), (2, 8, 0.5)),
    ],
)
def test_a_cluster_is_shared_out(machines, asked, share):
    assert Share.of(machines, *asked) == Share(*share)


@pytest.mark.parametrize(
    ("machines", "asked"),
    [
        ([{"CPU": 2.0}], (3, "auto", "auto")),
        ([{"CPU": 2.0}], ("auto", 4, "auto")),
        ([{"CPU": 2.0}], (1, "auto", 1)),
        ([BIG], (5, "auto", "auto")),
        ([], ("auto", "auto", "auto")),
    ],
)
def test_what_can_never_be_placed_is_said_and_not_waited_for(machines, asked):
    with pytest.raises(HarnessError, match=r"too many: the cluster has room for \d+; ask for"):
        Share.of(machines, *asked)


@pytest.mark.parametrize(
    "option",
    [
        {"replicas": 0},
        {"replicas": "all"},
        {"cpus": 0},
        {"gpus": -1},
        {"chunk": 0},
        {"restarts": -1},
    ],
)
def test_a_wrong_option_is_said_before_anything_starts(option):
    ((name, value),) = option.items()
    with pytest.raises(HarnessError, match=rf"backend\.{name}={value!r} must be at least"):
        _ = RayModel(EchoModel, **option).identity


def test_a_missing_package_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(HarnessError, match=r'pip install "harness\[ray\]"'):
        answers(replicated(EchoModel))


ECHO = ("backend=ray", "backend@backend.replica=echo", "backend.replicas=2", "scorer=[refusal]")


def test_the_command_line_goes_on_on_a_running_cluster_with_what_another_backend_began(
    harness, tmp_path
):
    ray = connect(None)
    known = len(ray.nodes())
    address = ray.get_runtime_context().gcs_address
    began = harness("backend=echo", "scorer=[refusal]", "limit=10")
    options = ["limit=40", "backend.cpus=0.5", "generation.n=1", f"backend.address='{address}'"]
    done = harness(*ECHO, *options)
    assert done.returncode == 0, done.stderr
    assert began.stderr == done.stderr == ""
    assert done.stdout.startswith("med_harm version")
    assert len(ray.nodes()) == known
    (folder,) = (tmp_path / "results" / "runs").iterdir()
    shards = [pq.read_table(path) for path in (folder / "generations").glob("*.parquet")]
    assert len(shards) >= 2
    assert len({s for shard in shards for s in shard["sample_id"].to_pylist()}) == 40
    assert sum(map(len, shards)) == 40


def test_a_run_makes_a_cluster_of_its_own_and_ends_with_it(harness):
    done = harness(*ECHO, "backend.replicas=1", "limit=3")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("med_harm version")


def test_help_and_finished_runs_need_no_ray(harness, tmp_path):
    harness("backend=echo", "scorer=[refusal]", "limit=5")
    (tmp_path / "site" / "ray").mkdir(parents=True)
    (tmp_path / "site" / "ray" / "__init__.py").write_text("raise ImportError('imported')")
    path = {"PYTHONPATH": str(tmp_path / "site")}
    assert harness(*ECHO, "--help", **path).returncode == 0
    assert harness(*ECHO, "limit=5", **path).returncode == 0
    more = harness(*ECHO, "limit=6", **path)
    assert more.returncode == 1
    assert more.stderr == 'error: backend=ray needs Ray: pip install "harness[ray]"\n'


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["backend.replicas=0"], "backend.replicas=0 must be at least 1"),
        (["backend.replicas=1.5"], "backend.replicas=1.5 must be int or str"),
        (["backend.replicas=999", "backend.address=ADDRESS"], "the cluster has room for"),
        (
            ["backend.address='localhost:1'"],
            "backend.address='localhost:1' leads to no Ray cluster",
        ),
    ],
)
def test_what_cannot_be_is_one_sentence(harness, arguments, said):
    address = connect(None).get_runtime_context().gcs_address
    done = harness(*ECHO, "limit=3", *(a.replace("ADDRESS", f"'{address}'") for a in arguments))
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_an_interrupted_run_ends_soon_with_the_cluster_it_has_made(tmp_path, forks):
    (tmp_path / "frail.py").write_text(textwrap.dedent(FRAIL))
    arguments = [
        *ECHO, "limit=288", "backend.cpus=0.5", "backend.chunk=2",
        "backend.replica._target_=frail.Frail", f"+backend.replica.folder={tmp_path}",
        "+backend.replica.pause=1.5",  # so long that it cannot end before the third interrupt
    ]  # fmt: skip
    out, errors = tmp_path / "out", tmp_path / "err"
    process = forks.begin("harness", arguments, tmp_path, os.environ, out, errors)
    while not list(tmp_path.glob("results/runs/*/generations/*.parquet")) and not forks.ended():
        time.sleep(0.05)
    code = None
    for _ in range(3):
        os.killpg(process, signal.SIGINT)
        with contextlib.suppress(TimeoutError):
            code = forks.code(timeout=30)
            break  # else Python has lost an interrupt that fell into a callback
    assert code == 130, errors.read_text()
    assert out.read_text() == ""
    said = errors.read_text().strip()
    assert said == "stopped; nothing stored is lost, the same command goes on from here"
