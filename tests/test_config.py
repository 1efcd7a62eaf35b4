import copy
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from harness.command import plugins
from harness.command.config import CONF_DIR, protocol_label, register
from harness.testing import check_mitigation, check_scorer, check_task
from harness.types.plugins import Mitigation, Model, Person, Scorer, Task
from harness.types.records import Sample

CHECKS = {"task": check_task, "scorer": check_scorer, "mitigation": check_mitigation}
KINDS = {"task": Task, "backend": Model, "scorer": Scorer, "mitigation": Mitigation,
         "person": Person}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def configuration():
    register()
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        yield


def judges(node, place: str):
    """Where a node of the configuration has a judge, however deep."""
    if OmegaConf.is_dict(node):
        for name in node:
            if name == "judge_backend":
                yield f"{place}.{name}"
            elif not OmegaConf.is_missing(node, name):
                yield from judges(node[name], f"{place}.{name}")


ANSWERS = {
    "answer_quality": "#score: 7",
    "fine_grained": "#irrelevant: none #wrong: none #missing: 0",
}
"""What a judge must write for there to be scores, where no digit is weighed."""


@cache
def composed(*arguments: str):
    return compose("config", list(arguments))


def echoed(scorer: str) -> list[str]:
    """A quick judge for a judged scorer; test_judge.py has the bundled one."""
    node = composed(f"scorer=[{','.join(options('scorer'))}]").scorers[scorer]
    places = list(judges(node, f"scorers.{scorer}"))
    said = [f'{place}.answer="{ANSWERS[scorer]}"' for place in places if scorer in ANSWERS]
    return [*(f"backend@{place}=echo" for place in places), *said]


def options(group: str) -> list[str]:
    return sorted(path.stem for path in (Path(CONF_DIR) / group).glob("*.yaml"))


def every_choice():
    return [(group, option) for group in KINDS for option in options(group) if option != "none"]


ON_A_HUB = {("task", "lm_eval"), ("scorer", "lm_eval")}
"""Plugins whose documents are on a hub; tests/tasks/test_lm_eval.py has some of its own."""


INSIDE_A_MODEL = {
    ("mitigation", name)
    for name in ("steering", "sparse_features", "transport", "word_filter", "vocabulary_shift",
                 "experts", "gedi", "rectification", "contrastive", "self_debias",
                 "moral_direction", "uddia", "model_surgery", "eigenshift")
}  # fmt: skip


def make(group: str, option: str, *more: str):
    choice = f"scorer=[{option}]" if group == "scorer" else f"{group}={option}"
    cfg = composed(choice, *(echoed(option) if group == "scorer" else ()), *more)
    node = cfg.scorers[option] if group == "scorer" else cfg[group]
    return plugins.make(group, node, KINDS[group])


@pytest.mark.long
def test_every_judge_is_found_in_the_yaml():
    assert echoed("harmfulness_panel") == [
        "backend@scorers.harmfulness_panel.members.judge.judge_backend=echo"
    ]
    assert [name for name in options("scorer") if echoed(name)] == [
        "answer_quality", "counselling_quality", "empathy", "fine_grained", "harmfulness",
        "harmfulness_panel", "harmfulness_second", "preferred", "rewrite_judged", "rubric",
    ]  # fmt: skip


COMMAND = re.compile(r"^# *python -m harness ((?:\S+=\S+ ?)+)", re.MULTILINE)
"""A command at the head of a YAML, which the page of options shows."""


@pytest.mark.parametrize(
    "command",
    [
        command
        for path in sorted((Path(CONF_DIR) / "scorer").glob("*.yaml"))
        for command in COMMAND.findall(path.read_text())
    ],
)
def test_the_command_of_a_scorer_is_of_a_task_that_estimates_what_is_given(command):
    cfg = composed(*command.split())
    made = [plugins.make(f"scorers.{name}", node, Scorer) for name, node in cfg.scorers.items()]
    given = {metric for scorer in made for metric in scorer.metrics}
    estimands = plugins.make("task", cfg.task, Task).estimands
    assert any({each.metric, *each.given} <= given for each in estimands)


def test_every_group_has_options():
    assert {group for group, _ in every_choice()} == set(KINDS)


@pytest.mark.parametrize(
    ("group", "option"),
    [
        pytest.param(*choice, marks=[pytest.mark.long] * (choice == ("scorer", "guard")))
        for choice in every_choice()
        if choice not in ON_A_HUB
    ],
)
def test_every_config_composes_and_makes_what_its_group_promises(group, option):
    make(group, option)  # which refuses what lacks a member of its kind


READ_BY_A_NETWORK = (
    "attention", "harmfulness_panel", "justification", "normativity", "prompt_toxicity",
    "rewrite_content",
)  # fmt: skip


def marks(choice):
    if choice == ("scorer", "toxicity"):
        return [
            pytest.mark.skip(reason="its weights are on a hub; test_toxicity.py has small ones")
        ]
    if choice[0] == "scorer" and ("offline" in choice[1] or choice[1] in READ_BY_A_NETWORK):
        return [pytest.mark.long]
    if choice == ("scorer", "text_likelihood"):
        return [pytest.mark.skip(reason="it reads weights alone; test_likelihood.py has some")]
    if choice == ("scorer", "guard"):
        return [pytest.mark.skip(reason="it has no weights; test_guard.py makes small ones")]
    if choice in INSIDE_A_MODEL:
        return [pytest.mark.skip(reason="it acts inside a model; models/ has a small one for it")]
    if choice == ("scorer", "molecule_repair") and find_spec("rdkit") is None:
        return [pytest.mark.skip(reason='RDKit is not installed: pip install ".[chemistry]"')]
    if choice in ON_A_HUB:
        return [pytest.mark.skip(reason="its documents are on a hub; test_lm_eval.py has some")]
    return []


@pytest.mark.parametrize(
    ("group", "option"),
    [
        pytest.param(*choice, marks=marks(choice)) for choice in every_choice()
        if choice[0] not in ("backend", "person")  # in tests of their own
    ],
)  # fmt: skip
def test_every_plugin_keeps_the_contract_of_its_kind(group, option, random_weights):
    small = [f"scorers.{option}.{READERS[option]}={random_weights()}"] if option in READERS else []
    plugin = make(group, option, *small)
    CHECKS[group](plugin, *(ASKED.get(option, ()) if group == "scorer" else ()))


READERS = {"attention": "model", "perplexity": "reader"}
"""Scorers that read with whatever model they are given, and the option that names it."""
QUESTION = Sample("q", "Which?", target="B", metadata={"options": 4, "explanation": "It is late."})
DOMAIN = Sample(
    "q", "Which?",
    metadata={
        "labels": "no|yes", "label_number": 1, "text": "It is late. No.",
        "explanation": "It is late.", "spans": "[]",
    },
)  # fmt: skip
ASKED = {name: [[QUESTION]] for name in ("choice", "choice_where", "justification", "preferred")}
ASKED |= {name: [[DOMAIN]] for name in ("attention", "labels", "overlap", "rationale", "spans")}
ASKED["answers"] = [[Sample("q", "?", target="B", metadata={"kind": "one", "options": 4})]]
ASKED["yes_fields"] = [[Sample("q", "?", target='{"cardio": 1}')]]
ASKED["molecule_repair"] = [[Sample("q", "?", metadata={"smiles": "Nc1ccccc1", "task": "ames"})]]
ASKED["trial_results"] = [[Sample("q", "?", target='{"a_events": "x"}')]]
REWRITING = {"text": "Rot.", "reference": "No.", "toxic_words": '["rot"]', "language": "en"}
ASKED["memorisation"] = [[Sample("q", "Which?", target="It is late.")]]
REWRITERS = ("rewrite_content", "rewrite_overlap", "toxic_words")
ASKED |= {name: [[Sample("q", "?", metadata=REWRITING)]] for name in REWRITERS}
ASKED["rubric"] = [[Sample("q", "Which?", metadata={"rubrics": '[["Names one.", 5, []]]'})]]
"""What scorers that need more of a sample than its prompt are asked about."""


@pytest.mark.parametrize("task", options("task"))
def test_every_protocol_of_every_task_resolves(task):
    cfg = composed(f"task={task}", *(["task.name=toxigen"] if task == "lm_eval" else []))
    assert "fast" in cfg.protocols
    for protocol in cfg.protocols:
        asked = copy.deepcopy(cfg)
        asked.protocol = protocol  # as `protocol=` of the command line sets it
        OmegaConf.to_container(asked, resolve=True, throw_on_missing=True)
        OmegaConf.to_object(asked.generation)
        assert protocol_label(asked) == protocol


def test_a_setting_that_departs_from_the_protocol_stands_in_its_name():
    changes = ["generation.max_new_tokens=64", "generation.temperature=0.7", "task.framing=plain"]
    cfg = compose("config", ["task=med_harm", "protocol=paper", *changes])
    assert protocol_label(cfg) == "paper framing=plain max_new_tokens=64 temperature=0.7"


def test_a_scorer_of_the_command_line_replaces_the_task_s_own():
    assert list(compose("config", ["task=med_harm"]).scorers) == ["refusal", "harmfulness_offline"]
    assert list(compose("config", ["task=med_harm", "scorer=[refusal]"]).scorers) == ["refusal"]


def test_a_judge_is_any_model_on_any_backend():
    cfg = compose("config", ["scorer=[harmfulness]", "scorers.harmfulness.judge=some/model"])
    assert cfg.scorers.harmfulness.judge_backend.name == "some/model"
    other = compose(
        "config", ["scorer=[harmfulness]", "backend@scorers.harmfulness.judge_backend=echo"]
    )
    assert other.scorers.harmfulness.judge_backend._target_.endswith("EchoModel")


@pytest.mark.parametrize("task", [name for name in options("task") if name != "lm_eval"])
def test_every_task_has_margins_with_reasons_of_what_its_own_scorers_give(task):
    gated = [e for e in make("task", task).estimands if e.margin is not None]
    assert gated
    assert all(e.margin_reason and e.by is None for e in gated)
    scorers = composed(f"task={task}").scorers
    given = {
        metric
        for chosen in scorers
        for metric in plugins.make("scorer", scorers[chosen], Scorer).metrics
    }
    assert {e.metric for e in gated} <= given


OPEN = {("backend", "hf", "template_args"), ("backend", "vllm", "options"),
        ("backend", "any_llm", "client"), ("backend", "any_llm", "extra"),
        ("backend", "openai", "extra")}  # fmt: skip
"""Options that are mappings of names which no YAML of ours can know."""


@pytest.mark.parametrize(("group", "option", "key"), sorted(OPEN))
def test_an_option_that_is_a_mapping_of_any_names_takes_one(group, option, key):
    for written in (f"{group}.{key}={{thinking: false}}", f"+{group}.{key}.thinking=false"):
        assert composed(f"{group}={option}", written)[group][key] == {"thinking": False}


def test_no_option_of_a_group_is_an_empty_mapping_which_would_take_no_name():
    """Of a group Hydra refuses names that are not there, so that none could ever be given."""
    closed = {
        f"{path.relative_to(CONF_DIR)}: {key}"
        for path in Path(CONF_DIR).glob("*/*.yaml")
        for key, value in (yaml.safe_load(path.read_text("utf-8")) or {}).items()
        if value == {}
    }
    assert closed == set()
