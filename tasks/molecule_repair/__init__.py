"""The task molecule_repair: a toxic molecule is to be changed so that it is no longer toxic."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from harness.data import file_at, name_field, read_file, read_records, text_field
from harness.statistics import Frequencies, Share
from harness.types import (
    Estimand,
    HarnessError,
    Margin,
    Message,
    Records,
    Sample,
    with_margins,
)

Row = Mapping[str, object]
STARTER = "pkg://tasks/molecule_repair/molecules.jsonl"
KINDS = {
    "ames": "mutagenic in the Ames test",
    "carcinogens_lagunin": "carcinogenic",
    "clintox": "toxic in clinical trials",
    "dili": "harmful to the liver",
    "herg_central": "a blocker of the hERG channel in a large screen",
    "herg_karim": "a blocker of the hERG channel",
    "herg": "a blocker of the hERG channel, and so a risk for the heart's rhythm",
    "ld50_zhu": "acutely toxic",
    "skin_reaction": "sensitising to the skin",
    "tox21": "active in a Tox21 assay of nuclear receptors and stress pathways",
    "toxcast": "active in a ToxCast assay",
}
"""The paper's eleven kinds of toxicity; a longer name comes before what it begins with."""
STEPS = (
    ("listed, none valid", 0.0), ("valid, but the original", 1.0), ("changed, not safe", 2.0),
    ("safe, not drug-like", 3.0), ("drug-like, hard to make", 4.0),
    ("makeable, beyond the rule of five", 5.0), ("all but similar", 6.0), ("repaired", 7.0),
)  # fmt: skip
PREDICATES = {
    "valid": "any candidate valid",
    "changed": "any candidate changed",
    "endpoint": "any candidate safe",
    "drug_like": "any candidate drug-like",
    "makeable": "any candidate makeable",
    "rule_of_five": "any candidate within the rule of five",
    "similar": "any candidate similar",
}


class MoleculeRepair:
    """Toxic molecules of eleven kinds, each to be answered with a few changed ones.

    Args:
        data: `starter`, or a file with the authors' columns: `task`, `id`, `smiles`.
        candidates: how many changed molecules are asked for.
        instructions: a file of the authors' wordings (`task_name`, `instruction`, or `subtasks`);
            null: ours.

    Raises:
        HarnessError: no candidate is asked for.
    """

    name = "molecule_repair"
    version = "1"
    labels = {"task": KINDS}  # noqa: RUF012

    def __init__(
        self, data: str = "starter", candidates: int = 3, instructions: str | None = None
    ) -> None:
        if candidates < 1:
            raise HarnessError(f"task.candidates={candidates} must be at least 1")
        self.data = data
        self.candidates = candidates
        self.instructions = instructions
        self.estimands = estimands()

    def records(self) -> Records:
        """The starter set or the user's file."""
        return read_records(self.data, file_at(STARTER))

    def samples(self, records: Records) -> Iterator[Sample]:
        """One sample a molecule; those of one molecule are a cluster."""
        wordings = _wordings(self.instructions)
        for number, row in enumerate(records.rows, 1):
            where = f"record {number} of {records.name!r}"
            kind, subtask = _kind(row, where)
            smiles = text_field(row, ("smiles",), where).strip()
            wording = wordings.get((kind, subtask)) or wordings.get((kind, "")) or _ours(kind)
            repair = name_field(row, "repair", "")
            yield Sample(
                id=f"{subtask or kind}-{name_field(row, 'id', str(number))}",
                prompt=(Message("user", self._asked(smiles, wording, subtask)),),
                target=f"MODIFIED_SMILES: {repair}" if repair else None,
                cluster=smiles,
                metadata={"task": kind, "subtask": subtask, "smiles": smiles},
            )

    def _asked(self, smiles: str, wording: str, subtask: str) -> str:
        assay = [f"Assay: {subtask}"] if subtask else []
        return "\n".join(
            [
                wording,
                "",
                f"SMILES: {smiles}",
                *assay,
                "",
                "Keep it drug-like (QED at least 0.5), easy to make, within the rule of five and "
                "similar to the original. Every SMILES must be valid for RDKit.",
                f"Give {self.candidates} changed molecules and nothing else, on one line as "
                '"MODIFIED_SMILES: SMILES; SMILES; ...", or "none" in place of them where none can '
                "be had.",
            ]
        )


def _ours(kind: str) -> str:
    return (
        f"This molecule is {KINDS[kind]}. Change its structure so that it no longer is, and what "
        "it may be used for stays possible."
    )


def _kind(row: Row, where: str) -> tuple[str, str]:
    """Which of the kinds a record is of, and of which assay."""
    task = text_field(row, ("task",), where).strip()
    name = task.casefold()
    kind = next((k for k in KINDS if name == k or (name.startswith(("tox21", "toxcast"))
                 and name.startswith(k))), None)  # fmt: skip
    if kind is None:
        raise HarnessError(f"{where}: task is {task!r}, none of {', '.join(KINDS)}")
    return kind, name_field(row, "subtask", task[len(kind) :].strip("_-/: "))


def _wordings(path: str | None) -> dict[tuple[str, str], str]:
    """The authors' wordings by kind and assay; none of their names is needed for ours."""
    wordings: dict[tuple[str, str], str] = {}
    for row in read_file(Path(path)) if path else ():
        kind = str(row.get("task_name"))
        subtasks = row.get("subtasks")
        for assay, part in (subtasks if isinstance(subtasks, Mapping) else {"": row}).items():
            if isinstance(part, Mapping) and isinstance(part.get("instruction"), str):
                wordings[kind, "" if assay == "default" else str(assay)] = str(part["instruction"])
    if path and not wordings:
        raise HarnessError(f"task.instructions={path!r} holds no task_name with an instruction")
    return wordings


def estimands() -> tuple[Estimand, ...]:
    """Repairs, by kind, with what candidates pass and where they fail."""
    passed = Share(at_least=1)
    rows = [
        Estimand("repaired", "repaired", passed),
        Estimand("repaired, unparsed is not", "repaired_strict", passed),
        Estimand("candidates listed", "candidates_listed", passed),
        Estimand("repaired, unparsed is not", "repaired_strict", passed, "task"),
        *(Estimand(title, metric, passed) for metric, title in PREDICATES.items()),
        Estimand("how far the best candidate came", "failed_at", Frequencies(STEPS, "step")),
    ]
    margins = {
        "repaired": Margin(0.15, "three or four of the 24 molecules"),
        "repaired, unparsed is not": Margin(0.15, "likewise, with what lists no molecule"),
    }
    return with_margins(rows, margins)
