"""What the command line would make of names and options, for who calls from Python."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, flag_override

from harness.command.config import CONF_DIR, check, register
from harness.command.faults import sentence
from harness.command.maps import compose
from harness.command.plugins import make
from harness.types import HarnessError, Task


@contextmanager
def composing() -> Iterator[None]:
    """Let `hydra.compose` read our YAML; a Hydra of the caller's own is as it was afterwards.

    Raises:
        HarnessError: what is composed inside means nothing, in the command line's words.
    """
    register()
    callers = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
            yield
    except HarnessError:
        raise
    except Exception as error:
        raise HarnessError(sentence(error)) from error
    finally:
        GlobalHydra.instance().hydra = callers


def configured(task: str, *overrides: str) -> DictConfig:
    """The configuration of `python -m harness task=TASK OVERRIDES...`.

    Raises:
        HarnessError: an option means nothing.
    """
    with composing():
        cfg = compose("config", [f"task={task}", *overrides])
    with flag_override(cfg, ["readonly", "struct"], False):
        del cfg["hydra"]
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
    task: Task = make("task", node, Task)
    return task


def options_of(group: str) -> list[str]:
    """The names in a group of the configuration, those of installed plugins among them."""
    with composing():
        names: list[str] = GlobalHydra.instance().config_loader().get_group_options(group)
    return sorted(names)
