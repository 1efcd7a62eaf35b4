"""Spares tests what Hydra does anew in each composition of the same options."""

import copy
import io
import os
import sys
from functools import cache
from pathlib import Path
from typing import Any

import omegaconf._utils
import omegaconf.base
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from omegaconf import DictConfig, OmegaConf

from harness.command import CONF_DIR


def remember_files() -> None:
    """Let this process and its forks parse each YAML file, and each reference, once.

    A file that has changed is parsed again, and what is handed out is a copy. Hydra runs the
    modules of its sources anew when it looks for plugins, so that nothing holds which is changed
    in those: all of them read by `OmegaConf.load`.
    """
    omegaconf.base.parse = omegaconf._utils.parse = cache(omegaconf.base.parse)
    load = OmegaConf.load
    known: dict[tuple[Any, ...], Any] = {}

    def load_once(file: Any) -> Any:
        if not isinstance(file, io.TextIOWrapper):
            return load(file)
        state = os.fstat(file.fileno())
        asked = (file.name, state.st_ino, state.st_mtime_ns, state.st_size)
        if asked not in known:
            known[asked] = load(file)
        return copy.deepcopy(known[asked])

    OmegaConf.load = staticmethod(load_once)


def remember_compositions() -> None:
    """Let this process compose the same options of our own YAML once; it hands out copies."""
    load = ConfigLoaderImpl.load_configuration
    known: dict[tuple[Any, ...], DictConfig] = {}

    def compose_once(
        loader: ConfigLoaderImpl, config_name: str, overrides: list[str], *how: Any, **named: Any
    ) -> DictConfig:
        folders = [part.path for part in loader.get_search_path().get_path()]
        ours = ("pkg://", "structured://", str(CONF_DIR), f"file://{CONF_DIR}")
        if not all(path.startswith(ours) for path in folders) or any(
            "searchpath" in override for override in overrides
        ):
            return load(loader, config_name, overrides, *how, **named)
        by = (config_name, *overrides, how, *named.items())
        asked = (by, *folders, Path.cwd(), *sys.path)
        if asked not in known:
            known[asked] = load(loader, config_name, overrides, *how, **named)
        return copy.deepcopy(known[asked])

    ConfigLoaderImpl.load_configuration = compose_once
