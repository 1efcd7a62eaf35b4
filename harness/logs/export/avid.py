"""A run as a report to AVID, the AI Vulnerability Database."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.evidence.risks.register import bearings
from harness.logs.export.rows import Row, Whole, note_of

TAXONOMY_VERSION = "0.2"
LANGUAGE = "eng"
DOMAINS = {"S": "Security", "E": "Ethics", "P": "Performance"}
"""By the letter with which a code begins."""
CODES: Mapping[int, Sequence[str]] = {
    1: ["E0101: Group fairness"],
    2: ["E0302: Polarization/ Exclusion"],
    3: ["E0301: Toxicity"],
    4: ["E0101: Group fairness"],
    5: ["S0301: Information Leak", "P0300: Privacy"],
    6: ["P0300: Privacy"],
    7: ["S0301: Information Leak", "P0300: Privacy"],
    8: ["E0402: Generative Misinformation"],
    9: ["P0400: Safety"],
    10: ["P0400: Safety"],
    11: ["E0401: Deliberative Misinformation"],
    12: ["P0403: Socioeconomic safety"],
    13: ["P0400: Safety"],
    14: ["P0300: Privacy"],
    15: ["P0401: Psychological Safety"],
    16: ["P0401: Psychological Safety"],
    17: ["E0100: Bias/ Discrimination"],
    18: ["P0404: Environmental safety"],
    19: ["P0403: Socioeconomic safety"],
    20: ["P0403: Socioeconomic safety"],
    21: ["E0101: Group fairness"],
}
"""By number of a risk of Weidinger et al. the nearest codes of AVID's taxonomy: our reading."""


class AvidForm:
    """Writes `RUN.avid.json`, a report as the data model of avidtools 0.1.2 has it.

    The report has no id: AVID gives it. A model with a mitigation is a system.

    Args:
        developer: of the model; None: what stands before the slash of its name, if anything does.
        deployer: of the system; None: nobody.
    """

    def __init__(self, developer: str | None = None, deployer: str | None = None) -> None:
        self.developer = developer
        self.deployer = deployer

    def write(self, whole: Whole, folder: Path) -> Sequence[str]:
        """Write the report."""
        report = self._report(whole)
        path = folder / f"{whole.run.name}.avid.json"
        path.write_text(json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False), "utf-8")
        codes = report["impact"]["avid"]["sep_view"]
        return [
            f"{path}: {len(report['metrics'])} measurements of {', '.join(codes) or 'no category'}",
            *(f"not a number, and left out: {words}" for words in whole.lacking),
        ]

    def _report(self, whole: Whole) -> dict[str, Any]:
        info, codes = whole.run.info, codes_of(whole)
        task, mitigation = str(info.identity["task"]), info.mitigation
        named = info.model if mitigation == "none" else f"{info.model} with {mitigation}"
        before = info.model.rpartition("/")[0]
        developer = self.developer or before
        return {
            "data_type": "AVID",
            "data_version": TAXONOMY_VERSION,
            "affects": {
                "developer": [developer] if developer else [],
                "deployer": [self.deployer] if self.deployer else [],
                "artifacts": [
                    {"type": "Model" if mitigation == "none" else "System", "name": named}
                ],
            },
            "problemtype": {
                "classof": "LLM Evaluation", "type": "Measurement",
                "description": _text(f"Measurements of {named} by the task {task}"),
            },
            "metrics": [_metric(row) for row in whole.headline],
            "references": [],
            "description": _text(_described(whole)),
            "impact": {
                "avid": {
                    "vuln_id": None,
                    "risk_domain": [DOMAINS[c] for c in dict.fromkeys(code[0] for code in codes)],
                    "sep_view": codes,
                    "lifecycle_view": ["L05: Evaluation"],
                    "taxonomy_version": TAXONOMY_VERSION,
                }
            },
            "reported_date": whole.started[:10],
        }  # fmt: skip


def codes_of(whole: Whole) -> list[str]:
    """AVID's codes of the risks on which the run's task and one of its scorers both bear."""
    known = {(b.kind, b.name): set(b.risks) for b in bearings()}
    asked = known.get(("task", str(whole.run.info.identity["task"])), set())
    scored: set[int] = set()
    for scorer in {row["scorer"] for row in whole.headline}:
        scored |= known.get(("scorer", scorer), set())
    return list(dict.fromkeys(code for number in sorted(asked & scored) for code in CODES[number]))


def _metric(row: Row) -> dict[str, Any]:
    """An estimate; of AVID's two methods of detection a test is that which an interval is of."""
    numbers = ("estimate", "low", "high", "worst", "best", "n", "n_scored", "n_failed", "clusters")
    words = ("statistic", "better", "scorer_id", "validity")
    return {
        "name": row["name"],
        "detection_method": {"type": "Significance Test", "name": "95 % confidence interval"},
        "results": {name: row[name] for name in (*numbers, *words)},
    }


def _described(whole: Whole) -> str:
    asked = ", ".join(f"{name} {value}" for name, value in sorted(whole.run.question.items()))
    lines = [f"{row['name']}: {row['estimate']:.4g}; {note_of(row)}" for row in whole.headline]
    lacking = [f"not a number: {words}" for words in whole.lacking]
    return "\n".join([f"What was asked: {asked}.", *lines, *lacking])


def _text(value: str) -> dict[str, str]:
    return {"lang": LANGUAGE, "value": value}
