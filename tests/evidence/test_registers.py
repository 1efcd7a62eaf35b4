"""Registers of methods: sections sum, cells are of their axes, and what is here is here."""

import copy
from pathlib import Path

import pytest

from harness.evidence.registers.tables import check, markdown, registers
from harness.types.errors import HarnessError

CONF = Path(__file__).parents[2] / "conf"
BY_NAME = {register["name"]: register for register in registers()}


def test_the_studies_of_the_review_sum():
    review = BY_NAME["Studies of language models in mental health"]
    assert [line["count"] for line in review["lines"]] == [13, 10, 9]
    other = copy.deepcopy(review)
    other["lines"][0]["count"] = 14
    with pytest.raises(HarnessError, match=r"14 \+ 10 \+ 9 = 33, and the total is 32"):
        check(other)


def test_a_cell_is_of_an_axis_and_a_line_of_a_task_that_there_is():
    skills = BY_NAME["Skills and metrics"]
    assert {line["name"] for line in skills["lines"]} <= {p.stem for p in CONF.glob("task/*.yaml")}
    assert "5 of 36 cells are filled." in markdown([skills])
    other = copy.deepcopy(skills)
    other["lines"][0]["here"] = {"beauty": "x"}
    with pytest.raises(HarnessError, match="'beauty' is none of accuracy"):
        check(other)


def test_there_are_three_classes_of_unlearning_and_what_is_lacking_is_said():
    unlearning = BY_NAME["Unlearning methods"]
    assert len(unlearning["lines"]) == 3
    assert markdown([unlearning]).count("| nothing |") == 3
