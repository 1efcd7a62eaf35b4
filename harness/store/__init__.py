"""The run folder: what is written into it, whole or not at all, and who reads it."""

from harness.store.buffer import Gathered
from harness.store.estimates import ESTIMATE_COLUMNS, ITSELF, Source, estimates_table
from harness.store.facts import Facts, Field, asked_of_samples, matches
from harness.store.finished import LeftOut, Result, Row, Run, read_run, read_runs
from harness.store.folder import RunStore
from harness.store.rows import digest_answer, generation_rows, score_rows, to_generations
from harness.store.scores import Scores
from harness.store.tables import SCORE_COLUMNS, samples_table, scores_schema, scores_table

__all__ = [
    "ESTIMATE_COLUMNS",
    "ITSELF",
    "SCORE_COLUMNS",
    "Facts",
    "Field",
    "Gathered",
    "LeftOut",
    "Result",
    "Row",
    "Run",
    "RunStore",
    "Scores",
    "Source",
    "asked_of_samples",
    "digest_answer",
    "estimates_table",
    "generation_rows",
    "matches",
    "read_run",
    "read_runs",
    "samples_table",
    "score_rows",
    "scores_schema",
    "scores_table",
    "to_generations",
]
