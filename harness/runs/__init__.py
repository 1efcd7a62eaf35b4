"""A run from its plan to its tables: samples, requests, generations, scores, estimates."""

from harness.runs.flow import run
from harness.runs.plan import Plan
from harness.runs.samples import Samples, look_over

__all__ = [
    "Plan",
    "Samples",
    "look_over",
    "run",
]
