"""A Ray cluster: connected to quietly, and shared out among replicas."""

from __future__ import annotations

import logging
import math
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.types import HarnessError

SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",  # Ray reports to standard output, where results stand alone
    "RAY_IGNORE_UNHANDLED_ERRORS": "1",  # of replicas that nobody listens to any more
}
STORE_BYTES = 256 * 2**20
"""Memory for messages in a cluster made here: they are small, and what does not fit is spilled."""


def connect(address: str | None) -> Any:
    """The package `ray`, connected: to a cluster made here, or to the one at this address.

    Raises:
        HarnessError: there is no such package or cluster.
    """
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError as error:
        raise HarnessError('backend=ray needs Ray: pip install "harness[ray]"') from error
    if ray.is_initialized():
        return ray
    settings = {"include_dashboard": False, "object_store_memory": STORE_BYTES}
    try:
        _check_port(address or "")
        ray.init(
            address or "local",
            log_to_driver=False,
            logging_level=logging.ERROR,
            **({} if address else settings),
        )
    except (ConnectionError, OSError, RuntimeError, ValueError) as error:
        raise HarnessError(
            f"backend.address={address!r} leads to no Ray cluster that can be used "
            f"({' '.join(str(error).split())[:300]}); start one with `ray start --head` (where it "
            "uses tokens, RAY_AUTH_MODE=token is needed here), or leave it null for one of this "
            "machine alone"
        ) from error
    return ray


def _check_port(address: str) -> None:
    """Raise OSError at once where nobody listens: Ray would try again for minutes."""
    host, _, port = address.rpartition(":")
    if port.isdigit():
        socket.create_connection((host, int(port)), timeout=10).close()


@dataclass(frozen=True, slots=True)
class Share:
    """How many replicas there are to be, and what each takes of its machine."""

    replicas: int
    cpus: float
    gpus: float

    @classmethod
    def of(
        cls,
        machines: Sequence[Mapping[str, float]],
        replicas: int | str,
        cpus: float | str,
        gpus: float | str,
    ) -> Share:
        """Fill in what is `auto`.

        Raises:
            HarnessError: the cluster has no room for them, however long one waits.
        """
        machines = [machine for machine in machines if machine.get("CPU")]
        if isinstance(gpus, str):
            gpus = float(any(machine.get("GPU") for machine in machines))
        if isinstance(cpus, str):
            cpus = 1.0 if gpus else _even_cpus(machines, replicas)
        room = _room(machines, cpus, gpus)
        count = room if isinstance(replicas, str) else replicas
        if not 0 < count <= room:
            raise HarnessError(
                f"backend.replicas={replicas} with {cpus:g} CPUs and {gpus:g} GPUs each are too "
                f"many: the cluster has room for {room}; ask for fewer, or for less with "
                "backend.cpus and backend.gpus, which may be 0.5"
            )
        return cls(count, cpus, gpus)


def _even_cpus(machines: Sequence[Mapping[str, float]], replicas: int | str) -> float:
    """As many CPUs as each of so many replicas can have, or a whole machine's."""
    sizes = [machine["CPU"] for machine in machines] or [1.0]
    if isinstance(replicas, str):  # one on each machine at least
        return min(sizes)
    larger = range(int(max(sizes)), 1, -1)
    return next((float(cpus) for cpus in larger if _room(machines, cpus, 0) >= replicas), 1.0)


def _room(machines: Sequence[Mapping[str, float]], cpus: float, gpus: float) -> int:
    needs = {"CPU": cpus, "GPU": gpus}
    return sum(
        min(math.floor(machine.get(name, 0) / need + 1e-9) for name, need in needs.items() if need)
        for machine in machines
    )
