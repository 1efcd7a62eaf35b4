"""Options that are maps: each takes a whole map, and a name at a time."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import fields
from functools import cache
from typing import get_args, get_origin, get_type_hints

import pytest
import yaml
from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf

from harness.command import CONF_DIR, compose, composing
from harness.command.maps import with_maps
from harness.types import HarnessError

COMMANDS = {
    "regression": ("harness.regression", "RegressionConfig"),
    "compare": ("harness.mitigate.compare", "CompareConfig"),
    "mutate": ("harness.regression.mutate", "MutateConfig"),
    "recover": ("harness.mitigate.recover", "RecoverConfig"),
    "agreement": ("harness.agreement", "AgreementConfig"),
    "mitigate": ("harness.mitigate", "MitigateConfig"),
}
MADE_OF = {"scorers", "sources", "forms", "mitigations", "suite", "protocols"}
"""Maps of what groups choose, or of what a YAML alone says."""


@contextmanager
def reading(config):
    if config in COMMANDS:
        module, schema = COMMANDS[config]
        node = getattr(importlib.import_module(f"{module}.__main__"), schema)
        ConfigStore.instance().store(name=f"{config}_schema", node=node)
    with composing():
        yield


def is_map(hint):
    return any(
        inspect.isclass(kind) and issubclass(kind, Mapping)
        for part in (hint, *get_args(hint))
        for kind in [get_origin(part) or part]
    )


def of_plugins():
    """The command, what chooses the plugin, and the option."""
    for path in sorted(CONF_DIR.rglob("*.yaml")):
        group, text = path.parent.name, path.read_text("utf-8")
        content = yaml.safe_load(text)
        if group == "conf" or "_target_" not in (content or {}):
            continue
        package = re.match(r"# @package (\S+)", text)
        hints = get_type_hints(pkgutil.resolve_name(content["_target_"]).__init__)
        chosen = f"{group}=[{path.stem}]" if group == "scorer" else f"{group}={path.stem}"
        for name, hint in hints.items():
            if name in content and is_map(hint):
                where = package[1] if package else group
                yield "mitigate" if group == "method" else "config", chosen, f"{where}.{name}"


def of_commands():
    for config, (module, schema) in COMMANDS.items():
        record = getattr(importlib.import_module(f"{module}.__main__"), schema)
        hints = get_type_hints(record)
        for field in fields(record):
            if is_map(hints[field.name]) and field.name not in MADE_OF:
                yield config, "", field.name


MAPS = [
    *of_plugins(), *of_commands(),
    *(("agreement", "", f"format.{name}") for name in ("values", "keep", "part")),
    *(("agreement", "format=xstest_compliance", f"format.{name}") for name in ("values", "keep")),
]  # fmt: skip


@cache
def composed(config, *overrides):
    with reading(config):
        return compose(config, overrides)


@pytest.mark.parametrize(("config", "chosen"), dict.fromkeys(which[:2] for which in MAPS))
def test_a_map_takes_a_whole_map_and_a_name_at_a_time(config, chosen):
    values = {
        option: "x" if option == "tuned_on" else "[1,x]"
        for *of, option in MAPS
        if of == [config, chosen]
    }
    given = [
        written
        for option, value in values.items()
        for written in (f"{option}={{whole: {value}}}", f"{option}.alone={value}")
    ]
    chosen = [chosen] if chosen else []
    before, after = composed(config, *chosen), composed(config, *chosen, *given)
    for option, value in values.items():
        found = OmegaConf.select(after, option)
        assert set(found) == {*(OmegaConf.select(before, option) or {}), "whole", "alone"}, option
        assert found.whole == found.alone == ("x" if value == "x" else [1, "x"]), option


def test_the_maps_that_there_are_were_found():
    options = {option for _, _, option in MAPS}
    assert {"backend.template_args", "backend.extra", "backend.args", "method.lora", "doses",
            "where", "margins", "guards", "made_for", "tuned_on", "scorers.spans.kinds",
            "mitigation.fit"} <= options  # fmt: skip


@pytest.mark.parametrize(
    ("config", "override"),
    [
        ("config", "generation={nn: 1}"), ("config", "generation.nn=1"), ("config", "seeed=1"),
        ("config", "backend={devise: cpu}"), ("config", "backend.devise=cpu"),
        ("config", "scorers.nope.rules=1"), ("config", "mitigation.text=x"),
        ("config", "task.estimates.refused.margn=0.1"),
        ("config", "protocols.fast.max_new_token=3"),
        ("regression", "candidate={modl: 3}"), ("regression", "candidate.modl=3"),
        ("agreement", "format.lable=[x]"), ("compare", "made_fro.a=[harm]"),
    ],
)  # fmt: skip
def test_a_name_that_is_no_maps_is_refused(config, override):
    with (
        pytest.raises(HarnessError, match="there is no option"),
        reading(config),
    ):
        compose(config, ["task=med_harm", override] if config == "config" else [override])


def test_what_stood_in_a_map_stays_and_is_changed():
    with composing():
        cfg = compose("config", ["mitigation=transport", "mitigation.fit={steps: 3}"])
    assert cfg.mitigation.fit.steps == 3
    assert cfg.mitigation.fit.rate == 0.02


def test_a_map_is_taken_where_hydra_composes_itself():
    given = ["--multirun", "task=med_harm", "backend.template_args.x=1,2", "limit=3"]
    with composing():
        assert with_maps("config", given) == [*given[:2], f"++{given[2]}", given[3]]
        assert with_maps("config", ["seed=1,2", *given]) == ["seed=1,2", *given]
        shown = ["--cfg", "job", *given[1:]]
        assert with_maps("config", shown) == [*shown[:3], f"++{shown[3]}", shown[4]]


def test_a_map_is_taken_by_a_command(harness, tmp_path):
    echoed = ("task=med_harm", "backend=echo", "limit=4", "scorer=refusal")
    assert harness(*echoed).returncode == 0
    (run,) = (tmp_path / "results" / "runs").iterdir()
    sides = (f"baseline={run}", f"candidate={run}")
    wide = harness(*sides, "margins={med_harm: {refused: 0.99}}", module="harness.regression")
    assert "refused" in wide.stdout
    assert "0.99" in (tmp_path / "results" / "regression" / "regression.md").read_text("utf-8")
    made = harness("made_for={guard: speed}", module="harness.mitigate.compare")
    assert "made_for.guard: 'speed' is not one of harm, toxicity" in made.stderr
