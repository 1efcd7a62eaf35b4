"""The page of one run: what was found, how sure that is, and every answer behind it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from harness.show import ARROWS, SIDES, draw, missing_lines, number, page, picture, worst_end
from harness.store import ITSELF, RunStore, Scores
from harness.types import HarnessError, visible

Row = Mapping[str, Any]
MOST_ROWS = 5000
"""Answers that the page holds: those of the worst scores."""
MOST_MISSING = 1000
"""Of them such whose score could not be had, where others are left out for it."""
MOST_CHARACTERS = 20_000
"""Of one text; the page says how many more there are."""
MOST_TEXT = 24_000_000
"""Characters of all texts together."""
MOST_FIELDS, MOST_VALUES, MOST_METRICS = 6, 60, 6
"""Columns that can be filtered, the values of each, and metrics that have a column."""
FIXED = {"sample_id", "cluster", "prompt", "messages", "target"}


def write_report(folder: Path) -> Path:
    """Write `report.html` and `figures/` of a finished run; gives the page's path.

    Raises:
        HarnessError: it is no finished run, or its folder cannot be written.
    """
    store = RunStore(folder)
    info, estimates, samples = store.info(), *map(store.read_table, ("estimates", "samples"))
    if info is None or estimates is None or samples is None or info["status"] != "complete":
        raise HarnessError(f"run={str(folder)!r} is not the folder of a finished run")
    rows = estimates.to_pylist()
    scores = Scores(store, samples)
    identity = info["identity"]
    title = f"{identity['task']}, protocol {identity['protocol']}, model {info['model']}"
    drawn = draw(rows, scores.values, title, folder / "figures")
    chosen = headline(rows)
    metrics = list(dict.fromkeys([*(row["metric"] for row in chosen), *scores.values]))
    fields = _fields(samples, rows)
    meanings = dict(info.get("metrics", {}))
    if chosen and chosen[0]["better"] in ("lower", "higher"):  # refusing is good at times
        meanings[metrics[0]] = meanings.get(metrics[0], {}) | {"better": chosen[0]["better"]}
    better = meanings.get(metrics[0], {}).get("better") if metrics else None
    answers, left_out = _answers(store, samples, scores, metrics, better)
    columns = [
        "sample",
        *(["generation"] if scores.n > 1 else []),
        *fields,
        *metrics[:MOST_METRICS],
    ]
    started = info["sessions"][0]
    text = page(
        "run.html",
        "samples.js",
        {
            "rows": [_browsed(answer, columns, fields, metrics, meanings) for answer in answers],
            "columns": [worst_end(meanings.get(name, {}).get("better")) for name in columns],
            "estimates": [_listed(row) for row in rows],
        },
        title=title,
        asked=_asked(info),
        warnings=_warnings(info, rows),
        headline=[_told(row, meanings.get(row["metric"])) for row in chosen],
        figures=[picture(one) for one in drawn],
        first=_first(info.get("first_prompt") or {}),
        browser=_browser(len(answers), left_out, metrics),
        columns=columns,
        fields=[
            {"name": name, "column": columns.index(name), "values_": values}
            for name, values in fields.items()
        ],
        run=folder.name,
        version=started["versions"].get("harness", "not known"),
        started=started["started"],
    )
    return store.write_text("report.html", text)


def keep_report(folder: Path) -> Path:
    """Write the page where it is not there, or older than what it shows; gives its path."""
    path = folder / "report.html"
    if path.exists() and path.stat().st_mtime_ns >= (folder / "run.json").stat().st_mtime_ns:
        return path
    return write_report(folder)


def headline(rows: Sequence[Row], count: int = 3) -> list[Row]:
    """The numbers that matter: the task's first estimates that have a good end.

    Those over all samples come first; where there are not enough, the farthest from the good end of
    each group of others follows, one that is not known before any that is.
    """
    good = [row for row in rows if row["better"] != "neither"]
    chosen = {row["name"]: row for row in reversed(good) if row["by"] is None}
    found = list(reversed(chosen.values()))[:count]
    others: dict[tuple[str, str], list[Row]] = {}
    for row in good:
        if row["by"] is not None and row["name"] not in chosen:
            others.setdefault((row["name"], row["by"]), []).append(row)
    found += [max(group, key=_badness) for group in others.values()]
    return found[:count]


def _answers(
    store: RunStore,
    samples: pa.Table,
    scores: Scores,
    metrics: Sequence[str],
    better: str | None,
) -> tuple[list[dict[str, Any]], int]:
    """The answers that the page shows, worst first, and how many it leaves out."""
    total = len(samples) * scores.n
    values = scores.values[metrics[0]] if metrics else np.full(total, np.nan)
    numbers = worst_first(values, better == "higher")
    found: dict[int, dict[str, Any]] = {int(one): {"verdicts": {}} for one in numbers}
    kept = np.zeros(total + 1, np.bool_)  # the last is for rows of no generation
    kept[numbers] = True
    columns = ["sample_id", "index", "metric", "value", "scorer_id", "explanation", "error"]
    for part in store.read_parts("scores", columns):
        for place, row in scores.rows(part, kept):
            found[place]["verdicts"][row["metric"]] = row
    for _, table in store.shards("generations"):
        for place, row in scores.rows(table, kept):
            found[place]["answer"] = row
    of_sample = samples.take(numbers // scores.n).to_pylist()
    for one, row in zip(found.values(), of_sample, strict=True):
        one["sample"] = row
    shown, characters = [], 0
    for one in found.values():
        answer = one.get("answer")
        if answer is None:
            continue  # a shard was lost since: the run makes it again
        characters += sum(
            min(len(text or ""), MOST_CHARACTERS)
            for text in (one["sample"]["prompt"], answer["text"], answer.get("thinking"))
        )
        if characters > MOST_TEXT:
            break
        shown.append(one)
    return shown, total - len(shown)


def worst_first(values: NDArray[np.float64], higher_is_better: bool) -> NDArray[np.int64]:
    """The numbers of the worst values, missing ones before all others, as many as a page holds."""
    missing = np.flatnonzero(np.isnan(values))
    known = np.flatnonzero(~np.isnan(values))
    badness = values[known] if higher_is_better else -values[known]
    known = known[np.argsort(badness, kind="stable")]
    missing = missing[: max(MOST_MISSING, MOST_ROWS - len(known))]
    return np.concatenate([missing, known])[:MOST_ROWS]


def _browsed(
    one: Mapping[str, Any],
    columns: Sequence[str],
    fields: Mapping[str, Sequence[str]],
    metrics: Sequence[str],
    meanings: Mapping[str, Row],
) -> dict[str, Any]:
    """An answer as the page's script reads it."""
    sample, answer, verdicts = one["sample"], one["answer"], one["verdicts"]
    value = {metric: verdicts[metric]["value"] for metric in metrics if metric in verdicts}
    cells = {"sample": _text(sample["sample_id"]), "generation": answer["index"]}
    cells |= {name: _text(str(sample[name])) for name in fields}
    first = metrics[0] if metrics else ""
    return {
        "cells": [cells.get(name, value.get(name)) for name in columns],
        "turns": [[role, _text(content)] for role, content in _turns(sample)],
        "answer": _text(_said(answer)),
        "size": f"{len(answer['text'] or ''):,}",
        "finish": answer["finish_reason"],
        "thinking": _text(answer.get("thinking")),
        "error": _text(answer["error"] or f"no text: {answer['finish_reason']}"),
        "target": _text(sample["target"]),
        "bad": _is_bad(value.get(first), meanings.get(first)),
        "lost": any(
            verdict["value"] is None and not meanings.get(metric, {}).get("aside")
            for metric, verdict in verdicts.items()
        ),
        "verdicts": [
            [
                metric,
                verdicts[metric]["value"],
                verdicts[metric]["scorer_id"],
                _text(verdicts[metric]["explanation"]),
                _text(verdicts[metric]["error"]),
            ]
            for metric in sorted(verdicts, key=metrics.index)
        ],
    }


def _turns(sample: Row) -> Iterator[tuple[str, str]]:
    if not sample.get("messages"):
        yield "prompt", sample["prompt"]
        return
    for turn in json.loads(sample["messages"]):
        yield turn["role"], turn["content"]


def _said(answer: Row) -> str | None:
    text: str | None = answer["text"]
    if text is not None or answer.get("choice_logprobs") is None:
        return text
    weights = ", ".join(f"{weight:.3f}" for weight in answer["choice_logprobs"])
    return f"weighed its choices; natural logarithm of the probability of each: {weights}"


def _text(text: str | None) -> str | None:
    """As the page shows it: what is unseen written out, and not longer than it can hold."""
    if text is None:
        return None
    more = len(text) - MOST_CHARACTERS
    shown = visible(text[:MOST_CHARACTERS])
    return shown if more <= 0 else f"{shown}\n\u2026 and {more:,} more characters in the run folder"


def _is_bad(value: float | None, meaning: Row | None) -> bool:
    """Whether a score is missing, or nearer to the bad end than to the good one."""
    if value is None or meaning is None or "low" not in meaning:
        return True
    middle = (meaning["low"] + meaning["high"]) / 2
    return bool(value <= middle if meaning["better"] == "higher" else value >= middle)


def _badness(row: Row) -> float:
    value: float | None = row["estimate"]
    if value is None:
        return np.inf
    return {"lower": value, "higher": -value, "zero": abs(value)}[row["better"]]


def _fields(samples: pa.Table, rows: Sequence[Row]) -> dict[str, list[str]]:
    """Metadata worth filtering by, those of the estimates first, with their values."""
    names = dict.fromkeys(row["by"] for row in rows if row["by"] in samples.column_names)
    found: dict[str, list[str]] = {}
    for name in [*names, *(one for one in samples.column_names if one not in FIXED | names.keys())]:
        values = sorted({str(value) for value in pc.unique(samples[name]).to_pylist()})
        if 2 <= len(values) <= MOST_VALUES and len(found) < MOST_FIELDS and name not in FIXED:
            found[name] = [visible(value) for value in values]
    return found


def _asked(info: Row) -> str:
    identity = info["identity"]
    counted = f"{info['generations']:,} generations"
    part = "" if info["limit"] is None else " (a random part of the data)"
    notes = [
        f"{info[f'generations_{kind}']:,} {words}"
        for kind, words in (
            ("failed", "of them failed"),
            ("cut", "cut at max_new_tokens"),
            ("filtered", "withheld by a filter of the server's"),
            ("empty", "empty"),
        )
        if info.get(f"generations_{kind}")
    ]
    settings = identity["generation"]
    how = "greedily" if not settings["temperature"] else f"at temperature {settings['temperature']}"
    return (
        f"The model {info['model']} was asked {info['samples']:,} samples{part} of "
        f"{identity['task']} version {identity['task_version']}, data {identity['data']}@"
        f"{identity['data_sha256'][:8]}, protocol {identity['protocol']}, mitigation "
        f"{info['mitigation']}. It gave {counted}, {how}, of at most "
        f"{settings['max_new_tokens']} tokens: {', '.join(notes) or 'none failed, none was cut'}."
    )


def _first(first: Row) -> dict[str, str | None] | None:
    """The run's first prompt, as the model got it."""
    if "text" in first:
        return {"of": visible(first["sample"]), "text": _text(first["text"])}
    if "messages" in first:
        turns = [f"{turn['role']}: {turn['content']}" for turn in first["messages"]]
        of = f"{visible(first['sample'])}, rendered {first['rendered']}"
        return {"of": of, "text": _text("\n\n".join(turns))}
    return None


def _warnings(info: Row, rows: Sequence[Row]) -> list[str]:
    found = []
    if info["unmeasured"]:
        found.append(
            f"{info['unmeasured']:.1%} of the scores of some metric or headline estimate could not "
            "be had; none of them counts as safe."
        )
    found += [f"{line[0].upper()}{line[1:]}." for line in missing_lines(info.get("missing", {}))]
    if info["not_computed"]:
        names = ", ".join(dict.fromkeys(info["not_computed"]))
        found.append(f"Not computed, for no scorer that was chosen gives it: {names}.")
    if any(row["validity"].startswith(ITSELF) for row in rows):
        found.append("A judge of this run is the model under test.")
    return found + [visible(note) for note in info.get("notes", [])]


def _told(row: Row, meaning: Row | None) -> dict[str, Any]:
    """One of the numbers that matter, in words."""
    of = f" of {row['group']} by {row['by']}" if row["by"] is not None else ""
    ends = f"{number(row['low'])} to {number(row['high'])}"
    known = row["low"] is not None and row["high"] is not None
    scale = ""
    if meaning and "low" in meaning and row["statistic"] == "mean" and row["better"] != "zero":
        scale = f", on a scale from {meaning['low']:g} to {meaning['high']:g}"
    return {
        "arrow": ARROWS[row["better"]],
        "name": f"{row['name']}{of}",
        "value": number(row["estimate"]),
        "interval": f"95 % interval {ends}" if known else "no interval is known",
        "meaning": f"{row['statistic']}; {SIDES[row['better']]}{scale}",
        "measured": _measured(row),
        "lost": bool(row["n_failed"]) or not row["n"],
        "validity": f"By {row['scorer_id']}: {row['validity']}",
    }


def _measured(row: Row) -> str:
    if not row["n"]:
        return "No sample is of this kind."
    if not row["n_failed"]:
        return f"All {row['n']:,} scores were had."
    return (
        f"{row['n_failed']:,} of {row['n']:,} scores ({row['n_failed'] / row['n']:.1%}) could not "
        f"be had: were all of them the worst it would be {number(row['worst'])}, were all the best "
        f"{number(row['best'])}."
    )


def _browser(count: int, left_out: int, metrics: Sequence[str]) -> str:
    by = f" by {metrics[0]}" if metrics else ""
    rest = (
        f" {left_out:,} others are not on this page, for its size; the run folder holds them."
        if left_out
        else ""
    )
    return (
        f"{count:,} answers, missing scores first, then the worst{by}. Open a row to read; an "
        f"answer in the bad half of the scale stays folded until you ask for it.{rest}"
    )


def _listed(row: Row) -> list[object]:
    name = f"{ARROWS[row['better']]} {row['name']}"
    values = [row[key] for key in ("estimate", "low", "high", "worst", "best")]
    counts = [row[key] for key in ("n", "n_scored", "n_failed")]
    by = [visible(row[key] or "") for key in ("by", "group")]
    return [name, row["statistic"], *by, *values, *counts, row["scorer_id"]]
