import json
from collections import Counter

import pytest

from harness.data.files import read_file
from harness.testing import check_task
from harness.types.errors import HarnessError
from tasks.discrimination import INTERVENTIONS, STARTER, Discrimination
from tasks.discrimination.people import AGES, GENDERS, NAMES, RACES


def samples(**options):
    task = Discrimination(**options)
    return list(task.samples(task.records()))


@pytest.mark.parametrize(
    "options",
    [
        {"ages": [20, 60, 80]},
        {"fill": "implicit", "ages": [50, 60, 70], "interventions": ["none", "illegal"]},
    ],
)
def test_the_contract(options):
    check_task(Discrimination(**options))


def test_every_person_meets_every_decision():
    found = samples()
    scenarios = len(read_file(STARTER))
    assert scenarios >= 70
    assert len(found) == scenarios * len(AGES) * len(GENDERS) * len(RACES) == scenarios * 135
    assert Counter(s.metadata["race"] for s in found).keys() == set(RACES)
    assert len({s.prompt for s in found}) == len(found)


def test_scenarios_fix_nothing_of_the_person():
    import re

    fixed = r"\b(he|she|him|his|hers|her|man|woman|male|female)\b"
    for row in read_file(STARTER):
        bare = re.sub(r"\{\w+\}", "", row["template"])
        assert not re.search(fixed, bare, re.IGNORECASE), row["id"]
        assert row["template"].count("{person}") == 1
        assert row["template"].rstrip().endswith("?"), row["id"]


@pytest.mark.long
def test_explicit_people_are_told_in_words_and_implicit_ones_by_title_and_name():
    told = next(s for s in samples() if "-80-female-Black" in s.id)
    assert "an 80-year-old Black woman" in told.prompt[0].content
    named = next(s for s in samples(fill="implicit") if "-80-female-Black" in s.id)
    said = named.prompt[0].content
    assert "Ms. " in said
    assert ", aged 80" in said
    assert "Black" not in said
    assert "woman" not in said


def test_names_take_turns_and_each_race_has_its_own():
    rows = {row["race"]: row for row in read_file(NAMES)}
    assert set(rows) == set(RACES)
    lasts = [name for row in rows.values() for name in row["last"]]
    assert len(set(lasts)) == len(lasts) == 25
    asked = [s.prompt[0].content for s in samples(fill="implicit") if "-60-male-white" in s.id]
    used = {text.split("Mr. ")[1].split(",")[0] for text in asked}
    assert len(used) >= 10


def test_an_intervention_asks_everything_again_with_a_sentence_more():
    found = samples(ages=[60], races=["white", "Asian"], interventions=["none", "illegal"])
    plain = {s.id: s for s in found if s.metadata["intervention"] == "none"}
    treated = {s.id: s for s in found if s.metadata["intervention"] == "illegal"}
    assert len(plain) == len(treated) == len(found) / 2
    for name, sample in plain.items():
        other = treated[f"{name}-illegal"]
        expected = f"{sample.prompt[0].content}\n\n{INTERVENTIONS['illegal']}"
        assert other.prompt[0].content == expected
    statistics = {
        e.statistic.name for e in Discrimination(interventions=["none", "fair"]).estimands
    }
    assert "correlation with none" in statistics
    assert not any("correlation" in e.statistic.name for e in Discrimination().estimands)


def test_published_rows_are_read(shared_data):
    path = shared_data / "discrim_eval" / "explicit_70_rows.jsonl"
    found = samples(data=str(path))
    assert len(found) == len({s.cluster for s in found}) == 70
    assert {(s.metadata["age"], s.metadata["gender"], s.metadata["race"]) for s in found} == {
        (20, "female", "white")
    }
    ours = {row["template"][:60] for row in read_file(STARTER)}
    assert not ours & {row["filled_template"][:60] for row in read_file(path)}


def test_rows_of_the_other_kind_and_of_people_not_asked_for_are_left_out(tmp_path):
    rows = [
        {"filled_template": f"{kind} {age}?", "decision_question_id": 1, "age": float(age),
         "gender": "male", "race": "black", "fill_type": kind}
        for kind in ("explicit", "implicit") for age in (20, 60)
    ]  # fmt: skip
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (found,) = samples(data=str(path), fill="implicit", ages=[60])
    assert found.prompt[0].content.startswith("implicit 60?")
    assert found.metadata["race"] == "Black"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"fill": "both"}, r"task\.fill: 'both' is not one of explicit, implicit"),
        ({"ages": [20, 65]}, r"task\.ages: 65 is not one of 20, 30"),
        ({"races": ["Black"]}, "lacks the reference level 'white'"),
        (
            {"interventions": ["none", "threat"]},
            r"task\.interventions: 'threat' is not one of none",
        ),
    ],
)
def test_what_there_is_not_is_refused(options, said):
    with pytest.raises(HarnessError, match=said):
        Discrimination(**options)


def test_a_template_with_another_placeholder_is_said(tmp_path):
    path = tmp_path / "own.jsonl"
    path.write_text('{"template": "The guest, {person}, has {his} key. Open?"}\n')
    with pytest.raises(HarnessError, match=r"record 1 of 'own.jsonl': \{his\} in the template"):
        samples(data=str(path))


def people(path, *changes):
    row = {
        "filled_template": "Is it so?", "decision_question_id": 1, "age": 60, "gender": "male",
        "race": "white", "fill_type": "explicit",
    }  # fmt: skip
    path.write_text("".join(json.dumps(row | change) + "\n" for change in changes))
    return str(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"gender": "nonbinary"}, "gender is 'nonbinary', none of male, female, non-binary"),
        ({"race": "Latino"}, "race is 'Latino', none of white, Black"),
        ({"age": 65}, "age is 65, none of 20, 30"),
        ({"age": 60.5}, "age is 60.5, not a whole number"),
        ({"age": "sixty"}, "age is 'sixty', not a number"),
        ({"age": None}, "age is None, not a whole number"),
        ({"fill_type": "named"}, "fill_type is 'named', none of explicit, implicit"),
        ({"decision_question_id": None}, "has no decision_question_id"),
    ],
)
def test_a_level_that_is_not_known_is_refused_rather_than_left_out(tmp_path, change, said):
    with pytest.raises(HarnessError) as caught:
        samples(data=people(tmp_path / "rows.jsonl", {}, change))
    assert "record 2 of 'rows.jsonl'" in str(caught.value)
    assert said in str(caught.value)


def test_levels_in_another_case_are_the_same_levels(tmp_path):
    data = people(tmp_path / "rows.jsonl", {"gender": "Female", "race": "WHITE", "age": "60"})
    (found,) = samples(data=data)
    assert [found.metadata[name] for name in ("age", "gender", "race")] == [60, "female", "white"]


def test_rows_of_people_not_asked_for_are_counted_in_a_note(tmp_path):
    data = people(
        tmp_path / "rows.jsonl", {}, {"age": 30}, {"gender": "female"}, {"fill_type": "implicit"}
    )
    task = Discrimination(data=data, ages=[60], genders=["male"])
    assert len(list(task.samples(task.records()))) == 1
    assert task.notes == [
        "2 of 4 records of 'rows.jsonl' are about people of whom task.ages, genders and races do "
        "not ask and left out",
        "1 of 4 records of 'rows.jsonl' are of another task.fill (implicit) and left out",
    ]
