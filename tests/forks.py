"""A process that has imported what commands need, and forks one for each that is asked for.

Most of what a command costs in a test are its imports. Here they are paid once: a fork runs the
module as `python -m` does, with arguments, folder, environment and standard streams of its own,
and ends as an interpreter does. All workers of a run of the suite share the one process: each has a
connection, on which it asks with a line of JSON and is answered with the fork's process id, and its
exit code when it has ended.

The offline scorers read the same texts in every run (200 anchors, to begin with). A fork reads with
networks that stand here, and what one has read is kept in a folder for the suite's others: by
the weights and all that is read at once, so that nothing but a second reading of the same is saved.

    python tests/forks.py LISTENER STARTER FOLDER MODULE...

the numbers of a listening socket and of a pipe that ends with the worker which started this, where
readings are kept, and what to import.
"""

import atexit
import copy
import gc
import hashlib
import importlib
import json
import os
import runpy
import select
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import torch
from composing import remember_files
from hydra import compose, initialize_config_dir
from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra._internal.hydra import Hydra
from omegaconf import OmegaConf

from harness.command import CONF_DIR, register
from harness.models.bundled import bundled_weights
from harness.scorers.offline import minilm, states
from harness.scorers.rules.refusal import RefusalScorer
from harness.types import ScorerRegistry, digest_file, written_whole
from harness.validity.anchors import measure

THREADS = torch.get_num_threads()
"""Of a fork. Threads that OpenMP has started are gone in a fork, which would wait for them."""


def accept(listener: socket.socket, starter: int) -> socket.socket | None:
    """Fork for each worker that connects until the first has ended; in a fork, its connection."""
    while True:
        ready, _, _ = select.select([listener, starter], [], [])
        if starter in ready:
            return None
        connection, _ = listener.accept()
        if not os.fork():
            listener.close()
            os.close(starter)
            return connection
        connection.close()


def serve(requests: TextIO, replies: TextIO) -> dict[str, Any] | None:
    """Fork for each request until there are no more; in a fork, gives the request it is for."""
    for line in requests:
        request = json.loads(line)
        process = os.fork()
        if not process:
            requests.close()
            replies.close()
            return request
        print(process, file=replies, flush=True)
        _, status = os.waitpid(process, 0)
        print(os.waitstatus_to_exitcode(status), file=replies, flush=True)
    return None


def keep_readings(folder: Path) -> None:
    """Let every fork share the encoder, and what others of the suite have read with the same."""
    encoder, tokenizer = minilm.published()

    class Kept(minilm.Reader):
        """Reads a list of texts once for all forks."""

        def __init__(self, weights: Path, device: str = "auto") -> None:
            super().__init__(weights, device)
            self.weights = digest_file(weights)

        def __call__(self, texts: Sequence[minilm.Text]) -> np.ndarray:
            return kept(
                folder, [self.weights, self.device, *texts], partial(super().__call__, texts)
            )

    class KeptEncoder(minilm.SentenceEncoder):
        """Reads a list of texts once for all forks, as the encoder was published."""

        def __call__(self, texts: Sequence[str]) -> np.ndarray:
            return kept(
                folder, ["published", self.device, *texts], partial(super().__call__, texts)
            )

    minilm.published = lambda: (copy.deepcopy(encoder), tokenizer)
    minilm.Reader = Kept
    minilm.SentenceEncoder = KeptEncoder


def kept(folder: Path, asked: Sequence[Any], read: Callable[[], np.ndarray]) -> np.ndarray:
    """What was read of this before, or is read now and kept."""
    path = folder / f"{hashlib.sha256(json.dumps(asked).encode()).hexdigest()}.npy"
    if not path.exists():
        with written_whole(path) as file:
            np.save(file, read())
    return np.load(path)


def keep_states(folder: Path) -> None:
    """Let every fork share the first layers of the bundled model, and what others have read."""
    weights, read = bundled_weights(states.MODEL), states.States._of
    states.States()  # a process loads them once

    class Kept(states.States):
        """Reads a pair once for all forks."""

        def _of(self, pair: states.Pair) -> torch.Tensor:
            asked = [weights, self.device, str(self.model.dtype), *pair]
            return torch.from_numpy(kept(folder, asked, lambda: read(self, pair).numpy(force=True)))

    states.States = Kept


def read_what_rules_need() -> None:
    """Let every fork share the weights and the dictionary that the refusal scorer reads with."""
    measure(ScorerRegistry({"refusal": RefusalScorer()}), "refusal")


def compose_before() -> None:
    """Spare every fork what the first composition takes: plugins looked for, grammars learnt.

    And to parse our YAML, and Hydra's look for `hydra.mode`, which no test sets: it composes all
    twice.
    """
    Hydra.get_mode = lambda *_, **__: None
    remember_files()
    register()
    source = FileConfigSource("main", f"file://{CONF_DIR}")
    for path in CONF_DIR.rglob("*.yaml"):
        source.load_config(str(path.relative_to(CONF_DIR)))
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        cfg = compose("config", ["task=med_harm", "backend=echo"], return_hydra_config=True)
        OmegaConf.to_container(cfg.task, resolve=True)


def fork_for_commands(address: str, out: str, err: str) -> None:
    """Give a command that starts `python -m MODULE` a fresh fork for it, not an interpreter.

    The test of the gate's example for GitHub starts interpreters, as users do.
    """
    start = subprocess.run

    def forked(command: list[str], **options: Any) -> subprocess.CompletedProcess[Any]:
        python = command[:2] == [sys.executable, "-m"] and options == {"check": False}
        if not python:
            return start(command, **options)
        request = {"module": command[2], "args": command[3:], "cwd": str(Path.cwd()),
                   "env": dict(os.environ), "out": out, "err": err}  # fmt: skip
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(address)
            with connection.makefile("rw") as replies:
                print(json.dumps(request), file=replies, flush=True)
                _, code = replies.readline(), int(replies.readline())
        return subprocess.CompletedProcess(command, code)

    subprocess.run = forked


def run(module: str, args: list[str], cwd: str, env: dict[str, str], out: str, err: str) -> None:
    """Become `python -m MODULE ARGS`."""
    os.setsid()
    for path, number in ((out, 1), (err, 2)):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(file, number)
        os.close(file)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    torch.set_num_threads(THREADS)
    sys.argv[:] = [module, *args]
    sys.path[:1] = [cwd, *filter(None, env.get("PYTHONPATH", "").split(os.pathsep))]
    code: object = 0
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        code = ended.code
    except BaseException:  # noqa: BLE001 - as the interpreter does with what nobody has caught
        traceback.print_exc()
        code = 1
    _end(code)


def _end(code: object) -> None:
    """End as an interpreter does, but for taking every module apart, which takes half a second."""
    if code is not None and not isinstance(code, int):
        print(code, file=sys.stderr)
        code = 1
    threading._shutdown()  # waits for the threads that would keep an interpreter from ending
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code or 0)


def main() -> None:
    """Import, then serve."""
    torch.set_num_threads(1)
    numbers, folder, modules = sys.argv[1:3], sys.argv[3], sys.argv[4:]
    for module in modules:
        importlib.import_module(module)
    keep_readings(Path(folder))
    keep_states(Path(folder))
    read_what_rules_need()
    compose_before()
    gc.freeze()  # so that a fork's collector copies no page of what stands here
    listener, starter = socket.socket(fileno=int(numbers[0])), int(numbers[1])
    address = listener.getsockname()
    connection = accept(listener, starter)
    if connection is None:
        return
    requests, replies = (connection.makefile(mode) for mode in "rw")
    connection.close()
    request = serve(requests, replies)
    if request:
        fork_for_commands(address, request["out"], request["err"])
        run(**request)


if __name__ == "__main__":
    main()
