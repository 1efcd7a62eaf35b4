"""The page of one run: what was found, how sure that is, and every answer behind it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa

from harness.report.answers import MOST_METRICS, browsed, chosen_answers, filters
from harness.report.headline import Row, headline
from harness.report.opening import asked, first_prompt, number_that_matters, warnings
from harness.report.talks import person_words, talked, talks_of
from harness.show import ARROWS, draw, page, picture, with_categories, worst_end
from harness.store import UNMEASURABLE, FinishedRun, Scores, write_text
from harness.types import visible


def write_report(folder: Path) -> Path:
    """Write `report.html` and `figures/` of a finished run; gives the page's path.

    Raises:
        NotFinished: it is no finished run.
        HarnessError: its tables cannot be read, or its folder cannot be written.
    """
    run = FinishedRun.read(folder, "run")
    info = run.info
    asked_in = ("sample_id", *(("cluster", "messages") if info.dialogues else ()))
    samples = pa.concat_tables(run.sample_parts(asked_in))
    talks = talks_of(samples) if info.dialogues else []
    labels, identity = info.labels, info.identity
    rows = with_categories(run.rows, labels)
    scores = run.scores(samples)
    title = f"{identity['task']}, protocol {identity['protocol']}, model {info.model}"
    drawn = draw(rows, scores.values, title, folder / "figures")
    chosen = headline(rows)
    metrics = list(dict.fromkeys([*(row["metric"] for row in chosen), *scores.values]))
    last = [talk[-1] for talk in talks] if info.dialogues else None
    fields = filters(run, rows, labels, last)
    meanings = dict(info.metrics or {})
    if chosen and chosen[0]["better"] in ("lower", "higher"):  # refusing is good at times
        meanings[metrics[0]] = {**meanings.get(metrics[0], {}), "better": chosen[0]["better"]}
    better = meanings.get(metrics[0], {}).get("better") if metrics else None
    answers, left_out = chosen_answers(run, talks, scores, metrics, better)
    columns, words = _columns(scores, fields, metrics), person_words(run)
    started = info.sessions[0]
    text = page(
        "run.html",
        "samples.js",
        {
            "rows": [
                browsed(answer, columns, fields, metrics, meanings, labels)
                | talked(answer, words, meanings, info.estimands or ())
                for answer in answers
            ],
            "columns": [worst_end(meanings.get(name, {}).get("better")) for name in columns],
            "estimates": [_listed(row) for row in rows],
        },
        title=title,
        asked=asked(info),
        warnings=warnings(info, rows),
        headline=[
            number_that_matters(row, meanings.get(row["metric"]), info.agreement) for row in chosen
        ],
        figures=[picture(figure) for figure in drawn],
        first=first_prompt(info.first_prompt or {}),
        browser=_browser(len(answers), left_out, metrics, info.dialogues),
        columns=columns,
        fields=[
            {"name": name, "column": columns.index(name), "values_": values}
            for name, values in fields.items()
        ],
        run=folder.name,
        version=started["versions"].get("harness", "not known"),
        started=started["started"],
    )
    return write_text(folder / "report.html", text)


def _columns(scores: Scores, fields: Iterable[str], metrics: Sequence[str]) -> list[str]:
    """The columns of the table of answers."""
    return ["sample", *(["generation"] if scores.n > 1 else []), *fields, *metrics[:MOST_METRICS]]


def keep_report(folder: Path) -> Path:
    """Write the page where it is not there, or older than what it shows; gives its path."""
    path = folder / "report.html"
    if path.exists() and path.stat().st_mtime_ns >= (folder / "run.json").stat().st_mtime_ns:
        return path
    return write_report(folder)


def _browser(count: int, left_out: int, metrics: Sequence[str], dialogues: bool) -> str:
    by = f" by {metrics[0]}" if metrics else ""
    omission = (
        f" {left_out:,} others are not on this page, for its size; the run folder holds them."
        if left_out
        else ""
    )
    plural, reading = (
        (
            "conversations",
            "Open a row to read all of it; marked is the answer by which a verdict was decided, "
            "and at the end what was never done.",
        )
        if dialogues
        else (
            "answers",
            "Open a row to read; an answer in the bad half of the scale stays folded until you ask "
            "for it.",
        )
    )
    return f"{count:,} {plural}, missing scores first, then the worst{by}. {reading}{omission}"


def _listed(row: Row) -> list[object]:
    name = f"{ARROWS[row['better']]} {row['name']}"
    if UNMEASURABLE in row["validity"]:
        name = f"{name}: {UNMEASURABLE}"
    values = [row[key] for key in ("estimate", "low", "high", "worst", "best")]
    counts = [row[key] for key in ("n", "n_scored", "n_failed")]
    by = [visible(row[key] or "") for key in ("by", "group")]
    return [name, row["statistic"], *by, *values, *counts, row["scorer_id"]]
