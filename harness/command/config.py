"""The schema of a run's options, and where Hydra finds our YAML and that of installed plugins."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import InterpolationResolutionError

from harness.types import GenerationConfig, HarnessError, Thinking

_PACKAGE = Path(__file__).resolve().parents[1]
CONF_DIR = next(
    (folder for folder in (_PACKAGE / "conf", _PACKAGE.parent / "conf") if folder.is_dir()),
    _PACKAGE / "conf",
)
"""`harness/conf` in an installed wheel, `conf` beside the package in a checkout."""


@dataclass
class RunConfig:
    """Everything that `python -m harness` takes; a wrong name or type is refused by it."""

    model: str = "smollm2"
    protocol: str = "fast"
    limit: int | None = None
    system: str | None = None
    seed: int = 0
    results: str = "results"
    max_unmeasured: float = 0.05
    retry: str | None = None
    forecast: bool = False
    forecast_like: str | None = None
    show: str | None = None
    report: bool = True
    folders: str | None = None
    generation: GenerationConfig = field(default_factory=GenerationConfig)
    thinking: Thinking = field(default_factory=Thinking)
    protocols: dict[str, Any] = field(default_factory=dict)
    task: Any = MISSING
    backend: Any = MISSING
    scorers: dict[str, Any] = field(default_factory=dict)
    mitigation: Any = None
    person: Any = None
    mitigations: dict[str, Any] = field(default_factory=dict)
    suite: dict[str, Any] = field(default_factory=dict)


class PluginSearchPath(SearchPathPlugin):
    """Adds the YAML packages that installed plugins name under the entry point `harness.conf`."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Append each plugin's package; nothing of it is imported until it is chosen."""
        for plugin in entry_points(group="harness.conf"):
            search_path.append(plugin.name, f"pkg://{plugin.value}")


def register() -> None:
    """Tell Hydra of the schema and of installed plugins; before any configuration is composed."""
    schema = OmegaConf.structured(RunConfig)
    for record in (schema.generation, schema.thinking):
        OmegaConf.set_readonly(record, False)  # frozen as a record, open to the command line
    ConfigStore.instance().store(name="schema", node=schema)
    Plugins.instance().register(PluginSearchPath)


def check(cfg: DictConfig) -> None:
    """Refuse a key that means nothing and a protocol that the task does not have.

    Raises:
        HarnessError: with the names that there are.
    """
    known = [field.name for field in fields(RunConfig)]
    for name in cfg:
        if name not in known:
            raise HarnessError(f"there is no option {name!r}; there are {', '.join(known)}")
    for name in known:
        if name not in cfg:
            raise HarnessError(f"option {name!r} cannot be taken away")
    try:
        _check_values(cfg)
    except InterpolationResolutionError as error:
        raise HarnessError(unresolved(error)) from error


def unresolved(error: Exception) -> str:
    """What is said where a value refers to what is not there."""
    return f"the configuration does not resolve: {str(error).splitlines()[0]}"


def _check_values(cfg: DictConfig) -> None:
    """Refuse a value that means nothing.

    Raises:
        HarnessError: with those that do.
    """
    if not 0 <= cfg.max_unmeasured <= 1:
        raise HarnessError(f"max_unmeasured={cfg.max_unmeasured} must be from 0 to 1")
    if cfg.limit is not None and cfg.limit < 1:
        raise HarnessError(f"limit={cfg.limit} must be at least 1")
    if cfg.retry not in (None, "failed"):
        raise HarnessError(f"retry={cfg.retry!r} must be null or failed")
    if cfg.show not in (None, "all"):
        raise HarnessError(f"show={cfg.show!r} must be null or all")
    if cfg.protocol not in cfg.protocols:
        raise HarnessError(
            f"protocol={cfg.protocol!r} is not one of this task's: {', '.join(cfg.protocols)}"
        )


def protocol_label(cfg: DictConfig) -> str:
    """The protocol's name, with every setting in which the run departs from it.

    So `paper` and `paper max_new_tokens=64` are different protocols in every table.
    """
    declared = dict(cfg.protocols[cfg.protocol])
    standard = {**vars(GenerationConfig()), **declared}
    settings = {**{k: v for k, v in cfg.task.items() if k in declared}, **cfg.generation}
    changed = [f"{name}={value}" for name, value in settings.items() if value != standard[name]]
    return " ".join([cfg.protocol, *changed])
