"""Spares tests what Hydra does anew in each composition of the same options."""

import copy
import sys
from functools import cache
from pathlib import Path
from typing import Any

import omegaconf._utils
import omegaconf.base
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra.plugins.config_source import ConfigResult
from omegaconf import DictConfig

from harness.command import CONF_DIR


def remember_files() -> None:
    """Let this process and its forks parse each YAML file, and each reference, once.

    A file that has changed is parsed again, and what is handed out is a copy.
    """
    omegaconf.base.parse = omegaconf._utils.parse = cache(omegaconf.base.parse)
    load = FileConfigSource.load_config
    known: dict[tuple[Any, ...], ConfigResult] = {}

    def load_once(source: FileConfigSource, config_path: str) -> ConfigResult:
        file = Path(source.path, source._normalize_file_name(config_path))
        if not file.is_file():
            return load(source, config_path)  # says so
        state = file.stat()
        asked = (file, source.path, source.provider, state.st_mtime_ns, state.st_size)
        if asked not in known:
            known[asked] = load(source, config_path)
        return copy.deepcopy(known[asked])

    FileConfigSource.load_config = load_once


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
