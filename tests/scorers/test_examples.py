"""The examples in docstrings of scorers that load no model are run."""

import doctest
import inspect
from importlib import import_module

import pytest

from harness.types.records import Generation, Sample

MODULES = [
    "justification.scorer", "justification.words", "readable", "likelihood.min_k",
    "likelihood.truth_ratio", "reading.fields",
    "reading.letters", "reading.marks", "reading.naming", "reading.numbers", "reading.structured",
    "reading.verdicts", "reading.winners", "reading.written_choice", "reading.written_labels",
    "reading.written_spans", "rewriting.rewrite_overlap", "rewriting.texts",
    "rewriting.toxic_words",
    "rules.answers", "rules.choice", "rules.effects", "rules.guidance",
    "rules.labels", "rules.memorisation", "rules.overlap", "rules.rationale", "rules.spans",
    "rules.trial_results",
    "rules.yes_fields", "rules.yes_no",
]  # fmt: skip
WITHOUT = {"read", "reading_identity"}
"""What only other functions call, and what gives a digest."""


def opened(module):
    """Its public functions and scorers; records are plain enough."""
    for name, value in vars(module).items():
        own = getattr(value, "__module__", None) == module.__name__ and name[0] != "_"
        if own and (hasattr(value, "score") or not inspect.isclass(value)) and callable(value):
            yield name, value


@pytest.mark.parametrize("name", MODULES)
def test_each_scorer_and_reading_has_an_example_that_gives_what_it_says(name):
    module = import_module(f"harness.scorers.{name}")
    bare = [n for n, value in opened(module) if ">>>" not in (inspect.getdoc(value) or "")]
    assert not set(bare) - WITHOUT
    globs = {"Generation": Generation, "Sample": Sample} | vars(module)
    assert doctest.testmod(module, globs=globs).failed == 0
