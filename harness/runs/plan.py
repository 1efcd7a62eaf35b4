"""What a run is made of, which samples it takes, and what makes it the run that it is."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.runs.mitigated import around, inside
from harness.runs.persons import check_person
from harness.runs.repeats import over_repeats
from harness.runs.reported import reported, with_reports
from harness.statistics import VERSION as STATISTICS
from harness.statistics import as_record
from harness.store import Source
from harness.types import (
    Estimand,
    GenerationConfig,
    HarnessError,
    Mitigation,
    Model,
    Person,
    Records,
    Scorer,
    ScorerRegistry,
    Task,
    Thinking,
    fingerprint,
    name_of,
    trait,
    up_to,
    weights_of,
)
from harness.validity import Glance, Grade, glance, recalls, sentence, uncovered

EXACT = "read off, not judged"
"""What stands in the place of agreement with people for a metric that is no matter of judgement."""

LEAST_SHARE = 0.01
"""Of a run's answers, in a language for which it is said that agreement is not measured."""
MOST_OF_A_NAME = 40
"""Characters of a model's name that a run's folder has."""


@dataclass(frozen=True)
class Plan:
    """What a run is made of."""

    task: Task
    model: Model
    scorers: ScorerRegistry
    generation: GenerationConfig
    protocol: str
    seed: int
    results: Path
    options: Mapping[str, Any]
    """The task's own options, data aside: part of the run's identity."""
    mitigation: Mitigation | None = None
    mitigation_name: str = "none"
    limit: int | None = None
    balanced: bool = False
    """Whether the limit takes the task's strata in turn."""
    retry_failed: bool = False
    """Ask again for generations and scores that are stored with an error."""
    thinking: Thinking = field(default_factory=Thinking)
    """How a reasoning model's thinking is told from its answer."""
    person: Person | None = None
    """A model that speaks for the person of dialogues; None: the task does."""
    config: Mapping[str, Any] | None = None
    """What was asked for, to be kept in run.json."""

    def __post_init__(self) -> None:
        """Refuse what the model or the task cannot have, before anything is loaded."""
        _ = self.asked_model
        check_person(self.task, self.person)
        object.__setattr__(self, "scorers", with_reports(self.scorers, self.mitigation))

    @cached_property
    def estimands(self) -> tuple[Estimand, ...]:
        """The task's, what the mitigation reports, and the spread over repeats of dialogues."""
        repeats = over_repeats(self.task, self.generation.n)
        return (*self.task.estimands, *reported(self.mitigation), *repeats)

    @cached_property
    def inner_model(self) -> Model:
        """The model that is loaded, mitigations inside it; `model` is the bare one."""
        return inside(self.model, self.mitigation)

    @cached_property
    def asked_model(self) -> Model:
        """What requests are put to: the loaded model, mitigations around it."""
        return around(self.inner_model, self.mitigation)


def describe(
    plan: Plan,
    identity: Mapping[str, Any],
    groups: str,
    known: Mapping[str, Source],
    languages: Collection[str],
) -> dict[str, Any]:
    """All that the tables of a run depend on: a finished one that says the same is not run again.

    Args:
        plan: of the run.
        identity: of the run.
        groups: fingerprint of the samples' clusters and metadata.
        known: the sources of the plan's metrics.
        languages: codes of those that the task says its samples are in.

    Raises:
        HarnessError: the scorers give nothing that the task asks for.
    """
    estimands = plan.estimands
    missing = [e.name for e in estimands if not {e.metric, *e.given} <= known.keys()]
    if len(missing) >= len(plan.task.estimands):
        raise HarnessError(
            f"the scorers {', '.join(plan.scorers)} give none of the metrics of task "
            f"{plan.task.name!r}: {', '.join(sorted({e.metric for e in estimands}))}"
        )
    nothing = plan.scorers.nothing_where
    so_far = {m for name in plan.scorers for m in trait(plan.scorers[name], "so_far")}
    return {
        "identity": identity,
        "groups": groups,
        "model": plan.model.name,
        "mitigation": plan.mitigation_name,
        "scorers": {name: dict(plan.scorers[name].identity) for name in plan.scorers},
        "scorer_ids": {name: plan.scorers.identity(name) for name in plan.scorers},
        "validity": {metric: source.validity for metric, source in known.items()},
        "agreement": {metric: asdict(each) for metric, each in glances(plan, languages).items()},
        "metrics": {
            metric: asdict(source.metric)
            | {"better": source.metric.better.value}
            | ({"aside": True} if metric in plan.scorers.asides else {})
            | ({"nothing_where": nothing[metric]} if metric in nothing else {})
            | ({"so_far": True} if metric in so_far else {})
            for metric, source in known.items()
        },
        "rubrics": {
            metric: rubric
            for name in plan.scorers
            for metric, rubric in trait(plan.scorers[name], "rubrics").items()
            if metric in known
        },
        "estimands": [as_record(estimand) for estimand in estimands],
        "not_computed": missing,
        "statistics": STATISTICS,
    } | _labelled(plan.task)


def _labelled(task: Task) -> dict[str, Any]:
    """The names of categories, of a task that has any; they are shown, and change no number."""
    labels = trait(task, "labels")
    names = {
        column: {str(value): str(name) for value, name in of_column.items()}
        for column, of_column in labels.items()
    }
    return {"labels": names} if names else {}


def row_keys(plan: Plan, identity: Mapping[str, Any], run: str) -> dict[str, str]:
    """What stands in every result row, so that unlike things are never pooled."""
    settings = {key: identity[key] for key in ("generation", "options", "seed", "person")
                if key in identity}  # fmt: skip
    mitigation = plan.mitigation_name
    if plan.mitigation:
        mitigation += f"@{fingerprint(plan.mitigation.identity)}"
    return {
        "run": run,
        "task": identity["task"],
        "task_version": identity["task_version"],
        "data": f"{identity['data']}@{identity['data_sha256'][:8]}",
        "protocol": plan.protocol,
        "settings": fingerprint(settings),
        "model": plan.model.name,
        "model_id": fingerprint(plan.model.identity),
        "mitigation": mitigation,
    } | _who_speaks(plan)


def _who_speaks(plan: Plan) -> dict[str, str]:
    """The model in the person's part, where one is."""
    if plan.person is None:
        return {}
    return {"person": f"{plan.person.name}@{fingerprint(plan.person.identity)}"}


def identify(plan: Plan, records: Records, samples: str) -> dict[str, Any]:
    """All that changes a generation.

    Args:
        plan: of the run.
        records: of the task's data.
        samples: digest of the samples, which count as well, whatever version a task claims.
    """
    marks = plan.thinking.identity
    extra: dict[str, Any] = {"thinking": marks} if marks else {}
    if plan.person is not None:
        extra["person"] = dict(plan.person.identity)
    return {
        "task": plan.task.name,
        "task_version": plan.task.version,
        "options": dict(plan.options),
        "data": records.name,
        "data_sha256": records.digest,
        "samples_sha256": samples,
        "protocol": plan.protocol,
        "model": dict(plan.model.identity),
        "generation": asdict(plan.generation),
        "mitigation": dict(plan.mitigation.identity) if plan.mitigation else None,
        "seed": plan.seed,
    } | extra


def folder_name(plan: Plan, identity: Mapping[str, Any]) -> str:
    """Task, model and a fingerprint: the same command finds the same folder."""
    return f"{plan.task.name}-{as_folder(Path(plan.model.name).name)}-{fingerprint(identity)}"


def as_folder(name: str) -> str:
    """A name as a part of a folder's: letters with their marks, digits, `_`, `.` and `-`.

    >>> as_folder("\u0928\u092e\u0942\u0928\u093e (7B)") == "\u0928\u092e\u0942\u0928\u093e-7B"
    True
    """
    characters = (
        c if c.isalnum() or c in "_.-" or unicodedata.category(c).startswith("M") else " "
        for c in name
    )
    return up_to("-".join("".join(characters).split()), MOST_OF_A_NAME).strip("-.")


def sources(plan: Plan, languages: Collection[str]) -> dict[str, Source]:
    """For each metric who gives it and how far it can be trusted."""
    weights, folders = weights_of(plan.model.identity), [plan.results / "validity"]
    sources_by_metric = {}
    for metric, (name, meaning) in plan.scorers.metrics.items():
        scorer = plan.scorers[name]
        judges_itself = scorer.identity.get("judge_weights") == weights
        agreement = (
            EXACT
            if trait(scorer, "exact")
            else sentence(fingerprint(scorer.identity), metric, folders, languages)
        ) + _but(scorer, metric)
        known = recalls(fingerprint(scorer.identity), metric, folders)
        identity = plan.scorers.identity(name)
        sources_by_metric[metric] = Source(name, identity, agreement, meaning, judges_itself, known)
    return sources_by_metric


def glances(plan: Plan, languages: Collection[str]) -> dict[str, Glance]:
    """For each metric at a glance how far it agrees with people."""
    folders = [plan.results / "validity"]
    known = {}
    for metric, (name, _) in plan.scorers.metrics.items():
        scorer = plan.scorers[name]
        if trait(scorer, "exact"):
            seen = Glance(Grade.EXACT, EXACT)
        else:
            seen = glance(fingerprint(scorer.identity), metric, folders, languages)
        known[metric] = replace(seen, phrase=seen.phrase + _but(scorer, metric))
    return known


def _but(scorer: Scorer, metric: str) -> str:
    """What a scorer says of itself that it is poor at, to follow how far it agrees with people."""
    weak = trait(scorer, "weak").get(metric)
    return f", but {weak}" if weak else ""


def unproven(plan: Plan, languages: Mapping[str, int]) -> dict[str, list[str]]:
    """By metric the languages of answers that its scorer reads, and no record of agreement is of.

    Args:
        plan: of the run.
        languages: by code how many answers are in it; a language of few of them is passed over.
    """
    total, folders = sum(languages.values()), [plan.results / "validity"]
    common = [code for code, n in languages.items() if code and n >= LEAST_SHARE * total]
    unproven_of = {}
    for metric, (name, _) in plan.scorers.metrics.items():
        scorer, read = plan.scorers[name], trait(plan.scorers[name], "languages")
        codes = [code for code in common if read is None or name_of(code) in read]
        if not trait(scorer, "exact"):
            unproven_of[metric] = uncovered(fingerprint(scorer.identity), metric, folders, codes)
    return {metric: codes for metric, codes in unproven_of.items() if codes}
