"""Options that are maps, whose names are the user's own: whole, or a name at a time."""

from __future__ import annotations

import inspect
import pkgutil
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_origin, get_type_hints

import hydra
from hydra.errors import ConfigCompositionException, HydraException
from omegaconf import DictConfig, OmegaConf

from harness.command.faults import sentence
from harness.types import HarnessError

WRITTEN = re.compile(r"(?P<key>[\w.]+)=(?P<value>.*)", re.DOTALL)
"""An override that changes what is there."""


def compose(config: str, overrides: Sequence[str]) -> DictConfig:
    """`conf/CONFIG.yaml` with the overrides, and with Hydra's own settings.

    Hydra takes no names that the YAML lacks. `KEY={NAME: VALUE}` and `KEY.NAME=VALUE` add them
    here, where KEY is a map that takes any; what stood in it stays.

    Raises:
        HarnessError: an override means nothing.
    """
    try:
        try:
            return hydra.compose(config, list(overrides), return_hydra_config=True)
        except ConfigCompositionException:
            widened = _widened(config, overrides)
            if widened == list(overrides):
                raise
            return hydra.compose(config, widened, return_hydra_config=True)
    except Exception as error:  # whatever Hydra raises for an override that means nothing
        raise HarnessError(sentence(error, config, overrides)) from error


def with_maps(config: str, arguments: Sequence[str]) -> list[str]:
    """The arguments as Hydra alone takes them, which then asks for more than one composition.

    A sweep, whose values no composition takes, is left as it is.
    """
    options = [argument for argument in arguments if re.match(r"[^-]\S*=|~", argument)]
    if not any(map(_map_of, options)):
        return list(arguments)
    try:
        widened = dict(zip(options, _widened(config, options), strict=True))
    except HydraException:
        return list(arguments)
    return [widened.get(argument, argument) for argument in arguments]


def _widened(config: str, overrides: Sequence[str]) -> list[str]:
    """The overrides, with `++` before those that give a map names of the user's own."""
    named = [_map_of(override) for override in overrides]
    remaining = [override for override, key in zip(overrides, named, strict=True) if key is None]
    cfg = hydra.compose(config, remaining)
    return [
        f"++{override}" if key is not None and _takes_any_name(cfg, key) else override
        for override, key in zip(overrides, named, strict=True)
    ]


def _map_of(override: str) -> str | None:
    """The key of the map that an override would add names to; None: it would to none."""
    match = WRITTEN.fullmatch(override)
    if match is None:
        return None
    if match["value"].lstrip().startswith("{"):
        return match["key"]
    return match["key"].rpartition(".")[0] or None


def _takes_any_name(cfg: DictConfig, key: str) -> bool:
    """Whether an option is declared as a map, by its schema or by the class that takes it."""
    where, _, name = key.rpartition(".")
    parent = OmegaConf.select(cfg, where) if where else cfg
    if not OmegaConf.is_dict(parent) or name not in parent:
        return False
    declared = _declared(parent).get(name)
    return any(
        inspect.isclass(kind) and issubclass(kind, Mapping)
        for part in (declared, *get_args(declared))
        for kind in [get_origin(part) or part]
    )


def _declared(node: DictConfig) -> Mapping[str, Any]:
    """The types of a node's values, as its schema or its class declares them."""
    schema = OmegaConf.get_type(node)
    try:
        if is_dataclass(schema):
            hints = get_type_hints(schema)
            return {
                field.name: dict if field.metadata.get("map") else hints[field.name]
                for field in fields(schema)
            }
        return get_type_hints(pkgutil.resolve_name(node["_target_"]).__init__)
    except (ImportError, AttributeError, ValueError, TypeError, KeyError, NameError):
        return {}  # what is no class of ours is said when it is made
