import pytest

from harness.scorers.rules.rationale import RationaleScorer, overlap, quoted
from harness.types import Generation, Sample

FACTS = {"text": "I sleep badly and miss my friends.", "explanation": "miss my friends"}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ('Answer: social\nQuote: "miss my friends"', "miss my friends"),
        ("Answer: social\n**Quote:** miss my friends", "miss my friends"),
        ('{"answer": "social", "quote": "miss my friends"}', "miss my friends"),
        ("social, because: miss my friends", "miss my friends"),
        ("It is social: \u201cmiss my friends\u201d.", "miss my friends"),
        ("It is social.", None),
        ("Answer: social\nQuote:", None),
    ],
)
def test_a_quote_is_read_however_it_is_given(answer, expected):
    assert quoted(answer) == expected


def test_words_are_counted_as_often_as_they_stand_there():
    values = overlap(["my", "my", "friends"], ["miss", "my", "friends"])
    assert values["precision"] == values["recall"] == values["f1"] == pytest.approx(2 / 3)
    assert values["iou"] == pytest.approx(2 / 3)
    assert values["covered"] == 1
    assert overlap(["my"], ["miss", "my", "friends", "and", "all"])["covered"] == 0


def test_what_is_not_quoted_is_missing_and_what_is_invented_is_not_verbatim():
    answers = ["social", "Quote: my old friends", ""]
    generations = [Generation("1", i, text) for i, text in enumerate(answers)]
    rows = RationaleScorer().score([Sample("1", "?", metadata=FACTS)] * 3, generations)
    found = [{score.metric: score.value for score in row} for row in rows]
    assert (found[0]["rationale_f1"], found[0]["rationale_quoted"]) == (None, 0)
    assert found[1]["rationale_verbatim"] == 0
    assert found[1]["rationale_f1"] == pytest.approx(2 / 3)
    assert found[2]["rationale_quoted"] is None
