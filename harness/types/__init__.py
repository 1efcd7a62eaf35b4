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
    Counts,
    Direction,
    Estimand,
    Estimate,
    Labels,
    Metric,
    Statistic,
)
from harness.types.mitigations import (
    HOOKS,
    ChangesRequest,
    Stack,
    TakesHooks,
    WrapsModel,
    changed,
    hooks_of,
    parts_of,
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
    "HOOKS",
    "TRAITS",
    "ChangesRequest",
    "Comparison",
    "Counts",
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
    "Stack",
    "Statistic",
    "TakesHooks",
    "Task",
    "Thinking",
    "Trait",
    "Unreadable",
    "Unrenderable",
    "WrapsModel",
    "asked",
    "cache_folder",
    "changed",
    "cut_at",
    "digest_file",
    "digest_files",
    "fingerprint",
    "hooks_of",
    "machine",
    "misspelt",
    "named_in",
    "notes_of",
    "opened_in",
    "parts_of",
    "seed_of",
    "stands_in",
    "tokens_of_marks",
    "trait",
    "visible",
    "weights_of",
    "well_formed",
    "written_whole",
]
