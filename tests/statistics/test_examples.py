"""The examples in docstrings are run."""

import doctest
import pkgutil
from importlib import import_module

import numpy as np
import pytest

import harness.statistics
import harness.types

MODULES = sorted(
    f"harness.statistics.{module.name}"
    for module in pkgutil.iter_modules(harness.statistics.__path__)
)
NAMES = {"np": np} | {
    name: getattr(face, name)
    for face in (harness.statistics, harness.types)
    for name in face.__all__
}
WITHOUT = {"Floats", "ONE_ANSWER", "ONE_SIDED_LEVEL", "PAIRED_RESAMPLES", "VERSION",
           "Level", "Measurement", "Missing", "Statistic", "Paired", "Scale", "Pairs", "NOT_YET",
           "Corrected", "ScorerDifference", "CONVENTIONS", "READINGS", "Diversity", "Shrunk",
           "as_record", "from_record", "NEW_WORST_CASES", "QUARTER",
           "AREAS", "Area", "PASSES", "Recovery"}  # fmt: skip
"""What the face opens that is no statistic and no function: types, constants and results."""


@pytest.mark.parametrize("name", MODULES)
def test_examples_give_what_they_say(name):
    module = import_module(name)
    globs = NAMES | vars(module)
    result = doctest.testmod(module, globs=globs, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.failed == 0


def test_each_statistic_and_function_has_an_example():
    opened = set(harness.statistics.__all__) - WITHOUT
    bare = [name for name in sorted(opened) if ">>>" not in (NAMES[name].__doc__ or "")]
    assert not bare
