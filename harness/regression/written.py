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
    MEANINGS,
    NOTE,
    SIGNS,
    WORDS,
    _finite,
    _group,
    _in_numbers,
    _interval,
    _label,
    _lacking,
    _named,
    title_of,
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
    plot = partial(differences, changes=comparison.changes)
    height = 1.3 + 0.3 * len(comparison.changes)
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
    print(f"{WORDS[comparison.verdict]}: {title_of(comparison)}")
    print(f"{MEANINGS[comparison.verdict]} {len(comparison.changes)} estimates are gated.\n")
    for change in comparison.changes:
        print(f"{WORDS[change.verdict]:13}{_label(change)}: {_in_numbers(change)}")
        print(f"{'':13}{change.reason}{_lacking(change)}")
    for name in comparison.lost:
        print(f"lost         {name}")


def as_markdown(comparison: Comparison) -> str:
    """For a pull request: the verdict, a table of what is gated, and the groups that moved most."""
    lines = [
        f"## {SIGNS[comparison.verdict]} {WORDS[comparison.verdict]}: {safe(title_of(comparison))}",
        "",
        f"{MEANINGS[comparison.verdict]} {len(comparison.changes)} estimates are gated.",
        "",
        "| | estimate | before | after | worse by (95 %) | margin | missing | |",
        "|---|---|--:|--:|--:|--:|--:|---|",
    ]
    for change in comparison.changes:
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
    lines += [f"- lost, so that nothing passes: {safe(name)}" for name in comparison.lost]
    if comparison.parts:
        lines += [
            "",
            "<details><summary>By group, to look at and not to decide by</summary>",
            "",
            "| estimate | group | worse by (95 %) | p | q |",
            "|---|---|--:|--:|--:|",
        ]
        for part in comparison.parts[:MOST_PARTS]:
            cells = [safe(part.name), safe(_group(comparison, part)), _interval(part.found)]
            lines.append(f"| {' | '.join([*cells, f'{part.p:.3f}', f'{part.q:.3f}'])} |")
        lines += ["", "</details>"]
    return "\n".join(lines) + "\n"


def as_json(comparison: Comparison) -> str:
    """All of it, for a program."""
    told = {
        "verdict": WORDS[comparison.verdict],
        "exit_code": comparison.verdict.value,
        "level": ONE_SIDED_LEVEL,
        "gated": len(comparison.changes),
        "baseline": [_named(run) for run in comparison.baseline],
        "candidate": [_named(run) for run in comparison.candidate],
        "estimates": [
            {**asdict(change), "verdict": WORDS[change.verdict]} for change in comparison.changes
        ],
        "groups": [asdict(part) for part in comparison.parts],
        "lost": list(comparison.lost),
    }
    return json.dumps(_finite(told), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def as_junit(comparison: Comparison) -> str:
    """One test case an estimate; what is inconclusive is an error, since it has not passed."""
    suite = ET.Element(
        "testsuite",
        name=f"harness.regression {title_of(comparison)}",
        tests=str(len(comparison.changes) + len(comparison.lost)),
        failures=str(sum(c.verdict is Verdict.REGRESSION for c in comparison.changes)),
        errors=str(
            sum(c.verdict is Verdict.INCONCLUSIVE for c in comparison.changes)
            + len(comparison.lost)
        ),
    )
    for change in comparison.changes:
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
    for name in comparison.lost:
        case = ET.SubElement(suite, "testcase", classname="harness", name=visible(name))
        ET.SubElement(case, "error", type="lost", message=visible(name))
    whole = ET.Element("testsuites")
    whole.append(suite)
    ET.indent(whole)
    return f"{ET.tostring(whole, encoding='unicode', xml_declaration=True)}\n"
