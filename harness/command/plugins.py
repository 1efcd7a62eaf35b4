"""Makes the objects that configuration names, and says what is wrong where it cannot."""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import NoneType, UnionType
from typing import Any, get_args, get_type_hints

import hydra
from hydra.errors import InstantiationException
from omegaconf import DictConfig, OmegaConf

from harness.types import GenerationConfig, HarnessError, Scorer, ScorerRegistry, Task, trait

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
        made = hydra.utils.instantiate(_literal(_resolved(node)), _convert_="all")
    except InstantiationException as error:
        if isinstance(error.__cause__, HarnessError):
            raise error.__cause__ from error
        raise HarnessError(f"{where} cannot be made: {' '.join(str(error).split())}") from error
    members = {name for name in {**vars(kind), **kind.__annotations__} if name[0] != "_"}
    lacking = sorted(members - set(dir(made)))
    if lacking:
        raise HarnessError(
            f"{where}: {node['_target_']} is no {kind.__name__.lower()}: it lacks "
            f"{', '.join(lacking)} (see harness/types/plugins.py)"
        )
    return made


def scorers_of(
    cfg: DictConfig, span: str = "full", made: Callable[[str, Any, type], Any] = make
) -> ScorerRegistry:
    """The scorers that a command's options choose, under their names.

    Args:
        cfg: of the command; it has `scorers`.
        span: what of an answer they are shown.
        made: makes each of them, as `make` does; a suite's makes none twice.

    Raises:
        HarnessError: none is chosen, one cannot be made, or two give the same metric.
    """
    if not cfg.scorers:
        raise HarnessError("no scorer is chosen; name at least one with scorer=[...]")
    scorers = {
        str(name): made(f"scorers.{name}", node, Scorer) for name, node in cfg.scorers.items()
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
    given = {override.lstrip("+~").split("=")[0] for override in overrides}
    settings: Mapping[str, Any] = trait(task, "settings")
    return replace(
        configured, **{k: v for k, v in settings.items() if f"generation.{k}" not in given}
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
        hint = hints.get(name)
        kinds = set(get_args(hint)) if isinstance(hint, UnionType) else {hint}
        plain = kinds <= {str, int, float, bool, NoneType}
        if plain and type(value) not in kinds and not (type(value) is int and float in kinds):
            allowed = " or ".join(
                sorted("null" if k is NoneType else str(getattr(k, "__name__", k)) for k in kinds)
            )
            raise HarnessError(f"{where}.{name}={value!r} must be {allowed}")
