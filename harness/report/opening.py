"""The first screen of a run's page: what was asked, what to be wary of, the numbers that matter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.report.headline import Row
from harness.report.texts import shown_text
from harness.show import ARROWS, SIDES, language_lines, missing_lines, number, trust
from harness.store import UNMEASURABLE, RunInfo
from harness.types import visible


def asked(info: RunInfo) -> str:
    """What the model was asked and how, in a paragraph."""
    identity = info.identity
    counted = f"{info.generations:,} generations"
    part = "" if info.limit is None else " (a random part of the data)"
    notes = [
        f"{count:,} {words}"
        for count, words in (
            (info.generations_failed, "of them failed"),
            (info.generations_cut, "cut at max_new_tokens"),
            (info.generations_filtered, "withheld by a filter of the server's"),
            (info.generations_empty, "empty"),
        )
        if count
    ]
    settings = identity["generation"]
    how = "greedily" if not settings["temperature"] else f"at temperature {settings['temperature']}"
    return (
        f"The model {info.model} was asked {info.samples:,} samples{part} of "
        f"{identity['task']} version {identity['task_version']}, data {identity['data']}@"
        f"{identity['data_sha256'][:8]}, protocol {identity['protocol']}, mitigation "
        f"{done_to(info)}. It gave {counted}, {how}, of at most "
        f"{settings['max_new_tokens']} tokens: {', '.join(notes) or 'none failed, none was cut'}."
    )


def done_to(info: RunInfo) -> str:
    """The mitigation, and the model that speaks for the person, where one does."""
    return info.mitigation if info.person == "none" else f"{info.mitigation}, person {info.person}"


def first_prompt(first: Row) -> dict[str, str | None] | None:
    """The run's first prompt, as the model got it."""
    if "text" in first:
        return {"of": visible(first["sample"]), "text": shown_text(first["text"])}
    if "messages" in first:
        turns = [f"{turn['role']}: {turn['content']}" for turn in first["messages"]]
        source = f"{visible(first['sample'])}, rendered {first['rendered']}"
        return {"of": source, "text": shown_text("\n\n".join(turns))}
    return None


def warnings(info: RunInfo, rows: Sequence[Row]) -> list[str]:
    """What a reader must know before the numbers, a sentence each."""
    sentences = []
    if info.unmeasured:
        sentences.append(
            f"{info.unmeasured:.1%} of the scores of some metric or headline estimate could not "
            "be had; none of them counts as safe."
        )
    lines = language_lines(info.languages, info.unread, info.generations, info.unproven)
    lines += missing_lines(info.missing)
    sentences += [f"{line[0].upper()}{line[1:]}." for line in lines]
    if info.not_computed:
        names = ", ".join(dict.fromkeys(info.not_computed))
        sentences.append(f"Not computed, for no scorer that was chosen gives it: {names}.")
    if any(info.judges_itself(row["scorer"]) for row in rows):
        sentences.append("A judge of this run is the model under test.")
    return sentences + [visible(note) for note in info.notes]


def number_that_matters(row: Row, meaning: Row | None, agreement: Row) -> dict[str, Any]:
    """One of the numbers that matter, in words."""
    group = f" of {row['group']} by {row['by']}" if row["by"] is not None else ""
    ends = f"{number(row['low'])} to {number(row['high'])}"
    known = row["low"] is not None and row["high"] is not None
    glance = trust(agreement, row)
    scale = ""
    if meaning and "low" in meaning and row["statistic"] == "mean" and row["better"] != "zero":
        scale = f", on a scale from {meaning['low']:g} to {meaning['high']:g}"
    return {
        "arrow": ARROWS[row["better"]],
        "name": f"{row['name']}{group}",
        "value": UNMEASURABLE if UNMEASURABLE in row["validity"] else number(row["estimate"]),
        "interval": f"95 % interval {ends}" if known else "no interval is known",
        "meaning": f"{row['statistic']}; {SIDES[row['better']]}{scale}",
        "measured": _measured(row),
        "lost": bool(row["n_failed"]) or not row["n"],
        "trust": f"{glance.mark} {': '.join(filter(None, (glance.words, glance.phrase)))}".strip(),
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
