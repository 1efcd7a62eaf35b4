"""The run folder: what is written into it, whole or not at all, and who reads it."""

from harness.store.buffer import Gathered
from harness.store.estimates import (
    ESTIMATE_COLUMNS,
    ITSELF,
    UNMEASURABLE,
    Source,
    estimates_table,
    holding,
)
from harness.store.facts import FIXED_COLUMNS, Facts, Field, asked_of_samples, field_of
from harness.store.finished import FinishedRun, Row
from harness.store.folder import RunStore
from harness.store.listing import LeftOut, Result, note_folder, noted_folders, read_infos, read_runs
from harness.store.rows import digest_answer, generation_rows, score_rows, to_generations
from harness.store.run_info import RunInfo
from harness.store.score_arrays import Scores
from harness.store.tables import SCORE_COLUMNS, samples_table, scores_schema, scores_table
from harness.store.whole_files import write_table, write_text

__all__ = [
    "ESTIMATE_COLUMNS",
    "FIXED_COLUMNS",
    "ITSELF",
    "SCORE_COLUMNS",
    "UNMEASURABLE",
    "Facts",
    "Field",
    "FinishedRun",
    "Gathered",
    "LeftOut",
    "Result",
    "Row",
    "RunInfo",
    "RunStore",
    "Scores",
    "Source",
    "asked_of_samples",
    "digest_answer",
    "estimates_table",
    "field_of",
    "generation_rows",
    "holding",
    "note_folder",
    "noted_folders",
    "read_infos",
    "read_runs",
    "samples_table",
    "score_rows",
    "scores_schema",
    "scores_table",
    "to_generations",
    "write_table",
    "write_text",
]
