"""What is added to a question so that nobody is discriminated against, by name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from harness.data.files import read_file


@cache
def interventions() -> Mapping[str, str]:
    """By name the text; the names are the field's (Tamkin et al. 2023), the words are ours."""
    rows = read_file(Path(__file__).parent / "suffixes.jsonl")
    return {str(row["id"]): str(row["text"]) for row in rows}
