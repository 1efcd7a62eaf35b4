"""What the command line would make of a task's name, for who calls from Python."""

from __future__ import annotations

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig

from harness.command.config import CONF_DIR, check, register
from harness.command.plugins import make
from harness.types import Task


def configured(task: str, *overrides: str) -> DictConfig:
    """The configuration of `python -m harness task=TASK OVERRIDES...`.

    Raises:
        HarnessError: an option means nothing.
    """
    register()
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        cfg = compose("config", [f"task={task}", *overrides])
    check(cfg)
    return cfg


def task_of(name: str, **options: object) -> Task:
    """The task that `conf/task/NAME.yaml` describes, with these options of its own.

    Raises:
        HarnessError: it cannot be made with them.
    """
    node = configured(name).task
    for option, value in options.items():
        node[option] = value
    made: Task = make("task", node, Task)
    return made


def options_of(group: str) -> list[str]:
    """The names in a group of the configuration, those of installed plugins among them."""
    register()
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        names: list[str] = GlobalHydra.instance().config_loader().get_group_options(group)
    return sorted(names)
