"""What a plan asks, once its samples have been looked over: made once, read by all that follows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.runs.plan import Plan, describe, folder_name, identify, row_keys, sources
from harness.runs.samples import Samples, look_over
from harness.store import Source
from harness.types import Estimand
from harness.validity import ENGLISH


@dataclass(frozen=True)
class Asked:
    """What makes a run the run that it is."""

    samples: Samples
    """All of the task's; a run takes its limit of them."""
    identity: Mapping[str, Any]
    """All that changes a generation."""
    folder: Path
    """Where the run is stored; the same command finds the same."""
    keys: Mapping[str, str]
    """What stands in every row of its tables."""
    sources: Mapping[str, Source]
    """For each metric who gives it and how far it can be trusted, in the scorers' order."""
    asides: Collection[str]
    """Metrics whose lack leaves nothing unmeasured."""
    nothing_where: Mapping[str, str]
    """By metric the one whose 0 says that there is nothing to measure."""
    estimands: Sequence[Estimand]
    """What is estimated: the task's, and what the mitigation reports."""
    description: Mapping[str, Any]
    """All that its tables depend on: a finished run that says the same is not run again."""

    @classmethod
    def of(cls, plan: Plan) -> Asked:
        """Read the task's data, look over its samples, and derive the rest; asks the model nothing.

        Raises:
            HarnessError: a sample cannot be run, the model is not there, or the scorers give
                nothing that the task asks for.
        """
        samples = look_over(plan.task)
        identity = identify(plan, samples.records, samples.digest)
        folder = plan.results / "runs" / folder_name(plan, identity)
        languages = _languages(samples)
        known = sources(plan, languages)
        return cls(
            samples,
            identity,
            folder,
            row_keys(plan, identity, folder.name),
            known,
            plan.scorers.asides,
            plan.scorers.nothing_where,
            plan.estimands,
            describe(plan, identity, samples.groups, known, languages),
        )


def _languages(samples: Samples) -> Collection[str]:
    """Codes of those that the task says its samples are in; English where it does not say."""
    stated = samples.facts.fields.get("language")
    return {str(code) for code in stated.values if code} if stated else ENGLISH
