"""Replicas of any other backend on the devices of a Ray cluster; one machine is a cluster too."""

from __future__ import annotations

import logging
import math
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any
from weakref import WeakSet

from harness.models.ray.cluster import Share, connect
from harness.models.ray.replica import Answers, Replica, Surroundings
from harness.types import Generation, GenerationConfig, HarnessError, Model, Request, trait

logger = logging.getLogger(__name__)

SMALLEST_CHUNK = 16
"""Chunks shrink to this towards the end, so that all replicas finish at about the same time."""
LEAST = {"replicas": 1, "cpus": 0.01, "gpus": 0, "chunk": 1, "restarts": 0}
PATIENCE = 30.0
"""Seconds without a word from any replica, after which it is said what may be the matter."""
_models: WeakSet[RayModel] = WeakSet()
"""Those that hold devices: one that is idle lets go of them when another starts replicas."""
_turns = threading.Lock()


@dataclass(slots=True)
class _Served:
    """A replica as it is seen from here; its process ends with the last reference to the actor."""

    actor: Any
    awaited: Any
    """What its next word comes by; None: it has nothing to do."""
    asked: Sequence[Request] = ()
    unanswered_keys: set[tuple[str, int]] = field(default_factory=set)
    """What of it has not been answered: sample and index."""

    def ask(self, requests: Sequence[Request], generation: GenerationConfig, seed: int) -> None:
        self.asked = requests
        self.unanswered_keys = {
            (request.sample_id, i) for request in requests for i in request.indices
        }
        stream = self.actor.generate.options(num_returns="streaming")
        self.awaited = stream.remote(requests, generation, seed)

    def next_word(self) -> Any:
        """A reference to it; the end of a stream raises StopIteration."""
        return next(self.awaited) if self.asked else self.awaited

    def unanswered(self) -> list[Request]:
        requests = [
            replace(
                r, indices=tuple(i for i in r.indices if (r.sample_id, i) in self.unanswered_keys)
            )
            for r in self.asked
        ]
        return [request for request in requests if request.indices]


class RayModel:
    """Has requests answered by replicas of a model, each in a process of its own.

    A replica that dies is replaced, and what it has not answered is asked again. Replicas change
    no answer, so that name and identity are those of the model itself.

    Args:
        replica: makes the model: here, to know what it is, and in each replica, to be asked.
        name: what to make it with, where that is not the name that `replica` holds.
        address: None: a cluster of this machine alone, which ends with this process; `auto`: the
            cluster that this machine is part of; or HOST:PORT of that cluster's head.
        replicas: how many; `auto`: as many as there is room for.
        cpus: of each replica, and its threads; `auto`: 1 beside a GPU, else its share of a machine.
        gpus: of each replica; `auto`: 1 where the cluster has any.
        chunk: requests that a replica is given at once at most; fewer towards the end.
        restarts: dead replicas that are replaced before the run is given up.
    """

    device = "auto"
    """Where it will run is for the cluster to say."""

    def __init__(
        self,
        replica: Callable[..., Model],
        name: str | None = None,
        address: str | None = None,
        replicas: int | str = "auto",
        cpus: float | str = "auto",
        gpus: float | str = "auto",
        chunk: int = 256,
        restarts: int = 3,
    ) -> None:
        self.replica = partial(replica, name=name) if name else replica
        self.address = address
        self.replicas = replicas
        self.cpus = cpus
        self.gpus = gpus
        self.chunk = chunk
        self.restarts = restarts
        self.device_used: str | None = None
        """What the replicas on this machine run on, once they do; None: none is here."""
        self._share: Share | None = None
        self._replicas: list[_Served] = []
        self._working = False
        self._deaths = 0

    @property
    def name(self) -> str:
        """The model's."""
        return self._model.name

    @property
    def weighs_choices(self) -> bool:
        """Whether the model does."""
        return self._model.weighs_choices

    @property
    def notes(self) -> Sequence[str]:
        """What the model found out without being loaded."""
        return list(trait(self._model, "notes"))

    @property
    def identity(self) -> Mapping[str, str]:
        """The model's: what another backend has begun, replicas of it go on with.

        Raises:
            HarnessError: an option has a wrong value, or there is no such model.
        """
        for option, least in LEAST.items():
            value = getattr(self, option)
            if value == "auto" and option in ("replicas", "cpus", "gpus"):
                continue
            if isinstance(value, str) or not least <= value < math.inf:
                raise HarnessError(f"backend.{option}={value!r} must be at least {least}")
        return self._model.identity

    def generate(
        self, requests: Sequence[Request], generation: GenerationConfig, seed: int
    ) -> Iterator[list[Generation]]:
        """Deal the requests out in their order, the next chunk to the first replica that is free.

        Raises:
            HarnessError: no package, no cluster or no room on it, or too many replicas died.
        """
        if not requests:
            return
        ray = connect(self.address)
        if self._share is None:  # once: a machine that is lost later ends no run
            machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
            self._share = Share.of(machines, self.replicas, self.cpus, self.gpus)
        share = self._share
        todo = deque(requests)
        least = min(SMALLEST_CHUNK, math.ceil(len(todo) / share.replicas))
        with _turns:
            self._working = True
        try:
            while todo or self._busy():
                for replica in self._replicas:
                    if replica.awaited is None and todo:
                        size = max(least, math.ceil(len(todo) / (2 * share.replicas)))
                        chunk = [todo.popleft() for _ in range(min(size, self.chunk, len(todo)))]
                        replica.ask(chunk, generation, seed)
                while len(self._replicas) < min(share.replicas, len(self._busy()) + len(todo)):
                    self._start(ray, share)
                for replica in self._heard(ray):
                    if answers := self._hear(ray, replica, todo):
                        yield answers
        finally:
            for replica in self._busy():  # nobody waits for it any more
                ray.kill(replica.actor)
                self._replicas.remove(replica)
            self._working = False

    def rendered(self, request: Request) -> str | None:
        """The text that a request becomes, where the model can tell it before it is loaded."""
        render = trait(self._model, "rendered")
        return render(request) if render else None

    def vendor_text(self) -> str | None:
        """The system text that the model's chat template writes where none is asked for."""
        find = trait(self._model, "vendor_text")
        return find() if find else None

    @cached_property
    def _model(self) -> Model:
        return self.replica()

    def _busy(self) -> list[_Served]:
        return [replica for replica in self._replicas if replica.asked]

    def _start(self, ray: Any, share: Share) -> None:
        self._make_room(ray)
        actor = ray.remote(Replica).options(num_cpus=share.cpus, num_gpus=share.gpus)
        actor = actor.remote(Surroundings.here(max(1, int(share.cpus)), share.gpus))
        started = actor.start.remote(self.replica, dict(self.identity))
        self._replicas.append(_Served(actor, started))

    def _make_room(self, ray: Any) -> None:
        with _turns:
            for other in [model for model in _models if not model._working]:
                other._end(ray)
            _models.add(self)

    def _end(self, ray: Any) -> None:
        """End every replica at once, whatever still refers to it: an error's traceback may."""
        while self._replicas:
            with suppress(ray.exceptions.ActorHandleNotFoundError):  # its cluster has ended
                ray.kill(self._replicas.pop().actor)

    def _heard(self, ray: Any) -> list[_Served]:
        """The replicas that have something to say; waits for the first of them."""
        awaited = {r.awaited: r for r in self._replicas if r.awaited is not None}
        heard, _ = ray.wait(list(awaited), timeout=PATIENCE)
        if heard:
            heard, _ = ray.wait(list(awaited), num_returns=len(awaited), timeout=0)
        elif not self._busy():
            self._make_room(ray)
            logger.warning("waiting for room on the Ray cluster; `ray status` shows who has it")
        return [awaited[word] for word in heard]

    def _hear(self, ray: Any, replica: _Served, todo: deque[Request]) -> list[Generation]:
        """What a replica has answered; where it has died, the rest is to do again.

        Raises:
            HarnessError: the replica's own, or too many have died.
        """
        from ray import exceptions

        try:
            word: Answers | None = ray.get(replica.next_word())
        except StopIteration:
            word = None
        except exceptions.RayTaskError as error:
            if isinstance(error.cause, HarnessError):
                raise error.cause from None
            raise
        except (
            exceptions.RayActorError, exceptions.NodeDiedError, exceptions.ObjectLostError,
            exceptions.OutOfMemoryError, exceptions.WorkerCrashedError,
        ) as error:  # fmt: skip
            ray.kill(replica.actor)  # where it is merely out of reach
            self._replicas.remove(replica)
            todo.extendleft(reversed(replica.unanswered()))
            self._mourn(error)
            return []
        if word is None:
            replica.awaited, replica.asked = None, ()
            return []
        for level, message in word.logged:
            logger.log(level, "%s", message)
        self.device_used = word.device or self.device_used
        replica.unanswered_keys -= {(answer.sample_id, answer.index) for answer in word.generations}
        return list(word.generations)

    def _mourn(self, error: Exception) -> None:
        message = " ".join(str(error).split())
        reason = message.partition("The actor is dead because ")[2] or message
        reason = reason.partition(" Some common causes include")[0].rstrip(".")[:300]
        self._deaths += 1
        if self._deaths > self.restarts:
            raise HarnessError(
                f"{self._deaths} replicas have died, more than backend.restarts={self.restarts} "
                f"allows (the last because {reason}); the same command goes on from here"
            )
        logger.warning("a replica has died and is replaced, because %s", reason)
