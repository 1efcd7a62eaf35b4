"""lm-eval's documents as samples, and what its own `process_results` makes of answers to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache, cached_property
from importlib.metadata import version
from typing import Any

from harness.bridges.lm_eval.aggregated import Aggregated
from harness.bridges.lm_eval.asking import (
    check_task,
    instances_of,
    sample_of,
    set_fewshot,
    settings_of,
)
from harness.bridges.lm_eval.loading import load
from harness.bridges.lm_eval.loading import manager_of as manager_of
from harness.bridges.lm_eval.results import Aggregation, is_mean, metrics_of, name_of, results_of
from harness.types import Direction, Estimand, Generation, HarnessError, Sample

ASKING = "2"
"""How documents are read and asked. 2: choices have the tokens that lm-eval's own models give them,
and the values of a file stand as they do there (1 left the white space that ends a context there,
and read dates as times and the text NA as nothing)."""
UNIT = {"acc", "acc_norm", "acc_bytes", "acc_norm_bytes", "acc_mutual_info", "exact_match", "em",
        "f1", "pct_stereotype", "accuracy_amb", "accuracy_disamb", "quasi_exact_match"}  # fmt: skip
"""Metrics of lm-eval's that lie between 0 and 1; of others the range is not known."""


class Documents:
    """The documents of one of lm-eval's tasks, or of the tasks of a group.

    Raises:
        HarnessError: lm-eval is not installed, knows no such task, cannot have its data, or the
            task asks for what cannot be run here.
    """

    def __init__(
        self,
        name: str,
        include_path: str | None,
        data: str | None,
        num_fewshot: int | None,
        chat: bool,
    ) -> None:
        self.name = name
        self.chat = chat
        self.tasks, self.notes = load(name, include_path, data)
        for leaf, task in self.tasks.items():
            check_task(leaf, task)
            set_fewshot(leaf, task, num_fewshot, data)
        self._instances = {leaf: instances_of(task, chat) for leaf, task in self.tasks.items()}

    @property
    def version(self) -> str:
        """Of the tasks, of lm-eval, and of how they are asked here."""
        declared = "/".join(sorted({str(task.VERSION) for task in self.tasks.values()}))
        return f"{declared} of lm-eval {version('lm_eval')}, asking {ASKING}"

    @cached_property
    def metrics(self) -> Mapping[str, Aggregation]:
        """For each metric its name and filter at lm-eval, its aggregation, if more is better.

        Raises:
            HarnessError: the tasks of a group have different metrics.
        """
        of_tasks = {leaf: metrics_of(task) for leaf, task in self.tasks.items()}
        first = next(iter(of_tasks.values()))
        for leaf, metrics in of_tasks.items():
            if metrics.keys() != first.keys():
                raise HarnessError(
                    f"task.name={self.name}: {leaf} has other metrics ({', '.join(metrics)}) than "
                    f"{next(iter(of_tasks))} ({', '.join(first)}); run its tasks one by one: "
                    f"{', '.join(of_tasks)}"
                )
        return first

    def estimands(self, bootstrap: int) -> list[Estimand]:
        """Each metric over all documents, as lm-eval aggregates it; of a group by task as well."""
        better = {True: Direction.HIGHER, False: Direction.LOWER, None: Direction.NEITHER}
        estimands = []
        for by in (None, "subtask") if len(self.tasks) > 1 else (None,):
            for name, (_, _, function, higher) in self.metrics.items():
                statistic = Aggregated(
                    name_of(function), not is_mean(function), bootstrap, function
                )
                estimands.append(Estimand(name, name, statistic, by, better=better[higher]))
        return estimands

    def rows(self) -> list[Mapping[str, object]]:
        """The documents themselves."""
        return [
            {"subtask": leaf, "document": group[0].doc}
            for leaf, groups in self._instances.items()
            for group in groups
        ]

    @cached_property
    def settings(self) -> Mapping[str, Any]:
        """How answers are generated, in `GenerationConfig`'s words.

        Raises:
            HarnessError: the tasks of a group are generated differently.
        """
        of_tasks = [
            settings_of(groups[0][0].args[1])
            for groups in self._instances.values()
            if groups[0][0].request_type == "generate_until"
        ]
        if any(settings != of_tasks[0] for settings in of_tasks):
            raise HarnessError(
                f"the tasks of task.name={self.name} are generated with different settings; run "
                f"them one by one: {', '.join(self.tasks)}"
            )
        return of_tasks[0] if of_tasks else {}

    def samples(self) -> Iterator[Sample]:
        """One sample a document.

        Raises:
            HarnessError: a document cannot be asked in messages.
        """
        for leaf, groups in self._instances.items():
            for number, group in enumerate(groups):
                yield sample_of(_id(leaf, number), leaf, group, self.chat)

    def results(self, sample_id: str, generation: Generation) -> Mapping[str, Any] | str:
        """What lm-eval makes of an answer, by metric; or why nothing can be made of it."""
        task, group = self._by_id[sample_id]
        return results_of(task, group, generation)

    @cached_property
    def _by_id(self) -> Mapping[str, tuple[Any, Sequence[Any]]]:
        return {
            _id(leaf, number): (self.tasks[leaf], group)
            for leaf, groups in self._instances.items()
            for number, group in enumerate(groups)
        }


@cache
def documents(
    name: str, include_path: str | None, data: str | None, num_fewshot: int | None, chat: bool
) -> Documents:
    """The documents of a task, read once a process."""
    return Documents(name, include_path, data, num_fewshot, chat)


def _id(leaf: str, number: int) -> str:
    return f"{leaf}/{number}"
