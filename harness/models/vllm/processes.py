"""The processes that vLLM starts: they end with this one, and print to standard error."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

WATCH = """
import select, sys, psutil
watched, seen = psutil.Process(int(sys.argv[1])), set()
while not select.select([sys.stdin], [], [], 1)[0]:  # its end, which comes with the process's
    seen.update(watched.children(recursive=True))
for process in seen - {psutil.Process()}:
    if process.is_running():
        process.kill()
"""
"""Of a process that outlives ours; psutil knows a process from another with the same number."""


def end_processes_with_this_one() -> subprocess.Popen[bytes]:
    """Have vLLM's processes killed where this one is: they would go on, and keep the memory."""
    return subprocess.Popen(
        [sys.executable, "-c", WATCH, str(os.getpid())],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )


@contextlib.contextmanager
def output_to_stderr() -> Iterator[None]:
    """Processes that are started meanwhile print to standard error: our output is for results."""
    sys.stdout.flush()
    ours = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        os.dup2(ours, 1)
        os.close(ours)
