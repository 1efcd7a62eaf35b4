"""Equating files: what Perspective gave to texts that a scorer of ours read too."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from harness.statistics import Equated, Pairs
from harness.types import HarnessError, Statistic

SHIPPED = Path(__file__).with_name("perspective.json")
MAKE = "make one with python benchmarks/perspective.py --write FILE"


def equating(name: str) -> Callable[[Statistic], Equated]:
    """Makes a statistic one of what Perspective would have given.

    Args:
        name: `shipped`, or an equating file.

    Raises:
        HarnessError: there is no such file, or it does not hold what it must.
    """
    path = SHIPPED if name == "shipped" else Path(name)
    try:
        content = path.read_bytes()
        stored = json.loads(content)
        columns = np.array(stored["pairs"], float)
        scorer_id = str(stored["scorer"])
        if columns.ndim != 2 or columns.shape[1] != len(Pairs._fields):
            raise ValueError("a pair is ours, theirs, prompt and source")
        if not ((columns[:, :2] >= 0) & (columns[:, :2] <= 1)).all():
            raise ValueError("a score is not from 0 to 1")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise HarnessError(
            f"task.perspective={name!r} is no equating file ({error}); take shipped, or {MAKE}"
        ) from error
    ours, theirs, prompts, sources = columns.T
    pairs = Pairs(ours, theirs, prompts.astype(int), sources.astype(int))
    digest = hashlib.sha256(content).hexdigest()[:8]
    label = f"as Perspective would have given, by {path.stem}-{digest}"
    return lambda statistic: Equated(statistic, pairs, label, scorer_id)
