"""Spares tests what Hydra does anew in each composition: to parse YAML and references."""

import copy
from functools import cache
from pathlib import Path
from typing import Any

import omegaconf._utils
import omegaconf.base
from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra.plugins.config_source import ConfigResult


def remember() -> None:
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
