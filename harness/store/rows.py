"""The rows of a run's shards: generations and scores as Arrow tables, and read back."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pyarrow as pa

from harness.types import Generation, Score, well_formed

GENERATIONS = pa.schema(
    {
        "sample_id": pa.string(),
        "index": pa.int32(),
        "text": pa.string(),
        "finish_reason": pa.string(),
        "prompt_tokens": pa.int32(),
        "tokens": pa.int32(),
        "choice_logprobs": pa.list_(pa.float64()),
        "error": pa.string(),
        "thinking": pa.string(),
        "choice_greedy": pa.list_(pa.bool_()),
        "choice_floor": pa.float64(),
        "noted": pa.map_(pa.string(), pa.float64()),
        "language": pa.string(),
        "language_confidence": pa.float64(),
        "choice_steps": pa.list_(pa.list_(pa.float64())),
    }
)
SCORES = pa.schema(
    {
        "sample_id": pa.string(),
        "index": pa.int32(),
        "answer": pa.string(),
        "scorer": pa.string(),
        "scorer_id": pa.string(),
        "metric": pa.string(),
        "value": pa.float64(),
        "error": pa.string(),
        "explanation": pa.string(),
        "at_least": pa.float64(),
        "at_most": pa.float64(),
    }
)


def generation_rows(generations: Sequence[Generation]) -> pa.Table:
    """One row a generation."""
    columns = {
        name: [getattr(generation, name) for generation in generations]
        for name in GENERATIONS.names
    }
    columns["noted"] = [notes and sorted(notes.items()) for notes in columns["noted"]]
    for name in ("text", "error", "thinking"):
        columns[name] = [storable(text) for text in columns[name]]
    return pa.table(columns, schema=GENERATIONS)


def to_generations(rows: pa.Table) -> list[Generation]:
    """The generations that these rows are."""
    generations = []
    for row in rows.to_pylist():
        for name in ("choice_logprobs", "choice_greedy"):
            if row.get(name) is not None:
                row[name] = tuple(row[name])
        if row.get("noted") is not None:
            row["noted"] = dict(row["noted"])
        if row.get("choice_steps") is not None:
            row["choice_steps"] = tuple(map(tuple, row["choice_steps"]))
        generations.append(Generation(**row))
    return generations


def score_rows(
    scorer: str,
    scorer_id: str,
    generations: Sequence[Generation],
    digests: Sequence[str],
    scores: Sequence[Sequence[Score]],
) -> pa.Table:
    """One row a score, which names the answer that it belongs to by its digest."""
    rows = [
        (
            generation.sample_id, generation.index, digest, scorer, scorer_id,
            score.metric, score.value, storable(score.error), storable(score.explanation),
            score.at_least, score.at_most,
        )
        for generation, digest, of_one in zip(generations, digests, scores, strict=True)
        for score in of_one
    ]  # fmt: skip
    columns = dict(zip(SCORES.names, zip(*rows, strict=True), strict=True))
    return pa.table(columns, schema=SCORES)


def digest_answer(generation: Generation) -> str:
    """Sixteen hex digits that name what a generation says."""
    weights = generation.choice_logprobs
    logprobs = None if weights is None else tuple(map(float, weights))
    parts: list[object] = [storable(generation.text), logprobs, storable(generation.error)]
    if generation.thinking is not None:
        parts.append(storable(generation.thinking))
    if generation.choice_greedy is not None:
        parts.append(tuple(map(bool, generation.choice_greedy)))
    if generation.choice_floor is not None:
        parts.append(("floor", float(generation.choice_floor)))
    content = repr(tuple(parts))
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def storable(text: str | None) -> str | None:
    """The text as a file can hold it."""
    return None if text is None else well_formed(text)
