"""What runs in the process of a replica, on whichever machine of a cluster that is."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.types import Generation, GenerationConfig, HarnessError, Model, Request, trait

CARRIED = ("HARNESS_", "HF_", "HUGGING_FACE_", "TRANSFORMERS_", "VLLM_")
"""Variables of the environment that a model finds in a replica as it does here."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a replica finds as it is where the run was started."""

    variables: Mapping[str, str]
    path: Sequence[str]
    folder: str
    host: str

    @classmethod
    def here(cls, threads: int, gpus: float) -> Surroundings:
        """Those of this process, with a replica's share of its machine."""
        variables = {k: v for k, v in os.environ.items() if k.startswith(CARRIED)}
        variables["OMP_NUM_THREADS"] = str(threads)
        if not gpus:
            variables["CUDA_VISIBLE_DEVICES"] = ""
        folder = os.getcwd()  # noqa: PTH109 - sys.path holds strings
        return cls(variables, tuple(sys.path), folder, socket.gethostname())

    def enter(self) -> None:
        """Make them this process's own."""
        os.environ.update(self.variables)
        # Ray puts the working directory first: a `tasks.py` in it would stand in for ours.
        known = [entry for entry in sys.path if entry not in (*self.path, self.folder)]
        sys.path[:] = [*self.path, *known]
        with contextlib.suppress(OSError):  # not every machine need have it
            os.chdir(self.folder)


@dataclass(frozen=True, slots=True)
class Answers:
    """What a replica hands over at once."""

    generations: Sequence[Generation]
    device: str | None
    """What kind the model runs on; None where it takes none, or is on another machine."""
    logged: Sequence[tuple[int, str]]
    """What was logged meanwhile: level and message."""


class Replica:
    """A model in a process of its own; made before anything that it needs is imported."""

    def __init__(self, surroundings: Surroundings) -> None:
        surroundings.enter()
        self._is_local = surroundings.host == socket.gethostname()
        self._logged = _Logged(logging.WARNING)
        logging.getLogger().addHandler(self._logged)

    def start(self, make: Callable[[], Model], identity: Mapping[str, str]) -> None:
        """Make the model.

        Raises:
            HarnessError: there is none here, or another than where the run was started.
        """
        self._model = make()
        here = self._model.identity
        differs = [k for k in {**identity, **here} if identity.get(k) != here.get(k)]
        if differs:
            raise HarnessError(
                f"the model on {socket.gethostname()} is not the one here: {', '.join(differs)} "
                "differ; give every machine of the cluster the same files and packages"
            )

    def generate(
        self, requests: Sequence[Request], generation: GenerationConfig, seed: int
    ) -> Iterator[Answers]:
        """Answer as the model does, and say what it logs."""
        for finished in self._model.generate(requests, generation, seed):
            yield Answers(finished, self._device(), self._logged.take())
        if logged := self._logged.take():
            yield Answers([], self._device(), logged)

    def _device(self) -> str | None:
        device: str | None = trait(self._model, "device_used")
        # Which of its kind it is has another number outside this process.
        return device.partition(":")[0] if device and self._is_local else None


class _Logged(logging.Handler):
    """Keeps what is logged, for the log of the run."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self._messages: list[tuple[int, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self._messages.append((record.levelno, record.getMessage()))

    def take(self) -> list[tuple[int, str]]:
        messages, self._messages = self._messages, []
        return messages
