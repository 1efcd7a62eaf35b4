"""`lm_eval --include_path $(python -m harness.lm_eval_tasks) --tasks harness_med_harm ...`.

Writes for each task that the command line knows, installed packages' among them, what lm-eval asks
of a task, and prints the folder.
"""

from __future__ import annotations

import sys

from harness.lm_eval_tasks.wrappers import write_wrappers
from harness.types import HarnessError

if __name__ == "__main__":
    try:
        print(write_wrappers())
    except HarnessError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
