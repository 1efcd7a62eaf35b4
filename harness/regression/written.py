"""The gate's files."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from dataclasses import asdict
from functools import partial
from pathlib import Path

from harness.regression.figure import differences
from harness.regression.page import MOST_PARTS, _page
from harness.regression.verdict import Comparison, Verdict
from harness.regression.words import (
    SIGNS,
    WORDS,
    _finite,
    _group,
    _in_numbers,
    _interval,
    _label,
    _lacking,
    _named,
    _of_part,
    _shown,
    doubts_told,
    groups_told,
    meaning_of,
    note_of,
    parts_in_order,
    said_of,
    title_of,
    verdict_told,
)
from harness.show import number, safe, save
from harness.statistics import ONE_SIDED_LEVEL
from harness.store import write_text
from harness.types import HarnessError, visible


def write_verdict(comparison: Comparison, folder: Path) -> Path:
    """Write regression.html, .md and .json, junit.xml and the figure.

    Raises:
        HarnessError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HarnessError(f"to={str(folder)!r} cannot be written ({error.strerror})") from error
    plot = partial(differences, changes=comparison.gated)
    height = 1.3 + 0.3 * len(comparison.gated)
    drawn = save("differences", folder / "figures", title_of(comparison), plot, height)
    page = write_text(folder / "regression.html", _page(comparison, drawn))
    write_text(folder / "regression.md", as_markdown(comparison))
    write_text(folder / "junit.xml", as_junit(comparison))
    # The last: with it there is a verdict.
    write_text(folder / "regression.json", as_json(comparison))
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


def print_verdict(comparison: Comparison) -> None:
    """The verdict and each gated estimate on a line or two."""
    print(f"{verdict_told(comparison)}: {title_of(comparison)}")
    for at, name in enumerate(doubts_told(comparison)):
        print(f"{' ' * 13 if at else 'first of all '}{name}")
    print(f"{meaning_of(comparison)}\n")
    for name in groups_told(comparison):
        print(f"{WORDS[Verdict.REGRESSION]:13}{name}")
    for change in comparison.gated:
        print(f"{WORDS[change.verdict]:13}{_label(change)}: {_in_numbers(change)}")
        print(f"{'':13}{change.reason}{_lacking(change)}")
    for name in comparison.lost:
        print(f"lost         {name}")
    if comparison.second is not None:
        print(f"\nThe second reading, by {comparison.second.scorer}:")
        for change in comparison.second.comparison.gated:
            print(f"{WORDS[change.verdict]:13}{_label(change)}: {_in_numbers(change)}")


def as_markdown(comparison: Comparison) -> str:
    """For a pull request: the verdict, a table of what is gated, and the groups that moved most."""
    lines = [
        f"## {SIGNS[comparison.verdict]} {verdict_told(comparison)}: {safe(title_of(comparison))}",
        "",
        *(f"- **{safe(name)}**" for name in doubts_told(comparison)),
        *[""] * bool(doubts_told(comparison)),
        meaning_of(comparison),
        *(f"- a group that is a regression of its own: {safe(n)}" for n in groups_told(comparison)),
        "",
        "| | estimate | before | after | worse by (95 %) | margin | missing | |",
        "|---|---|--:|--:|--:|--:|--:|---|",
    ]
    for change in comparison.gated:
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
    lines += _second_rows(comparison)
    lines += ["", note_of(comparison)]
    lines += [f"- lost, so that nothing passes: {safe(name)}" for name in comparison.lost]
    if comparison.parts:
        lines += [
            "",
            f"<details{' open' * bool(comparison.worse_parts)}><summary>By group</summary>",
            "",
            "| | estimate | group | worse by (95 %) | could show | p (Holm) | q |",
            "|---|---|---|--:|--:|--:|--:|",
        ]
        for part in parts_in_order(comparison)[:MOST_PARTS]:
            cells = [said_of(part), safe(part.name), safe(_group(comparison, part))]
            cells += [_interval(part.measured), _shown(part.shows)]
            cells += [f"{part.p_worse:.3f}", f"{part.q:.3f}"]
            lines.append(f"| {' | '.join(cells)} |")
        lines += ["", "</details>"]
    return "\n".join(lines) + "\n"


def _second_rows(comparison: Comparison) -> list[str]:
    """Rows of the table for what the second reading says."""
    second = comparison.second
    changes = second.comparison.gated if second else []
    return [
        f"| {SIGNS[change.verdict]} | second reading: {safe(_label(change))} | "
        f"{number(change.before)} | {number(change.after)} | {_interval(change.measured)} | "
        f"{change.margin:g} | {change.missing[0]:,}, {change.missing[1]:,} of {change.asked:,} | "
        f"{safe(change.reason)} |"
        for change in changes
    ]


def as_json(comparison: Comparison) -> str:
    """All of it, for a program."""
    record = {
        "verdict": WORDS[comparison.verdict],
        "exit_code": comparison.verdict.value,
        "reading": comparison.reading,
        "change": comparison.change,
        "saving": comparison.saving,
        "level": ONE_SIDED_LEVEL,
        "gated": len(comparison.gated),
        "baseline": [_named(run) for run in comparison.baseline],
        "candidate": [_named(run) for run in comparison.candidate],
        "estimates": [
            {**asdict(change), "verdict": WORDS[change.verdict]} for change in comparison.changes
        ],
        "tails": [
            {**asdict(change), "verdict": WORDS[change.verdict]} for change in comparison.tails
        ],
        "groups": [
            {**asdict(part), "verdict": said_of(part), "shows": part.shows}
            for part in parts_in_order(comparison)
        ],
        "lost": list(comparison.lost),
        "doubts": [asdict(doubt) for doubt in comparison.doubts],
        "second": _second(comparison),
    }
    return json.dumps(_finite(record), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _second(comparison: Comparison) -> dict[str, object] | None:
    """The second reading; None: none was asked for."""
    if comparison.second is None:
        return None
    other = comparison.second.comparison
    return {
        "scorer": comparison.second.scorer,
        "verdict": WORDS[other.verdict],
        "first_verdict": WORDS[comparison.first_verdict],
        "estimates": [{**asdict(c), "verdict": WORDS[c.verdict]} for c in other.gated],
    }


def as_junit(comparison: Comparison) -> str:
    """One test case an estimate, a tail and a group that is a regression.

    What is inconclusive is an error, since it has not passed.
    """
    gated, worse = comparison.gated, comparison.worse_parts
    verdicts = [change.verdict for change in gated]
    differ = int(comparison.verdict is not comparison.first_verdict)
    suite = ET.Element(
        "testsuite",
        name=f"harness.regression {title_of(comparison)}",
        tests=str(len(gated) + len(worse) + len(comparison.lost) + differ),
        failures=str(verdicts.count(Verdict.REGRESSION) + len(worse)),
        errors=str(verdicts.count(Verdict.INCONCLUSIVE) + len(comparison.lost) + differ),
    )
    for change in gated:
        text = visible(f"{_in_numbers(change)}; {change.reason}{_lacking(change)}")
        case = _case(suite, f"harness.{change.task}", change.name)
        if change.verdict is Verdict.PASS:
            ET.SubElement(case, "system-out").text = text
        else:
            kind = "failure" if change.verdict is Verdict.REGRESSION else "error"
            ET.SubElement(case, kind, type=WORDS[change.verdict], message=text)
    for part in worse:
        case = _case(suite, f"harness.{part.task}", f"{part.name}, {_group(comparison, part)}")
        text = visible(_of_part(comparison, part))
        ET.SubElement(case, "failure", type="regression", message=text)
    for name in comparison.lost:
        case = _case(suite, "harness", name)
        ET.SubElement(case, "error", type="lost", message=visible(name))
    if comparison.verdict is not comparison.first_verdict:
        case = _case(suite, "harness", "both readings")
        message = doubts_told(comparison)[0]
        ET.SubElement(case, "error", type="readings differ", message=message)
    whole = ET.Element("testsuites")
    whole.append(suite)
    ET.indent(whole)
    return f"{ET.tostring(whole, encoding='unicode', xml_declaration=True)}\n"


def _case(suite: ET.Element, class_name: str, name: str) -> ET.Element:
    return ET.SubElement(suite, "testcase", classname=class_name, name=visible(name))
