"""Objects as models write them: JSON, YAML and what is nearly either."""

import pytest

from harness.scorers.reading.structured import read_fields

BOTH = {"a": "1", "b": "x"}


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "b": "x"}',
        "```json\n{'a': 1, 'b': 'x',}\n```",
        'Sure, here it is: {"a": 1, "b": "x"} I hope that helps: bye.',
        "{a: 1, b: x}",
        '{"a": 1, // how many\n"b": "x"}',
        '{"a": 1,\n\t"b": "x", # a remark\n}',
        "```yaml\na: 1\nb: x\n```",
        "```\n- a: 1\n- b: x\n```",
        "Here:\n\n**a**: 1\n**b**: x\n\nThat is all.",
        '{"a": 7}\nOn second thoughts:\n{"a": 1, "b": "x"}',
        '{"A": 1, "B": "x", "why": "5\\% of \\(n\\)"}',
        '<answer>{"a": 1, "b": "x"}</answer>',
    ],
)
def test_an_object_is_read_however_it_is_written(text):
    assert read_fields(text, BOTH) == BOTH


@pytest.mark.parametrize(
    "text",
    ["", "no object", '{"a": 1, "b": "x"', '{"a": 1, "a": 2}', "a is 1", '{"c": 1}', "{" * 5000,
     "a: &x [*x]", '{"a": [1, 2]}', "{a: " + "1" * 30_000 + "}"],
)  # fmt: skip
def test_what_is_cut_off_or_contradicts_itself_is_none(text):
    assert not read_fields(text, BOTH)


def test_numbers_keep_their_spelling_and_names_their_path():
    text = '{"Arm One": {"group-size": 1,525, "mean": 3.50, "sd": 1e-2}, "day": 2020-01-02}'
    names = ("arm_one_group_size", "arm_one_mean", "arm_one_sd", "day")
    read = read_fields(text, names)
    assert read == dict(zip(names, ("1,525", "3.50", "1e-2", "2020-01-02"), strict=True))


def test_a_long_answer_is_read_in_time_that_grows_with_its_length():
    text = "word {a} " * 50_000
    assert read_fields(text + '{"a": 1, "b": "x"}', BOTH) == BOTH
