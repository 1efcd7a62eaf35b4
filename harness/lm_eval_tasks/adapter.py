"""A task of this project as lm-eval runs it: our prompts and scorers, lm-eval's models."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from typing import Any

import datasets
import numpy as np
from lm_eval.api.instance import Instance
from lm_eval.api.task import ConfigurableTask

from harness.command import configured, generation_of, make, scorers_of
from harness.runs import Samples, look_over
from harness.store import Source, estimates_table
from harness.types import (
    Comparison,
    Direction,
    Estimand,
    Generation,
    GenerationConfig,
    HarnessError,
    Sample,
    ScorerRegistry,
    Task,
    trait,
)

SIDES = {"": "estimate", "_low": "low", "_high": "high", "_worst": "worst"}
"""What stands beside each estimate, by the end of its name."""
UNMEASURED = "_unmeasured"
Item = tuple[int, Sequence[Any]]
"""Which sample, and what the model answered: texts, or one list of log-probabilities."""


class HarnessTask(ConfigurableTask):  # type: ignore[misc]
    """Asks what `python -m harness task=NAME` asks, and reports its headline estimates.

    Beside each stand its 95 % interval (`_low`, `_high`), its value if all that could not be scored
    were at the bad end (`_worst`), and the share that could not be scored (`_unmeasured`).

    The YAML names it `harness_NAME`; `overrides` are those of this project's command line.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        fields = dict(config)
        fields.pop("class", None)
        name = str(fields["task"]).removeprefix("harness_")
        self._ours, self._scorers, self._settings = _make(name, fields.pop("overrides", []))
        self._samples: Samples = look_over(self._ours)
        self._sample: list[Sample] = [s for _, window in self._samples.windows() for s in window]
        weighs = {bool(sample.choices) for sample in self._sample}
        if len(weighs) > 1 or any(sample.leads or sample.after for sample in self._sample):
            raise HarnessError(f"task {name!r} cannot be asked by lm-eval; run it by itself")
        self._weighs = weighs.pop()
        super().__init__(config=fields | self._described())

    def _described(self) -> dict[str, Any]:
        """What lm-eval's YAML would say."""
        settings, n = self._settings, 1 if self._weighs else self._settings.n
        generation: dict[str, Any] = {
            "until": list(settings.stop),
            "max_gen_toks": settings.max_new_tokens,
            "do_sample": settings.temperature > 0,
            "temperature": settings.temperature,
        }
        if settings.temperature and settings.top_p < 1:
            generation["top_p"] = settings.top_p
        if settings.temperature and settings.top_k:
            generation["top_k"] = settings.top_k
        if settings.min_new_tokens:
            generation["min_new_tokens"] = settings.min_new_tokens
        keep = [{"function": "take_first_k", "k": n}]
        described: dict[str, Any] = {
            "output_type": "multiple_choice" if self._weighs else "generate_until",
            "custom_dataset": self._documents,
            "test_split": "test",
            "num_fewshot": 0,
            "doc_to_text": _number,
            "doc_to_target": _number,
            "process_results": self._answered,  # without it lm-eval looks for metrics on a hub
            "metric_list": [
                {"metric": name, "aggregation": function, "higher_is_better": higher}
                for name, (function, higher) in self._reported.items()
            ],
            "metadata": {"version": self._ours.version},
        }
        if self._weighs:
            described["doc_to_choice"] = self._choices
        else:
            described |= {
                "repeats": n,
                "generation_kwargs": generation,
                "filter_list": [{"name": "none", "filter": keep}],
            }
        return described

    def _documents(self, **_: Any) -> dict[str, Any]:
        rows = [{"number": number, "id": s.id} for number, s in enumerate(self._sample)]
        return {"test": datasets.Dataset.from_list(rows)}

    def _choices(self, doc: Mapping[str, Any]) -> list[str]:
        return list(self._sample[doc["number"]].choices)

    def fewshot_context(self, doc: Mapping[str, Any], num_fewshot: int = 0, **options: Any) -> Any:
        """The prompt, through the model's chat template where it is messages.

        Raises:
            HarnessError: it is messages, and lm-eval was not told to use the template.
        """
        prompt = self._sample[doc["number"]].prompt
        if isinstance(prompt, str):
            return prompt
        template = options.get("chat_template")
        if not options.get("apply_chat_template") or template is None:
            raise HarnessError(
                f"task {self.config.task} asks in messages: run lm_eval with --apply_chat_template"
            )
        turns = [{"role": turn.role, "content": turn.content} for turn in prompt]
        return template(turns, add_generation_prompt=turns[-1]["role"] != "assistant")

    def construct_requests(self, doc: Any, ctx: Any, **options: Any) -> Any:
        """One request for an answer, or one for each choice, which continues the text as it is."""
        options.pop("apply_chat_template", None)
        options.pop("chat_template", None)
        if not self._weighs:
            arguments = (ctx, dict(self.config.generation_kwargs))
            return Instance("generate_until", doc, arguments, 0, **options)
        return [
            Instance("loglikelihood", doc, (ctx, choice), number, **options)
            for number, choice in enumerate(self._choices(doc))
        ]

    def __deepcopy__(self, memo: Any) -> HarnessTask:
        """Itself: lm-eval copies a task's configuration, and a judge's weights are not for that."""
        return self

    def _answered(self, doc: Any, results: Sequence[Any]) -> dict[str, Item]:
        """What was answered, under the name of everything that is reported of it."""
        if self._weighs:
            answers: Sequence[Any] = [[float(logprob) for logprob, _ in results]]
        else:
            first = results[0]
            answers = [first] if isinstance(first, str) else list(first)
        return dict.fromkeys(self._reported, (int(doc["number"]), answers))

    @cached_property
    def _reported(self) -> dict[str, tuple[Callable[[Sequence[Item]], float], bool]]:
        """By the name at lm-eval how it is taken from all answers, and if more is better."""
        reported: dict[str, tuple[Callable[[Sequence[Item]], float], bool]] = {}
        for estimand in self._ours.estimands:
            whole = estimand.by is None and not isinstance(estimand.statistic, Comparison)
            if not whole or not {estimand.metric, *estimand.given} <= self._scorers.metrics.keys():
                continue
            name = _slug(estimand.name)
            if name in reported:
                name = _slug(f"{estimand.name} {estimand.statistic.name}")
            better = estimand.better or self._scorers.metrics[estimand.metric][1].better
            for end, column in SIDES.items():
                taken = partial(self._take, estimand, column)
                reported[name + end] = (taken, better is Direction.HIGHER)
            reported[name + UNMEASURED] = (partial(self._take, estimand, None), False)
        return reported

    def _take(self, estimand: Estimand, column: str | None, items: Sequence[Item]) -> float:
        """One number of an estimate; NaN where there is none."""
        numbers = np.array([number for number, _ in items], dtype=np.int64)
        order = np.argsort(numbers, kind="stable")
        scores = self._score(tuple(items[place] for place in order))
        sources = {
            metric: Source(name, self._scorers.identity(name), "", meaning)
            for metric, (name, meaning) in self._scorers.metrics.items()
        }
        facts = self._samples.facts.of(numbers[order])
        (row,) = estimates_table({}, [estimand], facts, scores, sources).to_pylist()
        if column is None:
            return float(row["n_failed"] / row["n"]) if row["n"] else math.nan
        return math.nan if row[column] is None else float(row[column])

    def _score(self, items: Sequence[Item]) -> Mapping[str, Any]:
        """The scores of all answers, a row a sample; what was scored last is kept."""
        key = repr(items)
        if getattr(self, "_last", (None, None))[0] == key:
            return self._last[1]  # type: ignore[no-any-return, has-type]
        pairs = [
            (self._sample[number], _generation(self._sample[number], index, answer))
            for number, answers in items
            for index, answer in enumerate(answers)
        ]
        samples, generations = [s for s, _ in pairs], [g for _, g in pairs]
        columns = {}
        for name in self._scorers:
            scored = self._scorers.score(name, samples, generations)
            for place, metric in enumerate(self._scorers[name].metrics):
                values = [scores[place].value for scores in scored]
                columns[metric] = np.array(values, dtype=np.float64).reshape(len(items), -1)
        self._last = (key, columns)
        return columns


def _make(name: str, overrides: Sequence[str]) -> tuple[Task, ScorerRegistry, GenerationConfig]:
    """The task, its scorers and its protocol's settings, as the command line would make them."""
    cfg = configured(name, *overrides)
    task = make("task", cfg.task, Task)
    return task, scorers_of(cfg, trait(task, "span")), generation_of(cfg, task, overrides)


def _generation(sample: Sample, index: int, answer: Any) -> Generation:
    if isinstance(answer, str):
        return Generation(sample.id, index, answer)
    return Generation(sample.id, index, None, "choices", choice_logprobs=tuple(answer))


def _number(doc: Mapping[str, Any]) -> str:
    return str(doc["number"])


def _slug(words: str) -> str:
    return re.sub(r"\W+", "_", words).strip("_").lower()
