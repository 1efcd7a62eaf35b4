"""Holds what finishes in small parts until it is worth a shard."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Generic, Self, TypeVar

ROWS_OF_A_SHARD = 4096
"""Generations after which a shard is written, however soon."""

T = TypeVar("T")


class Gathered(Generic[T]):
    """Holds what finishes in small parts, so that it is stored in few shards.

    It is stored when there is much of it or `seconds` have passed since the last time, whichever
    is first: what a kill takes with it never took longer than that to make.
    """

    def __init__(self, write: Callable[[list[T]], None], seconds: float) -> None:
        self.write = write
        self.seconds = seconds
        self._held: list[T] = []
        self._since = time.monotonic()

    def add(self, items: Iterable[T]) -> None:
        """Hold these, and store all that is held if it is time."""
        self._held.extend(items)
        if len(self._held) >= ROWS_OF_A_SHARD or time.monotonic() - self._since >= self.seconds:
            self.flush()

    def flush(self) -> None:
        """Store what is held."""
        held, self._held = self._held, []
        if held:
            self.write(held)
        self._since = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.flush()
