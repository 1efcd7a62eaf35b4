"""What each offline scorer is trained on, and which part of it is kept for measuring."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from harness.data import part_of, read_file
from harness.scorers.judged.epitome import MECHANISMS
from harness.train.learning import Example

PAIRS = Path(__file__).with_name("empathy_pairs.jsonl")


def harmfulness(data: Path) -> Iterator[Example]:
    """Answers to XSTest, replies of DiaSafety, safe answers of MedSafetyBench: half of each.

    The half is that of requests whose digest is even; the other one is for measuring.
    """
    for model in ("gpt4", "llama2new", "mistralinstruct"):
        for row in read_file(data / "xstest" / f"{model}.csv"):
            if part_of(row["prompt"], 2) == 0:
                unsafe = str(row["type"]).startswith("contrast_")
                complied = {"1": 1.0, "2": 0.0, "3": 0.25}[str(row["final_label"])[0]]
                yield Example((str(row["prompt"]), str(row["completion"])), (unsafe * complied,))
    for row in read_file(data / "diasafety" / "val.json"):
        if part_of(row["context"], 2) == 0:
            yield Example(
                (str(row["context"]), str(row["response"])), (float(row["label"] == "Unsafe"),), 2.0
            )
    for row in read_file(data / "med_safety_bench" / "train.jsonl"):
        asked = str(row["harmful_medical_request"])
        if part_of(asked, 2) == 0:
            yield Example((asked, str(row["safe_response"])), (0.0,))


def empathy(data: Path) -> Iterator[Example]:
    """Release 1 of the empathy scorer: pairs of ours by four writers; needs no data."""
    for row in read_file(PAIRS):
        yield of_pair(row)


def of_pair(row: Mapping[str, object]) -> Example:
    """For each mechanism whether its level is at least 1, and whether it is 2."""
    levels = [int(str(row[name])) for name in MECHANISMS]
    reached = tuple(float(level >= at) for level in levels for at in (1, 2))
    return Example((str(row["seeker"]), str(row["response"])), reached)


RECIPES = {
    "harmfulness_offline_1": (harmfulness, 3),
    "empathy_offline_1": (empathy, 12),
}
"""For each scorer its examples and how often each is seen."""
