"""The gate's verdict: printed, as Markdown, JSON and JUnit XML, and as a page with its figure."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.boards import Run
from harness.gate import Change, Comparison, Verdict
from harness.paired import LEVEL, Paired
from harness.report.console import ARROWS, number
from harness.report.figures import BLUE, INK, MOST_LETTERS, ORANGE, Drawn, save
from harness.report.markdown import safe
from harness.report.page import page, picture
from harness.store import RunStore
from harness.text import visible
from harness.types import HarnessError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WORDS = {
    Verdict.PASS: "pass", Verdict.REGRESSION: "regression", Verdict.INCONCLUSIVE: "inconclusive",
}  # fmt: skip
SIGNS = {Verdict.PASS: "\u2705", Verdict.REGRESSION: "\u274c", Verdict.INCONCLUSIVE: "\u2754"}
MEANINGS = {
    Verdict.PASS: "On every gated estimate the candidate was shown not to be worse by the margin, "
    "whatever the missing scores would have been.",
    Verdict.REGRESSION: "On at least one gated estimate the candidate was shown to be worse.",
    Verdict.INCONCLUSIVE: "No gated estimate was shown to be worse, but not all were shown to be "
    "within their margin.",
}
MOST_PARTS = 40
MOST_SAMPLES = 5
"""Of each estimate, side by side on the page."""
MOST_CHARACTERS = 6_000
NOTE = (
    "A difference is counted so that more is worse. An estimate passes where its 95 % interval "
    "lies below the margin, and is a regression where the candidate is worse (one-sided, at 2.5 % "
    "among all gated estimates, Holm) and not shown to be within the margin. Both must hold with "
    "missing scores at their worst end, and at their best."
)


def write_verdict(found: Comparison, folder: Path) -> Path:
    """Write regression.html, .md and .json, junit.xml and the figure.

    Raises:
        HarnessError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HarnessError(f"to={str(folder)!r} cannot be written ({error.strerror})") from error
    store = RunStore(folder)
    plot = partial(differences, changes=found.changes)
    height = 1.3 + 0.3 * len(found.changes)
    drawn = save("differences", folder / "figures", title_of(found), plot, height)
    page = store.write_text("regression.html", _page(found, drawn))
    store.write_text("regression.md", as_markdown(found))
    store.write_text("junit.xml", as_junit(found))
    store.write_text("regression.json", as_json(found))  # the last: with it there is a verdict
    return page


def forget_verdict(folder: Path) -> None:
    """Take an earlier verdict away, so that none is there that was not reached now.

    Raises:
        HarnessError: it cannot be deleted.
    """
    for name in ("regression.json", "regression.md", "regression.html", "junit.xml"):
        try:
            (folder / name).unlink(missing_ok=True)
        except OSError as error:
            raise HarnessError(
                f"{str(folder / name)!r} cannot be deleted ({error.strerror})"
            ) from error


def title_of(found: Comparison) -> str:
    """Who is compared with whom."""
    sides = (found.baseline, found.candidate)
    before, after = (visible(", ".join(dict.fromkeys(map(_system, side)))) for side in sides)
    return f"{after} against {before}"


def print_verdict(found: Comparison) -> None:
    """The verdict and each gated estimate on a line or two."""
    print(f"{WORDS[found.verdict]}: {title_of(found)}")
    print(f"{MEANINGS[found.verdict]} {len(found.changes)} estimates are gated.\n")
    for change in found.changes:
        print(f"{WORDS[change.verdict]:13}{_label(change)}: {_in_numbers(change)}")
        print(f"{'':13}{change.reason}{_lacking(change)}")
    for name in found.lost:
        print(f"lost         {name}")


def as_markdown(found: Comparison) -> str:
    """For a pull request: the verdict, a table of what is gated, and the groups that moved most."""
    lines = [
        f"## {SIGNS[found.verdict]} {WORDS[found.verdict]}: {safe(title_of(found))}",
        "",
        f"{MEANINGS[found.verdict]} {len(found.changes)} estimates are gated.",
        "",
        "| | estimate | before | after | worse by (95 %) | margin | missing | |",
        "|---|---|--:|--:|--:|--:|--:|---|",
    ]
    for change in found.changes:
        cells = [
            SIGNS[change.verdict],
            safe(_label(change)),
            number(change.before),
            number(change.after),
            _interval(change.measured),
            f"{change.margin:g}",
            f"{change.missing[0]:,}, {change.missing[1]:,} of {change.asked:,}",
            safe(change.reason + _lacking(change)),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", NOTE]
    lines += [f"- lost, so that nothing passes: {safe(name)}" for name in found.lost]
    if found.parts:
        lines += [
            "",
            "<details><summary>By group, to look at and not to decide by</summary>",
            "",
            "| estimate | group | worse by (95 %) | p | q |",
            "|---|---|--:|--:|--:|",
        ]
        for part in found.parts[:MOST_PARTS]:
            cells = [safe(part.name), safe(f"{part.by} {part.group}"), _interval(part.found)]
            lines.append(f"| {' | '.join([*cells, f'{part.p:.3f}', f'{part.q:.3f}'])} |")
        lines += ["", "</details>"]
    return "\n".join(lines) + "\n"


def as_json(found: Comparison) -> str:
    """All of it, for a program."""
    told = {
        "verdict": WORDS[found.verdict],
        "exit_code": found.verdict.value,
        "level": LEVEL,
        "gated": len(found.changes),
        "baseline": [_named(run) for run in found.baseline],
        "candidate": [_named(run) for run in found.candidate],
        "estimates": [
            {**asdict(change), "verdict": WORDS[change.verdict]} for change in found.changes
        ],
        "groups": [asdict(part) for part in found.parts],
        "lost": list(found.lost),
    }
    return json.dumps(_finite(told), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def as_junit(found: Comparison) -> str:
    """One test case an estimate; what is inconclusive is an error, since it has not passed."""
    suite = ET.Element(
        "testsuite",
        name=f"harness.regression {title_of(found)}",
        tests=str(len(found.changes) + len(found.lost)),
        failures=str(sum(c.verdict is Verdict.REGRESSION for c in found.changes)),
        errors=str(sum(c.verdict is Verdict.INCONCLUSIVE for c in found.changes) + len(found.lost)),
    )
    for change in found.changes:
        case = ET.SubElement(
            suite, "testcase", classname=f"harness.{change.task}", name=visible(change.name)
        )
        text = visible(f"{_in_numbers(change)}; {change.reason}{_lacking(change)}")
        if change.verdict is Verdict.REGRESSION:
            ET.SubElement(case, "failure", type="regression", message=text)
        elif change.verdict is Verdict.INCONCLUSIVE:
            ET.SubElement(case, "error", type="inconclusive", message=text)
        else:
            ET.SubElement(case, "system-out").text = text
    for name in found.lost:
        case = ET.SubElement(suite, "testcase", classname="harness", name=visible(name))
        ET.SubElement(case, "error", type="lost", message=visible(name))
    whole = ET.Element("testsuites")
    whole.append(suite)
    ET.indent(whole)
    return f"{ET.tostring(whole, encoding='unicode', xml_declaration=True)}\n"


def differences(axes: Axes, changes: Sequence[Change]) -> str:
    """Each difference in units of its margin, with its interval and its worst-case end."""
    places = np.arange(len(changes))[::-1]
    axes.axvline(0, color=INK, linewidth=1)
    axes.axvline(1, color=ORANGE, linewidth=1, linestyle="--")
    marks = {Verdict.PASS: "o", Verdict.REGRESSION: "X", Verdict.INCONCLUSIVE: "D"}
    for place, change in zip(places, changes, strict=True):
        found, margin = change.measured, change.margin
        colour = BLUE if change.verdict is Verdict.PASS else ORANGE
        if found.low is not None and found.high is not None:
            axes.hlines(place, found.low / margin, found.high / margin, color=colour, linewidth=2)
        if change.worst.high is not None and any(change.missing):
            axes.plot(change.worst.high / margin, place, "|", color=ORANGE, markersize=10)
        if found.difference is not None:
            mark = marks[change.verdict]
            axes.plot(found.difference / margin, place, mark, color=colour, markersize=8)
    axes.set_yticks(places, [_short(_label(change)) for change in changes])
    axes.set_ylim(-0.7, len(changes) - 0.3)
    axes.set_xlabel("worse by, in margins \u00b7 |: with what is missing at its worst")
    axes.grid(axis="x")
    return "\u25cf pass   \u2716 regression   \u25c6 inconclusive"


def _page(found: Comparison, drawn: Drawn) -> str:
    texts = _texts(found)
    return page(
        "gate.html",
        "gate.js",
        {
            "estimates": [_row(change) for change in found.changes],
            "parts": [
                [part.task, visible(part.name), visible(f"{part.by} {part.group}"),
                 part.found.difference, part.found.low, part.found.high, part.found.pairs,
                 part.p, part.q]
                for part in found.parts
            ],
        },
        title=title_of(found),
        verdict=WORDS[found.verdict],
        meaning=MEANINGS[found.verdict],
        gated=len(found.changes),
        note=NOTE,
        lost=found.lost,
        figure=picture(drawn),
        sides=[
            {"name": name, "runs": [_described(run) for run in runs]}
            for name, runs in (("baseline", found.baseline), ("candidate", found.candidate))
        ],
        changed=[
            {"name": _label(change), "samples": list(_side_by_side(change, texts))}
            for change in found.changes
            if change.samples
        ],
        validities=dict.fromkeys(
            f"{c.metric} by {c.scorer_id}: {c.validity}" for c in found.changes
        ),
    )  # fmt: skip


def _row(change: Change) -> dict[str, object]:
    """What the page's script shows of an estimate."""
    found = change.measured
    at_worst = f"up to {_signed(change.worst.high)} with all that is missing at its worst"
    return {
        "verdict": WORDS[change.verdict],
        "name": f"{ARROWS[change.better]} {visible(_label(change))}",
        "why": visible(change.reason + _lacking(change)),
        "before": change.before,
        "after": change.after,
        "worse": found.difference,
        "interval": f"{_signed(found.low)} to {_signed(found.high)}",
        "at_worst": at_worst if any(change.missing) else "",
        "margin": change.margin,
        "p_worse": change.p_worse,
        "p_margin": max(found.p_margin, change.worst.p_margin),
        "pairs": found.pairs,
        "method": found.method,
    }


Texts = Mapping[tuple[str, str], tuple[str, tuple[list[str], list[str]]]]
"""Of each task and sample the prompt, and both sides' answers."""


def _texts(found: Comparison) -> Texts:
    """What was asked and answered where it changed most."""
    wanted = {(c.task, one) for c in found.changes for one in c.samples[:MOST_SAMPLES]}
    texts: dict[tuple[str, str], tuple[str, tuple[list[str], list[str]]]] = {}
    for side, runs in enumerate((found.baseline, found.candidate)):
        for run in runs:
            store, task = RunStore(run.folder), run.question["task"]
            own = {one for of, one in wanted if of == task}
            samples = store.read_table("samples")
            if samples is None or not own:
                continue
            for row in samples.select(["sample_id", "prompt"]).to_pylist():
                if row["sample_id"] in own:
                    texts.setdefault((task, row["sample_id"]), (row["prompt"], ([], [])))
            for _, table in store.shards("generations"):
                for row in table.select(["sample_id", "text", "error"]).to_pylist():
                    if row["sample_id"] in own and (task, row["sample_id"]) in texts:
                        said = row["text"] if row["text"] is not None else row["error"]
                        texts[task, row["sample_id"]][1][side].append(said or "(no text)")
    return texts


def _side_by_side(change: Change, texts: Texts) -> Iterator[dict[str, Any]]:
    for one, worse in list(zip(change.samples, change.changes, strict=True))[:MOST_SAMPLES]:
        if not worse > 0 or (change.task, one) not in texts:
            continue
        prompt, (before, after) = texts[change.task, one]
        yield {
            "id": one,
            "worse": f"{worse:+.3f}",
            "prompt": _cut(prompt),
            "before": [_cut(text) for text in before],
            "after": [_cut(text) for text in after],
        }


def _cut(text: str) -> str:
    more = len(text) - MOST_CHARACTERS
    return text if more <= 0 else f"{text[:MOST_CHARACTERS]}\n\u2026 and {more:,} more characters"


def _system(run: Run) -> str:
    mitigation = run.question["mitigation"]
    model: str = run.info["model"]
    return model if mitigation == "none" else f"{model} with {mitigation}"


def _named(run: Run) -> dict[str, object]:
    return {"run": run.name, "model": run.info["model"], "model_id": run.model, **run.question}


def _described(run: Run) -> str:
    asked = run.question
    return (
        f"{run.name}: {_system(run)}, {asked['task']} version {asked['version']}, "
        f"{asked['samples']} samples, protocol {asked['protocol']}"
    )


def _label(change: Change) -> str:
    return f"{change.task}, {change.name}{' (guard)' if change.guard else ''}"


def _short(text: str) -> str:
    text = visible(text)
    return text if len(text) <= MOST_LETTERS else f"{text[: MOST_LETTERS - 1]}\u2026"


def _in_numbers(change: Change) -> str:
    return (
        f"{number(change.before)} to {number(change.after)}, worse by {_interval(change.measured)}"
    )


def _interval(found: Paired) -> str:
    return f"{_signed(found.difference)} ({_signed(found.low)} to {_signed(found.high)})"


def _signed(value: float | None) -> str:
    return "not known" if value is None else f"{value:+.3f}"


def _lacking(change: Change) -> str:
    """Whether the candidate lacks more scores than the baseline."""
    before, after = change.missing
    if before == after:
        return ""
    chance = f", p {_chance(change.p_missing)}" if after > before else ""
    return f"; missing scores went from {before:,} to {after:,} of {change.asked:,}{chance}"


def _chance(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"


def _finite(value: Any) -> Any:
    """What JSON can hold: a number that is none becomes null."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
