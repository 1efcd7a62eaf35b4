"""lm-eval's documents as samples, and what its own `process_results` makes of answers to them."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.estimates import Mean
from harness.types import (
    Direction,
    Estimand,
    Estimate,
    Generation,
    HarnessError,
    Message,
    Metric,
    Prompt,
    Sample,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.types import Labels

READERS = {".jsonl": "json", ".json": "json", ".csv": "csv", ".parquet": "parquet"}
SPLITS = ("train", "validation", "test")
UNIT = {"acc", "acc_norm", "acc_bytes", "acc_norm_bytes", "acc_mutual_info", "exact_match", "em",
        "f1", "pct_stereotype", "accuracy_amb", "accuracy_disamb", "quasi_exact_match"}  # fmt: skip
"""Metrics of lm-eval's that lie between 0 and 1; of others the range is not known."""
NOT_OF_IT = "lm-eval gives no such metric of this document"


@dataclass(frozen=True, slots=True)
class Aggregated:
    """lm-eval's own aggregation of a metric, so that the number is lm-eval's to the last digit.

    The interval of a mean is that of `Mean`. Of any other aggregation it is the percentile
    bootstrap over clusters. Bounds are known where the metric's range is, of a mean.
    """

    name: str
    """The aggregation's, as `statistic` says."""
    explained: bool
    """Whether it reads whole values from the explanations, rather than numbers."""
    bootstrap: int
    """Resamples of whole values; 0: no interval."""
    function: Callable[[Sequence[Any]], Any] = field(repr=False, compare=False)

    def estimate(
        self,
        values: NDArray[Any],
        samples: Labels,
        clusters: Labels,
        metric: Metric,
    ) -> Estimate:
        """The aggregate of numbers (NaN: missing), or of explanations (None: missing)."""
        if self.explained:
            return self._of_explanations(values, clusters)
        present = values[~np.isnan(values)]
        bounded = math.isfinite(metric.low) and math.isfinite(metric.high)
        span = metric
        if not bounded:
            ends = (present.min(), present.max()) if len(present) else (0.0, 1.0)
            span = Metric(float(ends[0]), float(ends[1]), metric.better)
        found = Mean().estimate(values, samples, clusters, span)
        if found.estimate is None:
            return found if bounded else replace(found, worst=None, best=None)
        found = replace(found, estimate=float(self.function(present.tolist())))
        if bounded:
            return found
        ends_known = None if found.n_failed else found.estimate
        low, high = (None, None) if span.low == span.high else (found.low, found.high)
        return replace(found, low=low, high=high, worst=ends_known, best=ends_known)

    def _of_explanations(self, values: NDArray[Any], clusters: Labels) -> Estimate:
        of_it = np.array([value != NOT_OF_IT for value in values], dtype=np.bool_)
        items = [None if value is None else _unpack(value) for value in values[of_it]]
        there = [item for item in items if item is not None]
        units = np.unique(np.asarray(clusters)[of_it], return_inverse=True)[1]
        units = units[[item is not None for item in items]] if there else units[:0]
        count = len(set(units.tolist()))
        value = self._of(there)
        stderr, low, high = self._resampled(there, units) if value is not None else (None,) * 3
        bound = value if len(there) == len(items) else None
        return Estimate(
            value, stderr, low, high, bound, bound,
            len(items), len(there), len(items) - len(there), count,
        )  # fmt: skip

    def _of(self, items: Sequence[Any]) -> float | None:
        """The aggregate, where there is one."""
        if not items:
            return None
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                value = float(self.function(list(items)))
            except Exception:  # noqa: BLE001 - a resample may lack what a regression needs
                return None
        return value if math.isfinite(value) else None

    def _resampled(
        self, items: Sequence[Any], units: NDArray[np.intp]
    ) -> tuple[float | None, float | None, float | None]:
        of_unit = [np.flatnonzero(units == unit) for unit in np.unique(units)]
        if not self.bootstrap or len(of_unit) < 2:
            return None, None, None
        draws = np.random.default_rng(0)
        found = []
        for _ in range(self.bootstrap):
            drawn = draws.integers(len(of_unit), size=len(of_unit))
            chosen = np.concatenate([of_unit[unit] for unit in drawn])
            value = self._of([items[number] for number in chosen])
            if value is not None:
                found.append(value)
        if len(found) < self.bootstrap * 0.9:  # of the others nobody knows where they would lie
            return None, None, None
        low, high = np.quantile(found, [0.025, 0.975])
        return float(np.std(found, ddof=1)), float(low), float(high)


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
        self.tasks = _load(name, include_path, data)
        for leaf, task in self.tasks.items():
            self._check(leaf, task)
            self._set_fewshot(leaf, task, num_fewshot, data)
        self._instances = {leaf: _instances(task, chat) for leaf, task in self.tasks.items()}

    @property
    def version(self) -> str:
        """Of the tasks, and of lm-eval."""
        own = "/".join(sorted({str(task.VERSION) for task in self.tasks.values()}))
        return f"{own} of lm-eval {version('lm_eval')}"

    @cached_property
    def metrics(self) -> Mapping[str, tuple[str, str, Any, bool | None]]:
        """For each metric its name and filter at lm-eval, its aggregation, if more is better.

        Raises:
            HarnessError: the tasks of a group have different metrics.
        """
        found = {leaf: _metrics(task) for leaf, task in self.tasks.items()}
        first = next(iter(found.values()))
        for leaf, own in found.items():
            if own.keys() != first.keys():
                raise HarnessError(
                    f"task.name={self.name}: {leaf} has other metrics ({', '.join(own)}) than "
                    f"{next(iter(found))} ({', '.join(first)}); run its tasks one by one: "
                    f"{', '.join(found)}"
                )
        return first

    def estimands(self, bootstrap: int) -> list[Estimand]:
        """Each metric over all documents, as lm-eval aggregates it; of a group by task as well."""
        found = []
        for by in (None, "subtask") if len(self.tasks) > 1 else (None,):
            for name, (_, _, function, higher) in self.metrics.items():
                statistic = Aggregated(_name(function), not is_mean(function), bootstrap, function)
                better = {True: Direction.HIGHER, False: Direction.LOWER, None: Direction.NEITHER}
                found.append(Estimand(name, name, statistic, by, better=better[higher]))
        return found

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
        found = [
            _settings(groups[0][0].args[1])
            for groups in self._instances.values()
            if groups[0][0].request_type == "generate_until"
        ]
        if any(one != found[0] for one in found):
            raise HarnessError(
                f"the tasks of task.name={self.name} are generated with different settings; run "
                f"them one by one: {', '.join(self.tasks)}"
            )
        return found[0] if found else {}

    def samples(self) -> Iterator[Sample]:
        """One sample a document."""
        for leaf, groups in self._instances.items():
            for number, group in enumerate(groups):
                yield self._sample(self._id(leaf, number), leaf, group)

    def results(self, sample_id: str, generation: Generation) -> Mapping[str, Any] | str:
        """What lm-eval makes of an answer, by metric; or why nothing can be made of it."""
        task, group = self._by_id[sample_id]
        kind = group[0].request_type
        if kind == "generate_until":
            if generation.text is None:
                return "nothing was written"
            said: list[Any] = [generation.text]
        else:
            if generation.choice_logprobs is None:
                return "its choices were not weighed"
            greedy: Sequence[bool | None] = generation.choice_greedy or [None] * len(group)
            if None in greedy and (task.OUTPUT_TYPE == "loglikelihood" or _reads_greedy(task)):
                return "this backend does not say which choice greedy decoding would write"
            said = list(zip(generation.choice_logprobs, map(bool, greedy), strict=True))
        fresh = [replace(one, resps=[resp], filtered_resps={}) for one, resp in zip(group, said)]  # noqa: B905
        found: dict[str, Any] = {}
        for ensemble in task._filters:
            ensemble.apply(fresh)
            responses = [one.filtered_resps[ensemble.name] for one in fresh]
            made = task.process_results(group[0].doc, responses)
            found |= {_key(name, ensemble.name): value for name, value in made.items()}
        return found

    @cached_property
    def _by_id(self) -> Mapping[str, tuple[Any, Sequence[Any]]]:
        return {
            self._id(leaf, number): (self.tasks[leaf], group)
            for leaf, groups in self._instances.items()
            for number, group in enumerate(groups)
        }

    def _id(self, leaf: str, number: int) -> str:
        return f"{leaf}/{number}"

    def _sample(self, name: str, leaf: str, group: Sequence[Any]) -> Sample:
        contexts = [_prompt(one.args[0], self.chat) for one in group]
        metadata = {"subtask": leaf}
        if group[0].request_type == "generate_until":
            return Sample(name, contexts[0], metadata=metadata)
        choices = tuple(str(one.args[1]) for one in group)
        same = all(context == contexts[0] for context in contexts)
        if not same and self.chat:
            raise HarnessError(
                f"lm-eval's task {leaf} weighs its choices after different texts, which cannot be "
                "asked in messages; leave task.chat=false"
            )
        leads = () if same else tuple(map(str, contexts))
        return Sample(name, contexts[0], choices=choices, leads=leads, metadata=metadata)

    def _check(self, leaf: str, task: Any) -> None:
        if getattr(task, "UNSAFE_CODE", False):
            raise HarnessError(f"lm-eval's task {leaf} runs code that a model wrote; not here")
        if getattr(task, "MULTIMODAL", False):
            raise HarnessError(f"lm-eval's task {leaf} shows pictures or sounds; only text is run")
        if (task.config.repeats or 1) > 1:
            raise HarnessError(
                f"lm-eval's task {leaf} makes {task.config.repeats} answers to a document and "
                "filters them together, which is not run here; run it with lm-eval itself"
            )
        if task.OUTPUT_TYPE == "loglikelihood_rolling":
            raise HarnessError(
                f"lm-eval's task {leaf} measures the perplexity of whole texts, which is no answer "
                "to anything; run it with lm-eval itself"
            )

    def _set_fewshot(self, leaf: str, task: Any, number: int | None, data: str | None) -> None:
        """As lm-eval's evaluator sets it."""
        own = task.get_config("num_fewshot")
        if number is not None and own == 0 and number:
            raise HarnessError(f"lm-eval's task {leaf} is always asked without examples")
        wanted = own if number is None else number
        if wanted and data and Path(data).is_file():
            raise HarnessError(
                "task.num_fewshot: examples would come from the file that is evaluated; give a "
                "folder with a file for each split (train.jsonl, test.jsonl ...)"
            )
        task.set_config("num_fewshot", wanted or 0)
        task.set_fewshot_seed(seed=1234)


@cache
def documents(
    name: str, include_path: str | None, data: str | None, num_fewshot: int | None, chat: bool
) -> Documents:
    """The documents of a task, read once a process."""
    return Documents(name, include_path, data, num_fewshot, chat)


def pack(value: Any) -> str:
    """A value of lm-eval's as JSON."""
    return json.dumps(value, default=_plain)


def is_mean(function: Any) -> bool:
    """Whether an aggregation is lm-eval's plain mean."""
    return getattr(function, "__name__", "") == "mean" and "lm_eval.api" in function.__module__


def _unpack(text: str) -> Any:
    return _tuples(json.loads(text))


def _tuples(value: Any) -> Any:
    """Lists as the tuples that they were."""
    if isinstance(value, list):
        return tuple(map(_tuples, value))
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return value


def _plain(value: Any) -> Any:
    """What JSON does not know of: numbers and arrays of numpy's."""
    return value.tolist() if hasattr(value, "tolist") else str(value)


@cache
def manager_of(include_path: str | None) -> Any:
    """lm-eval's own list of tasks, which takes seconds to make."""
    from lm_eval.tasks import TaskManager

    return TaskManager(include_path=include_path)


def _load(name: str, include_path: str | None, data: str | None) -> dict[str, Any]:
    """lm-eval's tasks by name."""
    try:
        import datasets
        import lm_eval.tasks  # noqa: F401
    except ImportError as error:
        raise HarnessError(
            'task=lm_eval needs the package lm-eval: pip install "harness[lm_eval]"'
        ) from error
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    datasets.disable_progress_bars()
    if include_path and not Path(include_path).is_dir():
        raise HarnessError(f"task.include_path={include_path!r} is no folder")
    manager = manager_of(include_path)
    if manager._entry(name) is None:
        import difflib

        close = difflib.get_close_matches(name, manager.all_tasks, 5)
        hint = f"; close to it are {', '.join(close)}" if close else ""
        raise HarnessError(f"task.name={name!r} is none of lm-eval's tasks{hint}")
    if data is None:
        return _build(manager, name, None)
    found: dict[str, Any] = {}
    leaves = _leaves(manager, name)
    for leaf in leaves:
        found |= _build(manager, leaf, _files(Path(data), leaf if len(leaves) > 1 else None))
    return found


def _build(manager: Any, name: str, files: Mapping[str, str] | None) -> dict[str, Any]:
    overrides = None
    if files:
        kinds = {READERS[Path(file).suffix] for file in files.values()}
        overrides = {
            "dataset_path": kinds.pop(),
            "dataset_name": None,
            "dataset_kwargs": {"data_files": dict(files)},
        }
    try:
        entry = manager._entry(name)
        made = manager._factory.build(entry, overrides=overrides, registry=manager.task_index)
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise HarnessError(
            f"lm-eval cannot have the data of task {name!r} ({type(error).__name__}: {reason}); "
            "where its hub is out of reach give task.data=FILE, or a folder with a file a split"
        ) from error
    return dict(manager.load(made if isinstance(made, list) else [made])["tasks"])


def _leaves(manager: Any, name: str) -> list[str]:
    """The names of the tasks of a group or a tag, or of the task itself."""
    entry = manager._entry(name)
    if entry.kind.name == "GROUP":
        listed = [one for one in (entry.cfg or {}).get("task", []) if isinstance(one, str)]
        return [leaf for one in listed for leaf in _leaves(manager, one)]
    if entry.kind.name == "TAG":
        return sorted(n for n, e in manager.task_index.items() if name in (e.tags or ()))
    return [name]


def _files(data: Path, leaf: str | None) -> dict[str, str]:
    """The file of each split: one for all, or those of a folder by their names."""
    where = data
    if leaf is not None:
        named = [
            data / f"{leaf}{ending}" for ending in READERS if (data / f"{leaf}{ending}").is_file()
        ]
        where = named[0] if named else data / leaf
    if where.is_file() and where.suffix in READERS:
        return dict.fromkeys(SPLITS, str(where))
    files = {p.stem: str(p) for p in sorted(where.glob("*")) if p.suffix in READERS}
    if not files:
        raise HarnessError(
            f"task.data={str(where)!r} is neither a file that ends in {', '.join(READERS)} nor a "
            "folder of them, one for each split (test.jsonl, validation.jsonl ...)"
        )
    return files


def _instances(task: Any, chat: bool) -> list[list[Any]]:
    """lm-eval's requests, those of one document together."""
    with contextlib.redirect_stderr(io.StringIO()):  # where lm-eval draws its bars
        task.build_all_requests(
            rank=0,
            world_size=1,
            apply_chat_template=chat,
            fewshot_as_multiturn=chat,
            chat_template=_turns if chat else None,
        )
    groups: dict[int, list[Any]] = {}
    for instance in task.instances:
        groups.setdefault(instance.doc_id, []).append(instance)
    return [sorted(group, key=lambda one: one.idx) for group in groups.values()]


def _turns(history: Sequence[Mapping[str, str]], add_generation_prompt: bool = True) -> str:
    """What lm-eval takes for a chat template's text: the messages as JSON."""
    return json.dumps([dict(turn) for turn in history])


def _prompt(context: str, chat: bool) -> Prompt:
    if not chat:
        return context
    turns = json.loads(context)
    return tuple(Message(turn["role"], turn["content"]) for turn in turns)


def _metrics(task: Any) -> dict[str, tuple[str, str, Any, bool | None]]:
    higher = task.higher_is_better()
    return {
        _key(name, ensemble.name): (name, ensemble.name, function, higher.get(name))
        for ensemble in task._filters
        for name, function in task.aggregation().items()
    }


def _key(metric: str, ensemble: str) -> str:
    return metric if ensemble == "none" else f"{metric},{ensemble}"


def _name(function: Any) -> str:
    return str(getattr(function, "__name__", type(function).__name__))


def _reads_greedy(task: Any) -> bool:
    return "exact_match" in task.aggregation()


def _settings(given: Mapping[str, Any]) -> dict[str, Any]:
    """lm-eval's generation arguments in `GenerationConfig`'s words."""
    stop = given.get("until") or []
    sampled = given.get("do_sample", float(given.get("temperature") or 0) > 0)
    most = next(
        (given[n] for n in ("max_gen_toks", "max_new_tokens", "max_tokens") if given.get(n)), 256
    )
    return {
        "max_new_tokens": int(most),
        "temperature": float(given.get("temperature") or 1.0) if sampled else 0.0,
        "top_p": float(given.get("top_p") or 1.0),
        "top_k": int(given.get("top_k") or 0),
        "stop": [stop] if isinstance(stop, str) else list(stop),
    }
