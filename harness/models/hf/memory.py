"""How much fits, and what to do when it did not."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol, TypeVar

import psutil
import torch

Item = TypeVar("Item")

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""Options of glibc's `mallopt` (malloc.h)."""


class Halving(Protocol):
    """What can be asked to do with half of the memory."""

    def halve(self) -> None:
        """Do with half of the memory from now on."""
        ...


def fill(items: Sequence[Item], cost: Callable[[Item], int], budget: int) -> list[Item]:
    """As many of the first items as the budget holds, and at least one."""
    spent = 0
    for count, item in enumerate(items):
        spent += cost(item)
        if count and spent > budget:
            return list(items[:count])
    return list(items)


def in_batches(
    items: list[Item],
    take: Callable[[list[Item]], list[Item]],
    work: Callable[[list[Item]], None],
    budget: Halving,
) -> Iterator[tuple[list[Item], bool]]:
    """Work on the items, the first ones first, and say of each batch whether it was done.

    A batch that memory does not hold is cut and tried again; one item that memory does not hold
    alone is not done.
    """
    while items:
        batch = take(items)
        fits = True
        try:
            work(batch)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            fits = False
        if not fits:
            release()
            if len(batch) > 1:
                budget.halve()
                continue
        del items[: len(batch)]
        yield batch, fits


def is_out_of_memory(error: BaseException) -> bool:
    """Whether less work at once would have gone well."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return "allocate memory" in str(error) or "not enough memory" in str(error)


def release() -> None:
    """Give unused memory back to the device, and to the system."""
    with suppress(OSError, AttributeError):  # only glibc keeps freed memory and can be asked for it
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    if torch.accelerator.is_available():
        torch.accelerator.empty_cache()


def hold_freed() -> None:
    """Keep what this process frees for what it takes next, until `release` gives it back.

    A forward takes and frees the same room in each layer. What goes back to the system in between
    is cleared anew, page by page, each time that it is taken: of 64 long conversations that was a
    third of the processor's time.
    """
    with suppress(OSError, AttributeError):  # other systems have no such setting
        libc = ctypes.CDLL("libc.so.6")
        for option in (MMAP_THRESHOLD, TRIM_THRESHOLD):
            # glibc before 2.35 refuses the first number for the first option.
            _ = libc.mallopt(option, 2**30) or libc.mallopt(option, 2**25)


def free_bytes(device: torch.device) -> int:
    """Memory of a device, or of this machine, that is free; a container's limit counts."""
    if device.type != "cpu" and hasattr(torch.accelerator, "get_memory_info"):
        return int(torch.accelerator.get_memory_info(device)[0])
    free = int(psutil.virtual_memory().available)
    try:
        group = Path("/sys/fs/cgroup")
        limit = int((group / "memory.max").read_text("utf-8"))
        return min(free, limit - int((group / "memory.current").read_text("utf-8")))
    except (OSError, ValueError):  # no such file, or `max`: no limit
        return free


def best_device() -> str:
    """The accelerator that torch finds, as torch writes it, else the CPU."""
    device = torch.accelerator.current_accelerator(check_available=True)
    return device.type if device else "cpu"
