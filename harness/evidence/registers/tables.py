"""The registers, checked and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from harness.types import HarnessError

Register = Mapping[str, Any]


@cache
def registers() -> Sequence[Register]:
    """All that ship, checked."""
    import yaml

    path = Path(__file__).with_name("registers.yaml")
    read: Sequence[Register] = yaml.safe_load(path.read_text(encoding="utf-8"))
    for register in read:
        check(register)
    return read


def check(register: Register) -> None:
    """Refuse a register whose sections do not sum to its total, or that fills no axis of its own.

    Raises:
        HarnessError: with both numbers, or the axis.
    """
    total, lines = register.get("total"), register["lines"]
    counted = sum(line.get("count", 0) for line in lines)
    if total is not None and counted != total:
        sections = " + ".join(str(line.get("count", 0)) for line in lines)
        raise HarnessError(f"{register['name']}: {sections} = {counted}, and the total is {total}")
    axes = register.get("axes", ())
    for line in lines:
        for axis in line["here"] if axes else ():
            if axis not in axes:
                raise HarnessError(f"{register['name']}: {axis!r} is none of {', '.join(axes)}")


def markdown(registers: Sequence[Register]) -> str:
    """The registers as tables."""
    return "\n".join(line for register in registers for line in _table(register))


def _table(register: Register) -> Iterator[str]:
    yield f"## {register['name']}\n\nSource: {register['source']}.\n"
    axes, lines = register.get("axes"), register["lines"]
    counts = any("count" in line for line in lines)
    head = ["", *(axes or [*(["studies"] if counts else []), "here"])]
    yield f"| {' | '.join(head)} |\n|{'---|' * len(head)}"
    for line in lines:
        here = line["here"]
        if axes:
            cells = [here.get(axis, "") for axis in axes]
        else:
            cells = [*([str(line["count"])] if counts else []), here or "nothing"]
        yield f"| {' | '.join([line['name'], *cells])} |"
    if axes:
        filled = sum(len(line["here"]) for line in lines)
        yield f"\n{filled} of {len(lines) * len(axes)} cells are filled."
    yield ""
