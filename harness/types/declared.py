"""How what a plugin says of itself is read, and a name that is nearly a trait's is found."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from difflib import get_close_matches
from types import UnionType
from typing import Any, NamedTuple, get_args

from harness.types.errors import HarnessError
from harness.types.traits import TRAITS

NEAR = 0.8
"""How alike two names are (difflib's ratio, from 0 to 1) of which one is a slip of the other:
`whole_cluster`, `note` and `aside` are, `memo` for `memory` (0.8) just so, `labels` is not."""
ABSENT = object()


class Misspelt(NamedTuple):
    """An attribute that nothing reads, and the trait that its name is nearly."""

    name: str
    nearest: str


def trait(plugin: object, name: str) -> Any:
    """What a plugin says of itself under a trait's name, or the trait's default.

    An error inside of a property is that error, never the default.

    Raises:
        HarnessError: what it says is not of the trait's type.
        KeyError: there is no such trait.
    """
    declared = next(traits[name] for traits in TRAITS.values() if name in traits)
    try:
        value = getattr(plugin, name)
    except AttributeError:
        if inspect.getattr_static(plugin, name, ABSENT) is not ABSENT:
            raise
        return declared.default
    if not _is(value, declared.type):
        raise HarnessError(
            f"{type(plugin).__name__}.{name}={value!r} must be {_words(declared.type)}: "
            f"{declared.doc}"
        )
    return value


def misspelt(kind: str, plugin: object) -> Iterator[Misspelt]:
    """The public attributes of a plugin that are nearly a trait which it does not have.

    Args:
        kind: of plugin, as `TRAITS` has it.
        plugin: an object of a class of that kind.
    """
    lacking = {_plain(name): name for name in TRAITS[kind] if not hasattr(plugin, name)}
    for name in dir(plugin):
        if name.startswith("_") or name in TRAITS[kind]:
            continue
        for near in get_close_matches(_plain(name), lacking, n=1, cutoff=NEAR):
            yield Misspelt(name, lacking[near])


def notes_of(*plugins: object) -> list[str]:
    """What plugins found out about what came from outside, each note once: their trait `notes`."""
    return list(dict.fromkeys(note for plugin in plugins for note in trait(plugin, "notes")))


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def _is(value: object, kind: type | UnionType) -> bool:
    """Whether a value is of a type; a text is no sequence of names."""
    if isinstance(value, str):
        return str in (get_args(kind) or (kind,))
    return isinstance(value, kind)


def _words(kind: type | UnionType) -> str:
    names = (getattr(part, "__name__", str(part)) for part in get_args(kind) or (kind,))
    return " or ".join("None" if name == "NoneType" else name for name in names)
