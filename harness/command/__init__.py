"""What the commands share: the start by Hydra, plugins, one sentence for an error."""

from harness.command.config import CONF_DIR, check, protocol_label, register
from harness.command.maps import compose
from harness.command.named import composing, configured, options_of, task_of
from harness.command.overrides import overrides_of, quoted, with_stacks
from harness.command.plugins import generation_of, make, scorers_of
from harness.command.start import (
    OVER_BUDGET,
    command_line,
    exit_code_of,
    finish,
    resolve,
    too_many_missing,
)

__all__ = [
    "CONF_DIR",
    "OVER_BUDGET",
    "check",
    "command_line",
    "compose",
    "composing",
    "configured",
    "exit_code_of",
    "finish",
    "generation_of",
    "make",
    "options_of",
    "overrides_of",
    "protocol_label",
    "quoted",
    "register",
    "resolve",
    "scorers_of",
    "task_of",
    "too_many_missing",
    "with_stacks",
]
