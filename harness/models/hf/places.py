"""Which places hold the parts of a model, by what each has room for: plain data, no torch."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import inf

from harness.types import HarnessError

AUTO, SPLIT = "auto", "auto-split"
CPU, DISK = "cpu", "disk"
DEVICE = re.compile(r"[a-z]+(:\d+)?")
"""As torch writes a device."""
SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([KMGT]i?B)")
POWERS = "KMGT"


@dataclass(frozen=True)
class Place:
    """A device, the memory of the CPU, or a disk."""

    name: str
    """As torch writes it, or `disk`."""
    room: float
    """Bytes of weights that it may hold."""


@dataclass(frozen=True)
class Block:
    """A part of a model that stays whole: a layer, an embedding, a head."""

    name: str
    """Of its module."""
    size: int
    """Bytes of its weights, without those that it shares with another."""
    beside: str | None = None
    """An earlier block with which it shares weights."""


def is_several(device: str) -> bool:
    """Whether `backend.device` names several places."""
    return device == SPLIT or "," in device


def parse_devices(device: str) -> tuple[str, ...]:
    """The places that `backend.device` names: accelerators in its order, then `cpu`, then `disk`.

    Raises:
        HarnessError: it is no device, names one twice, or none that computes.

    Example:
        >>> parse_devices("disk,cuda:1,cpu,cuda")
        ('cuda:1', 'cuda:0', 'cpu', 'disk')
    """
    if device in (AUTO, SPLIT):
        return (device,)
    names = [name.strip() for name in device.split(",")]
    if bad := [name for name in names if not DEVICE.fullmatch(name)]:
        raise HarnessError(
            f"backend.device={device!r}: {bad[0]!r} is no device; write {AUTO}, {SPLIT}, or "
            "devices as torch does: cuda:1, or cuda:0,cuda:1,cpu,disk"
        )
    several = len(names) > 1
    whole = [f"{n}:0" if several and n not in (CPU, DISK, "mps") and ":" not in n else n
             for n in names]  # fmt: skip
    if twice := [name for name in whole if whole.count(name) > 1]:
        raise HarnessError(f"backend.device={device!r} names {twice[0]} twice")
    if whole == [DISK]:
        raise HarnessError(
            f"backend.device={DISK} computes nothing; name what does beside it: {CPU},{DISK}"
        )
    return tuple(sorted(whole, key=lambda name: (name == DISK, name == CPU)))


def parse_memory(memory: str | Sequence[str] | None, devices: Sequence[str]) -> list[float] | None:
    """Bytes of weights that each device may hold at most; None: by what is free.

    Args:
        memory: `20GB,60GB`, one for each device.
        devices: as `parse_devices` gives them.

    Raises:
        HarnessError: it is no size, or there are more or fewer than devices.

    Example:
        >>> parse_memory("300MB,1GiB", ("cpu", "disk"))
        [300000000.0, 1073741824.0]
    """
    if memory is None:
        return None
    written = memory if isinstance(memory, str) else ",".join(map(str, memory))
    sizes = []
    for part in written.split(","):
        match = SIZE.fullmatch(part.strip())
        if match is None:
            raise HarnessError(
                f"backend.device_memory={written!r}: {part.strip()!r} is no size; write 20GB, "
                "500MB or 8GiB"
            )
        base = 1024 if "i" in match[2] else 1000
        sizes.append(float(match[1]) * base ** (POWERS.index(match[2][0]) + 1))
    if AUTO in devices or SPLIT in devices or len(sizes) != len(devices) or len(devices) < 2:
        raise HarnessError(
            f"backend.device_memory={written!r} gives {len(sizes)}, one for each of several "
            f"devices, and backend.device={','.join(devices)}; name as many"
        )
    return sizes


def refuse_missing(device: str, wanted: Sequence[str], here: Sequence[str]) -> None:
    """Refuse devices that are not there.

    Args:
        device: `backend.device`.
        wanted: the devices that it names.
        here: those that there are, as torch writes them.

    Raises:
        HarnessError: one is missing; it names those that there are.
    """
    present = {*here, *(name.partition(":")[0] for name in here), DISK, f"{CPU}:0"}
    if missing := [name for name in wanted if name not in present]:
        raise HarnessError(
            f"backend.device={device!r}: there is no {missing[0]} here; there is {', '.join(here)}"
        )


def computing(places: Sequence[Place]) -> list[Place]:
    """Those of the places whose parts are computed there: accelerators, or else the CPU.

    What the others hold is carried to the first of these at every forward.
    """
    accelerators = [place for place in places if place.name not in (CPU, DISK)]
    return accelerators or [place for place in places if place.name == CPU]


def spread(blocks: Sequence[Block], places: Sequence[Place], name: str) -> dict[str, str]:
    """The place of each block, in the order in which a model is computed.

    Where the places that compute hold all, each takes a share by its room, so that what is left for
    keys and values is of the same proportion; else they are filled, and the rest goes to the CPU's
    memory, then to disk. The first keeps room for the largest block that is carried to it.

    Args:
        blocks: in the model's order.
        places: accelerators, then `cpu`, then `disk`.
        name: what the user called the model.

    Raises:
        HarnessError: the places do not hold it.
    """
    work = computing(places)
    total, room = sum(block.size for block in blocks), sum(place.room for place in work)
    if total <= room:
        shares = [total * place.room / room if room < inf else total for place in work]
        if placed := _filled(blocks, work, list(accumulate(shares))):
            return placed
    first, *others = places
    computed, reserved = {place.name for place in work}, 0
    for _ in places:
        narrowed = [Place(first.name, max(0.0, first.room - reserved)), *others]
        placed = _filled(blocks, narrowed, [inf] * len(places))
        if placed is None:
            break
        carried = max([b.size for b in blocks if placed[b.name] not in computed], default=0)
        if carried <= reserved:
            return placed
        reserved = carried
    rooms = ", ".join(f"{place.name} {place.room / 1e9:.1f} GB" for place in places)
    raise HarnessError(
        f"model={name!r} has {total / 1e9:.1f} GB of weights, which do not fit ({rooms}); add "
        f"{' or '.join(n for n in (CPU, DISK) if n not in [p.name for p in places]) or 'devices'} "
        "to backend.device, or give more in backend.device_memory"
    )


def by_place(blocks: Sequence[Block], placed: Mapping[str, str]) -> dict[str, int]:
    """Bytes of weights that each place holds, in the order in which they are met."""
    sizes: dict[str, int] = {}
    for block in blocks:
        sizes[placed[block.name]] = sizes.get(placed[block.name], 0) + block.size
    return {place: size for place, size in sizes.items() if size}


def _filled(
    blocks: Sequence[Block], places: Sequence[Place], ends: Sequence[float]
) -> dict[str, str] | None:
    """Blocks in runs, each run ending nearest to its target; None where the last does not fit.

    Args:
        blocks: in order.
        places: in order.
        ends: bytes of all blocks up to the end of each place's run, where there is room.
    """
    placed: dict[str, str] = {}
    number, used, before = 0, 0.0, 0.0
    for block in blocks:
        if block.beside:
            placed[block.name] = placed[block.beside]
            continue
        if not block.size:  # positions, for example: where the input is
            placed[block.name] = places[0].name
            continue
        while number < len(places) - 1 and (
            used + block.size > places[number].room or before + block.size / 2 > ends[number]
        ):
            number, used = number + 1, 0.0
        if used + block.size > places[number].room:
            return None
        placed[block.name] = places[number].name
        used, before = used + block.size, before + block.size
    return placed
