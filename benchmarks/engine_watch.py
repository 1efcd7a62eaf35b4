"""How long a piece of work takes and how much memory it needs; without anything of this project."""

from __future__ import annotations

import ctypes
import gc
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import psutil
import torch

Answers = list[Any]
"""For each request (each copy of it) a text, or the number of the likeliest choice."""


@dataclass
class Measured:
    """One way to do one piece of work."""

    seconds: list[float] = field(default_factory=list)
    peak: int = 0
    """Bytes above what was in use before."""
    answers: Answers = field(default_factory=list)
    size: int = 0
    """Rows of a batch, where they are fixed."""

    @property
    def least(self) -> float:
        """Seconds of the quickest round: what else ran on the machine only adds to them."""
        return min(self.seconds)

    @property
    def median(self) -> float:
        """Seconds."""
        return statistics.median(self.seconds)


CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
"""The second counts what all threads of this process work, whatever else the machine does."""


def run(work: Callable[[], Answers], size: int, clock: str = "wall") -> Measured:
    """Do it once, with a watch on time and memory."""
    gc.collect()
    with suppress(OSError, AttributeError):  # only glibc keeps freed memory and can be asked for it
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    with watched() as peak:
        started = CLOCKS[clock]()
        answers = work()
        seconds = CLOCKS[clock]() - started
    return Measured([seconds], peak[0], answers, size)


@contextmanager
def watched() -> Iterator[list[int]]:
    """The most memory that was in use above what is in use now: the device's or the process's."""
    if torch.accelerator.is_available():
        torch.accelerator.reset_peak_memory_stats()
        before = torch.accelerator.memory_allocated()
        peak = [0]
        yield peak
        peak[0] = torch.accelerator.max_memory_allocated() - before
        return
    process, done = psutil.Process(), threading.Event()
    before = process.memory_info().rss
    peak = [0]

    def watch() -> None:
        while not done.wait(0.01):
            peak[0] = max(peak[0], process.memory_info().rss - before)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peak
    finally:
        done.set()
        thread.join()
