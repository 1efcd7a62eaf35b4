"""lm-eval's documents as samples, and what its own `process_results` makes of answers to them."""

from __future__ import annotations

import contextlib
import io
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache, cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.aggregated import Aggregated
from harness.types import (
    Direction,
    Estimand,
    Generation,
    HarnessError,
    Message,
    Prompt,
    Sample,
)

if TYPE_CHECKING:
    pass

READERS = {".jsonl": "json", ".json": "json", ".csv": "csv", ".parquet": "parquet"}
SPLITS = ("train", "validation", "test")
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


def is_mean(function: Any) -> bool:
    """Whether an aggregation is lm-eval's plain mean."""
    return getattr(function, "__name__", "") == "mean" and "lm_eval.api" in function.__module__


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
