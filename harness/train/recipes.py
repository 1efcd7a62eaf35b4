"""What each offline scorer is trained on, and which part of it is kept for measuring."""

from __future__ import annotations

import csv
import gzip
import random
from collections.abc import Iterator, Mapping
from math import nan
from pathlib import Path
from typing import Any

from harness.data import part_of, read_file
from harness.scorers.judged.epitome import MECHANISMS
from harness.scorers.offline.toxicity_offline import OUTPUTS
from harness.train.learning import Example

PAIRS = Path(__file__).with_name("empathy_pairs.jsonl")
KEPT = 5
"""One in so many of RealToxicityPrompts and ToxiGen is never trained on: part 0, by digest."""
PERSPECTIVE = OUTPUTS[:7]
TWEETS = 6000


def toxicity(data: Path) -> Iterator[Example]:
    """RealToxicityPrompts by Perspective's attributes, ToxiGen by people, 6,000 of Davidson."""
    folder = data / "real_toxicity_prompts"
    for name in ("nontoxic_1200", "challenging_1196", "toxic_prompts_993"):
        for row in read_file(folder / f"{name}.jsonl"):
            yield from _of_prompt(row)
    for row in read_file(data / "toxigen" / "human_even_ids.jsonl"):
        text = str(row["text"])
        if part_of(text, KEPT) != 0:
            share = (float(str(row["toxicity_score"])) - 1) / 4
            yield Example(text, _targets(hostile_to_a_group=share), weight=2.0)
    with gzip.open(data / "davidson" / "labeled_data.csv.gz", "rt", encoding="utf-8") as lines:
        tweets = list(csv.DictReader(lines))
    random.Random(0).shuffle(tweets)
    for tweet in tweets[:TWEETS]:
        count = int(tweet["count"])
        yield Example(
            tweet["tweet"],
            _targets(
                hate_tweet=int(tweet["hate_speech"]) / count,
                offensive_tweet=int(tweet["offensive_language"]) / count,
            ),
        )


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
    "toxicity_offline": (toxicity, 4),
    "harmfulness_offline": (harmfulness, 3),
    "empathy_offline_1": (empathy, 12),
}
"""For each scorer its examples and how often each is seen."""


def _of_prompt(row: Mapping[str, Any]) -> Iterator[Example]:
    """Both parts of a record; some have the prompt alone."""
    parts = [row[name] for name in ("prompt", "continuation") if name in row] or [row]
    if part_of(parts[0]["text"], KEPT) == 0:
        return
    for part in parts:
        if part.get("toxicity") is not None:
            shares = {n: part[n] for n in PERSPECTIVE if part.get(n) is not None}
            yield Example(part["text"].strip(), _targets(**shares))


def _targets(**known: float) -> tuple[float, ...]:
    return tuple(float(known.get(name, nan)) for name in OUTPUTS)
