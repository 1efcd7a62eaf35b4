"""Samples that lm-eval's `--log_samples` wrote: written answers, weighed choices, its metrics."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.bridges.files import lm_eval_samples as lm_eval
from harness.bridges.files.turns import Content, prompt_content
from harness.bridges.logs.head import Head
from harness.bridges.logs.log import OPEN, UNIT, Answer, Log
from harness.bridges.logs.reading import lines_of
from harness.types import HarnessError

UNITS = ("acc", "acc_norm", "exact_match", "em", "contains", "pass@1")
OF_A_SAMPLE = {"doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter",
               "metrics", "doc_hash", "prompt_hash", "target_hash"}  # fmt: skip
"""What a sample holds besides its metrics, which lm-eval 0.4.5 wrote among it unnamed."""
NAMED = re.compile(r"samples_(?P<task>.+)_\d{4}-\d\d-\d\dT[\d-]+(?:\.\d+)?")


class LmEvalSamples:
    """Reads `samples_*.jsonl` of this year's layout and of last year's."""

    tool = "lm-eval"

    def recognises(self, head: Head) -> bool:
        """By the keys of a sample."""
        return any(lm_eval.is_sample(line) for line in head.lines)

    def read(self, path: Path) -> Log:
        """Each document once for a filter; another filter's metrics are of the same answer.

        Raises:
            HarnessError: a line is none of its samples.
        """
        named = NAMED.match(path.stem)
        log = Log(self.tool, "unknown", "unknown", named["task"] if named else path.stem)
        log.notes.append("lm-eval's samples name no model; say which with model=NAME")
        filters = log.spool.shelf()
        for number, row in lines_of(path):
            where = f"line {number} of {path.name}"
            if not lm_eval.is_sample(row):
                raise HarnessError(f"{where} is no sample of lm-eval's, as others of the file are")
            name, of_filter = str(row["doc_id"]), str(row.get("filter") or "none")
            known = filters.get(name, [])
            places = [(name, 0)] if known else _add(log, name, row, where)
            if of_filter in known:
                raise HarnessError(
                    f"{where}: document {name} stands twice for the filter {of_filter!r}; "
                    "score the files of several tasks one by one"
                )
            filters[name] = [*known, of_filter]
            prefix = "" if of_filter == "none" else f"{of_filter}."
            for metric in _metrics(row):
                value = row.get(metric)
                meaning = UNIT if metric in UNITS else OPEN
                for place in places:
                    log.score(place, f"{prefix}{metric}", value, meaning)
        return log


def _metrics(row: Mapping[str, Any]) -> Sequence[str]:
    """The names of a sample's metrics; where it names none, of all that is a number of its own."""
    if "metrics" in row:
        return list(row["metrics"] or ())
    return [k for k, v in row.items() if k not in OF_A_SAMPLE and isinstance(v, int | float)]


def _add(log: Log, name: str, row: Mapping[str, Any], where: str) -> list[tuple[str, int]]:
    """Keep a document: what was written, or what its choices weigh."""
    target = row.get("target")
    described = {k: v for k, v in (row.get("doc") or {}).items() if k != "id"}
    right = target if isinstance(target, str) else None
    arguments = row["arguments"]
    requests = list(arguments.values()) if isinstance(arguments, Mapping) else list(arguments)
    pairs = [[r[k] for k in sorted(r)] if isinstance(r, Mapping) else list(r) for r in requests]
    groups = [response for group in row["resps"] for response in group]
    if groups and all(_is_weighed(response) for response in groups) and _is_of_choices(pairs):
        answer = Answer(
            choice_logprobs=[float(response[0]) for response in groups], finish_reason="choices"
        )
        choices = [str(pair[1]) for pair in pairs]
        content = _asked(pairs[0][0], where)
        place = log.add(name, content, answer, target=right, choices=choices, described=described)
        return [place]
    asked, answers = lm_eval.prompt_and_answers(row, where)
    return [
        log.add(name, asked, _written(value), target=right, described=described)
        for value in answers
    ]


def _is_weighed(response: object) -> bool:
    return isinstance(response, Sequence) and not isinstance(response, str) and len(response) == 2


def _is_of_choices(pairs: Sequence[Sequence[Any]]) -> bool:
    return all(len(pair) >= 2 and isinstance(pair[1], str) for pair in pairs) and (
        len({str(pair[0]) for pair in pairs}) == 1
    )


def _asked(prompt: object, where: str) -> Content:
    return prompt_content(prompt, where)


def _written(value: object) -> Answer:
    if isinstance(value, str):
        return Answer(value)
    return Answer(error=f"lm-eval has {value!r} for an answer", finish_reason="error")
