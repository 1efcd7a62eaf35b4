"""What the two sides of a comparison are asked, as options of `python -m harness`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hydra.core.hydra_config import HydraConfig

from harness.command import quoted
from harness.types import HarnessError


def options_of(settings: Mapping[str, Any], side: str, asked: Mapping[str, Any]) -> list[str]:
    """The options of a side's runs, the seed aside.

    Args:
        settings: the command's configuration.
        side: its name.
        asked: what is said of it: model, mitigation, backend, seeds, options of its own.

    Raises:
        HarnessError: it names no model, or nothing that it is to be asked.
    """
    tasks = count_of(settings)
    if not tasks or (asked.get("model") is None and asked.get("backend") is None):
        raise HarnessError(
            f"{side} names neither a run folder nor, with experiment=NAME or task=NAME, a model: "
            f"{side}=results/runs/... or experiment=card {side}.model=..."
        )
    arguments = [str(option) for option in asked.get("options") or ()]
    chosen = {k: v for k, v in asked.items() if v is not None and k not in ("seeds", "options")}
    question = (
        f"task={settings['one_task']}"
        if settings["one_task"]
        else f"experiment={HydraConfig.get().runtime.choices['experiment']}"
    )
    options = [question, *(f"{name}={value}" for name, value in chosen.items())]
    return [
        *options,
        f"results={quoted(settings['results'])}",
        "report=false",
        *settings["options"],
        *arguments,
    ]


def count_of(settings: Mapping[str, Any]) -> int:
    """How many tasks a side is asked.

    Raises:
        HarnessError: a task and an experiment are given.
    """
    if settings["one_task"] and settings["suite"]:
        raise HarnessError("task= and experiment= are given: an experiment has tasks of its own")
    return 1 if settings["one_task"] else len(settings["suite"] or ())


def seeds_of(asked: Mapping[str, Any]) -> Sequence[int]:
    """The seeds of a side's runs."""
    return asked.get("seeds") or [0]
