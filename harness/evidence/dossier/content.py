"""What a dossier says of runs, block by block."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from harness.evidence.dossier.blocks import Block, Heading, Items, Paragraph, Table
from harness.evidence.dossier.evidenced import Evidence, checklists, said_of
from harness.evidence.dossier.linter import claims
from harness.evidence.risks.register import KINDS, coverage
from harness.store import FinishedRun

NONE = "none"


def blocks_of(evidence: Evidence) -> list[Block]:
    """The whole dossier."""
    return [
        Heading("Dossier of a safety evaluation", 1),
        Paragraph(
            f"{len(evidence.runs)} runs and {len(evidence.gates)} verdicts of the gate. What has "
            "no evidence here is said to have none; nothing is taken for granted."
        ),
        *_system(evidence.runs),
        *_asked(evidence.runs),
        *_results(evidence.runs),
        *_verdicts(evidence),
        *_limits(evidence.runs),
        *_risks(evidence.runs),
        *_checklists(evidence),
        *_claims(),
    ]


def _system(runs: Sequence[FinishedRun]) -> Iterator[Block]:
    yield Heading("The system and its mitigations")
    rows = {
        (run.info.model, run.info.mitigation, _words(run.info.identity["model"])): None
        for run in runs
    }
    yield Table(("model", "mitigation", "identity"), list(rows))


def _words(identity: object) -> str:
    if not isinstance(identity, dict):
        return str(identity)
    return ", ".join(f"{name} {value}" for name, value in sorted(identity.items()))


def _asked(runs: Sequence[FinishedRun]) -> Iterator[Block]:
    yield Heading("What was asked, and on which data")
    head = ("run", "task", "version", "data", "samples", "protocol", "settings")
    rows = []
    for run in runs:
        question = run.question
        data = f"{run.info.identity['data']} ({question['data']})"
        rows.append(
            (run.name, question["task"], str(question["version"]), data, question["samples"],
             question["protocol"], question["settings"])
        )  # fmt: skip
    yield Table(head, rows)


def _results(runs: Sequence[FinishedRun]) -> Iterator[Block]:
    yield Heading("Results")
    yield Paragraph(
        "Each estimate over all samples with its 95 % interval; worst and best are what it would "
        "be if all that is missing had the metric's worst or best value. Estimates of groups stand "
        "in the runs' own tables."
    )
    head = ("model", "mitigation", "task", "estimate", "value", "interval", "worst, best", "scored",
            "better", "agreement with people")  # fmt: skip
    yield Table(head, [_result(run, row) for run in runs for row in run.rows if row["by"] is None])


def _result(run: FinishedRun, row: Any) -> Sequence[str]:
    value = "not measured" if row["estimate"] is None else _number(row["estimate"])
    return (
        run.info.model, run.info.mitigation, str(run.info.identity["task"]),
        f"{row['name']} ({row['statistic']})", value,
        f"{_number(row['low'])} to {_number(row['high'])}",
        f"{_number(row['worst'])}, {_number(row['best'])}",
        f"{row['n_scored']} of {row['n']}", row["better"], row["validity"],
    )  # fmt: skip


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"


def _verdicts(evidence: Evidence) -> Iterator[Block]:
    yield Heading("Verdicts of the gate")
    if not evidence.gates:
        yield Paragraph(
            "Not evidenced: no verdict was handed over (gates=[FOLDER/regression.json])."
        )
        return
    rows = []
    for file, report in evidence.gates.items():
        for estimate in report.get("estimates", []):
            rows.append((file, str(report.get("change") or NONE), str(report.get("verdict")),
                         str(estimate.get("name")), str(estimate.get("verdict"))))  # fmt: skip
    yield Table(("file", "change", "verdict", "estimate", "its verdict"), rows)


def _limits(runs: Sequence[FinishedRun]) -> Iterator[Block]:
    yield Heading("Limits")
    lines = []
    for run in runs:
        lost = sum(row["n_failed"] for row in run.rows if row["by"] is None)
        if lost:
            lines.append(f"{run.name}: {lost} scores of estimates over all samples are missing")
        if run.info.generations_cut:
            cut, count = run.info.generations_cut, run.info.generations
            lines.append(f"{run.name}: {cut} of {count} answers were cut at the limit of tokens")
        if run.info.limit is not None:
            lines.append(f"{run.name}: {run.info.samples} samples were drawn, not all")
        lines += [f"{run.name}: {name} was not computed" for name in run.info.not_computed]
        lines += [f"{run.name}: {note}" for note in run.info.notes]
    lines.append("answers to prompts were measured, not what people do with them")
    yield Items(lines)


def _risks(runs: Sequence[FinishedRun]) -> Iterator[Block]:
    yield Heading("Risks: what is measured here, and what is not")
    rows = [
        (str(row.risk.number), row.risk.name, row.state,
         "; ".join(row.measured) or ", ".join(n for kind in KINDS for n in row.by[kind]) or NONE)
        for row in coverage(runs)
    ]  # fmt: skip
    yield Table(("", "risk", "state", "measured, or what bears on it"), rows)


def _checklists(evidence: Evidence) -> Iterator[Block]:
    for checklist in checklists():
        yield Heading(checklist["name"])
        yield Paragraph(f"Headings {checklist['source']}; the items are in this project's words.")
        yield Table(
            ("heading", "item", ""),
            [
                (heading, item["item"], said_of(item, evidence))
                for heading, items in checklist["headings"].items()
                for item in items
            ],
        )


def _claims() -> Iterator[Block]:
    yield Heading("Claims that circulate without a source")
    yield Paragraph(
        "Unverified. None of them is a threshold, a baseline or a check of anything here."
    )
    yield Items([f"\u201c{claim.claim}\u201d: {claim.why}" for claim in claims()])
