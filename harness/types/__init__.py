"""The records that flow through a run, and the protocols of what can be plugged into it."""

from harness.types.errors import HarnessError
from harness.types.identity import (
    cache_folder,
    digest_file,
    digest_files,
    fingerprint,
    machine,
    seed_of,
    weights_of,
)
from harness.types.marks import FAMILIES, named_in, opened_in, tokens_of_marks
from harness.types.measures import (
    Comparison,
    Direction,
    Estimand,
    Estimate,
    Labels,
    Margin,
    Metric,
    Statistic,
    with_margins,
)
from harness.types.plugins import Mitigation, Model, Scorer, Task, notes_of
from harness.types.records import (
    Generation,
    Message,
    Metadata,
    Prompt,
    Records,
    Request,
    Sample,
    Score,
    asked,
)
from harness.types.registry import ScorerRegistry
from harness.types.settings import GenerationConfig
from harness.types.text import cut_at, stands_in, visible, well_formed
from harness.types.thinking import Thinking

__all__ = [
    "FAMILIES",
    "Comparison",
    "Direction",
    "Estimand",
    "Estimate",
    "Generation",
    "GenerationConfig",
    "HarnessError",
    "Labels",
    "Margin",
    "Message",
    "Metadata",
    "Metric",
    "Mitigation",
    "Model",
    "Prompt",
    "Records",
    "Request",
    "Sample",
    "Score",
    "Scorer",
    "ScorerRegistry",
    "Statistic",
    "Task",
    "Thinking",
    "asked",
    "cache_folder",
    "cut_at",
    "digest_file",
    "digest_files",
    "fingerprint",
    "machine",
    "named_in",
    "notes_of",
    "opened_in",
    "seed_of",
    "stands_in",
    "tokens_of_marks",
    "visible",
    "weights_of",
    "well_formed",
    "with_margins",
]
