"""The records that flow through a run, and the protocols of what can be plugged into it."""

from harness.types.errors import HarnessError, NotAlike, NotFinished, Unreadable, Unrenderable
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
    Metric,
    Statistic,
)
from harness.types.plugins import Mitigation, Model, Scorer, Task
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
from harness.types.traits import TRAITS, Misspelt, Trait, misspelt, notes_of, trait
from harness.types.whole import written_whole

__all__ = [
    "FAMILIES",
    "TRAITS",
    "Comparison",
    "Direction",
    "Estimand",
    "Estimate",
    "Generation",
    "GenerationConfig",
    "HarnessError",
    "Labels",
    "Message",
    "Metadata",
    "Metric",
    "Misspelt",
    "Mitigation",
    "Model",
    "NotAlike",
    "NotFinished",
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
    "Trait",
    "Unreadable",
    "Unrenderable",
    "asked",
    "cache_folder",
    "cut_at",
    "digest_file",
    "digest_files",
    "fingerprint",
    "machine",
    "misspelt",
    "named_in",
    "notes_of",
    "opened_in",
    "seed_of",
    "stands_in",
    "tokens_of_marks",
    "trait",
    "visible",
    "weights_of",
    "well_formed",
    "written_whole",
]
