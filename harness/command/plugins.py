"""Makes the objects that configuration names, and says what is wrong where it cannot."""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import isfinite
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

import hydra
from hydra.errors import InstantiationException
from omegaconf import DictConfig, OmegaConf

from harness.types import GenerationConfig, HarnessError, Scorer, ScorerRegistry, Task, trait

PLAIN = (str, int, float, bool, NoneType)
REFERENCE = re.compile(r"(\\*)\$\{")
"""The beginning of a reference of OmegaConf's, with the backslashes that escape it."""


def make(where: str, node: Any, kind: type) -> Any:
    """The object that a YAML names by its `_target_`.

    Raises:
        HarnessError: it cannot be made, or lacks what its kind has.
    """
    if not isinstance(node, Mapping | DictConfig) or "_target_" not in node:
        raise HarnessError(f"{where}={node!r} names no class; its YAML needs a `_target_`")
    _check_types(where, node)
    try:
        plugin = hydra.utils.instantiate(_literal(_resolved(node)), _convert_="all")
    except InstantiationException as error:
        if isinstance(error.__cause__, HarnessError):
            raise error.__cause__ from error
        raise HarnessError(f"{where} cannot be made: {' '.join(str(error).split())}") from error
    members = {name for name in {**vars(kind), **kind.__annotations__} if name[0] != "_"}
    lacking = sorted(members - set(dir(plugin)))
    if lacking:
        raise HarnessError(
            f"{where}: {node['_target_']} is no {kind.__name__.lower()}: it lacks "
            f"{', '.join(lacking)} (see harness/types/plugins.py)"
        )
    return plugin


def scorers_of(
    cfg: DictConfig, span: str = "full", maker: Callable[[str, Any, type], Any] = make
) -> ScorerRegistry:
    """The scorers that a command's options choose, under their names.

    Args:
        cfg: of the command; it has `scorers`.
        span: what of an answer they are shown.
        maker: makes each of them, as `make` does; a suite's makes none twice.

    Raises:
        HarnessError: none is chosen, one cannot be made, or two give the same metric.
    """
    if not cfg.scorers:
        raise HarnessError("no scorer is chosen; name at least one with scorer=[...]")
    scorers = {
        str(name): maker(f"scorers.{name}", node, Scorer) for name, node in cfg.scorers.items()
    }
    return ScorerRegistry(scorers, span)


def generation_of(cfg: DictConfig, task: Task, overrides: Sequence[str]) -> GenerationConfig:
    """How answers are generated: by the overrides, else by the task's `settings`, else by `cfg`.

    Args:
        cfg: of a run.
        task: that it asks.
        overrides: that `cfg` was composed with, as the command line has them.
    """
    configured: GenerationConfig = OmegaConf.to_object(cfg.generation)  # type: ignore[assignment]
    named = {override.lstrip("+~").split("=")[0] for override in overrides}
    settings: Mapping[str, Any] = trait(task, "settings")
    return replace(
        configured, **{k: v for k, v in settings.items() if f"generation.{k}" not in named}
    )


def _resolved(node: Mapping[Any, Any] | DictConfig) -> Any:
    return OmegaConf.to_container(node, resolve=True) if isinstance(node, DictConfig) else node


def _literal(value: Any) -> Any:
    """The value as `instantiate` hands it on unchanged: it resolves every text twice."""
    if isinstance(value, str):
        return REFERENCE.sub(r"\1\1\\${", REFERENCE.sub(r"\1\1\\${", value))
    if isinstance(value, Mapping):
        return {key: _literal(item) for key, item in value.items()}
    return [_literal(item) for item in value] if isinstance(value, list) else value


def _check_types(where: str, node: Mapping[Any, Any]) -> None:
    """Refuse a plain value that is not of the type that the class declares for it.

    Raises:
        HarnessError: with the value and the type.
    """
    try:
        hints = get_type_hints(pkgutil.resolve_name(node["_target_"]).__init__)
    except (ImportError, AttributeError, ValueError, TypeError, KeyError, NameError):
        return  # what is no class of ours is said when it is made
    for name, value in node.items():
        if name in hints and not _fits(value, hints[name]):
            raise HarnessError(f"{where}.{name}={value!r} must be {_type_in_words(hints[name])}")
        if not _is_finite(value):
            raise HarnessError(f"{where}.{name}={value!r} must hold finite numbers")


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value is of a declared type; a type that is neither plain nor a list fits all."""
    if isinstance(hint, UnionType):
        return any(_fits(value, member) for member in get_args(hint))
    if hint in PLAIN:
        return type(value) is hint or (type(value) is int and hint is float)
    if get_origin(hint) is Sequence:
        is_list = isinstance(value, Sequence) and not isinstance(value, str)
        return is_list and all(_fits(element, get_args(hint)[0]) for element in value)
    return True


def _is_finite(value: Any) -> bool:
    """Whether a number, or all that a list or a table of options holds, is finite."""
    if isinstance(value, Mapping):
        return "_target_" in value or all(map(_is_finite, value.values()))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return all(map(_is_finite, value))
    return not isinstance(value, float) or isfinite(value)


def _type_in_words(hint: Any) -> str:
    """A declared type in words."""
    if isinstance(hint, UnionType):
        return " or ".join(sorted(map(_type_in_words, get_args(hint))))
    if get_origin(hint) is Sequence:
        return f"a list of {_type_in_words(get_args(hint)[0])}"
    return "null" if hint is NoneType else str(getattr(hint, "__name__", hint))
