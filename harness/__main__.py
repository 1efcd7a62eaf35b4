"""`python -m harness`, and the console script `harness`, from any directory."""

import os
import sys


def main() -> None:
    """Run the command line, with the working directory searched last.

    Were it first, a user's `tasks.py` or `hydra.py` would stand in for ours; were it not there at
    all, a plugin written in the working directory would not be found.
    """
    here = os.getcwd()  # noqa: PTH109 - sys.path holds strings
    sys.path[:] = [entry for entry in sys.path if entry not in ("", here)] + [here]
    try:
        from harness.runs.cli import main as run_command_line
    except KeyboardInterrupt:
        sys.exit(130)
    run_command_line()


if __name__ == "__main__":
    main()
