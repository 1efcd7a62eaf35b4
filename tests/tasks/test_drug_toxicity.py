import json
from collections import Counter

import pytest
from sklearn.metrics import f1_score

from harness.command import task_of
from harness.data import file_at, read_file
from harness.scorers.rules.yes_fields import YesFieldsScorer
from harness.testing import check_scorer, check_task
from harness.types.errors import HarnessError
from harness.types.records import Generation, Sample

ORGANS = ("cardio", "hematological", "infertility", "liver", "pulmonary", "renal")
TWO = Sample("q", "?", target='{"liver": 1, "renal": 0}')
SCORERS = {"yes_fields": YesFieldsScorer()}
SHARE = "share >= 1"


def samples(**options):
    task = task_of("drug_toxicity", **options)
    return list(task.samples(task.records()))


def values(text):
    (row,) = YesFieldsScorer().score([TWO], [Generation("q", 0, text)])
    return {score.metric: score.value for score in row}


@pytest.mark.parametrize(
    "options", [{}, {"written_as": ["name"], "reasoning": "chain", "shots": 0}]
)
def test_the_contract(options):
    check_task(task_of("drug_toxicity", **options))


def test_the_scorer_s_contract():
    check_scorer(YesFieldsScorer(), [TWO])


def test_the_starter_set_has_forty_drugs_each_with_sources_and_some_that_harm_none():
    rows = read_file(file_at("pkg://tasks/drug_toxicity/drugs.jsonl"))
    assert len(rows) == len({row["name"] for row in rows}) == len({r["smiles"] for r in rows}) == 40
    assert all(row["source"] and row["iupac"] for row in rows)
    assert {organ: sum(row[organ] for row in rows) for organ in ORGANS} == {
        "cardio": 17, "hematological": 25, "infertility": 14, "liver": 23, "pulmonary": 9,
        "renal": 12,
    }  # fmt: skip
    assert sum(not any(row[organ] for organ in ORGANS) for row in rows) == 4
    assert Counter(s.metadata["written_as"] for s in samples()) == {"smiles": 40, "iupac": 40}
    assert not any(row["name"] in s.prompt[-1].content for row in rows[:9] for s in samples()[:18])


def test_every_structure_can_be_parsed():
    chemistry = pytest.importorskip("rdkit.Chem", reason='RDKit: pip install ".[chemistry]"')
    for row in read_file(file_at("pkg://tasks/drug_toxicity/drugs.jsonl")):
        assert chemistry.MolFromSmiles(row["smiles"]), row["name"]


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ('{"liver": 1, "renal": 0}', 1),
        ("Its nitro group is reduced.\n```json\n{'Liver': 'Toxic', 'Renal': 'Non-toxic',}\n```", 1),
        ('{"hepatotoxicity": {"prediction": "Yes", "reason": "no doubt"}, "kidney": "No"}', 1),
        ("liver: yes (boxed warning)\nrenal: no", 1),
        ('{"liver": false, "renal": 0}', 0.5),
        ('{"liver": 1}', None),
        ('{"liver": 1, "renal": "N/A"}', None),
        ('{"liver": "yes or no", "renal": 0}', None),
        ('{"liver": 1, "hepatic": 0, "renal": 0}', None),
        ('{"liver": 1, "renal": 0', None),
        ("It harms the liver.", None),
    ],
)
def test_labels_are_read_as_models_write_them(text, right):
    found = values(text)
    assert found["labels_right"] == right
    assert found["labels_right_strict"] == (right or 0)
    assert found["labels_read"] == (right is not None)


def test_a_worked_example_is_shown_before_and_is_none_of_the_drugs():
    (first, answer, asked) = samples(shots=1)[0].prompt
    assert (first.role, answer.role, asked.role) == ("user", "assistant", "user")
    assert list(json.loads(answer.content).values()) == [0, 1, 1, 0, 1, 0]
    assert not any(s.prompt[-1].content == first.content for s in samples())
    with pytest.raises(HarnessError, match="without a chain of thought"):
        task_of("drug_toxicity", shots=1, reasoning="chain")


def test_the_authors_columns_are_read(tmp_path):
    path = tmp_path / "drugs.csv"
    names = ("cardio_toxicity", "hematological", "infertility", "liver_toxicity",
             "pulmonary_toxicity", "renal_toxicity")  # fmt: skip
    header = ",".join(f"{name}_binary_rating_0_1" for name in names)
    path.write_text(f"generic_name,smiles,{header}\nETHANOL,CCO,0,1,0,1.0,0,0\n")
    (sample,) = samples(data=str(path), written_as=["smiles"])
    assert sample.id == "ETHANOL-smiles"
    assert [organ for organ, yes in json.loads(sample.target).items() if yes] == [
        "hematological", "liver",
    ]  # fmt: skip


def test_a_file_that_lacks_an_organ_is_refused(tmp_path):
    path = tmp_path / "drugs.jsonl"
    path.write_text(json.dumps({"smiles": "CCO", "iupac": "ethanol", "cardio": 0}))
    with pytest.raises(HarnessError, match="whether hematological is harmed"):
        samples(data=str(path))
    with pytest.raises(HarnessError, match="written_as"):
        task_of("drug_toxicity", written_as=["formula"])


def test_the_perfect_the_majority_and_the_unknowing_get_what_they_deserve(estimates_of):
    task = task_of("drug_toxicity")
    truth = [json.loads(sample.target) for sample in samples()]
    perfect = estimates_of(task, SCORERS, lambda s: s.target)
    assert perfect["macro F1 of organs", "macro F1", "all"]["estimate"] == 1
    assert perfect["organs right", "difference from smiles", "iupac"]["estimate"] == 0
    most = {organ: int(sum(t[organ] for t in truth) > 40) for organ in ORGANS}
    majority = estimates_of(task, SCORERS, lambda s: json.dumps(most))
    for organ in ORGANS:
        theirs = f1_score([t[organ] for t in truth], [most[organ]] * 80, zero_division=0)
        assert majority["F1 of organs", "F1", organ]["estimate"] == pytest.approx(theirs)
    always = majority["macro F1 of organs, all said to be harmed", "macro F1 of all labels", "all"][
        "estimate"
    ]
    theirs = [f1_score([t[organ] for t in truth], [1] * 80) for organ in ORGANS]
    assert always == pytest.approx(sum(theirs) / 6)
    assert majority["macro F1 of organs", "macro F1", "all"]["estimate"] < always
    unknown = estimates_of(task, SCORERS, lambda s: json.dumps(dict.fromkeys(ORGANS, "N/A")))
    row = unknown["macro F1 of organs", "macro F1", "all"]
    assert (row["estimate"], row["n_failed"], row["worst"], row["best"]) == (None, 80, 0, 1)
    assert unknown["organs right, unparsed is wrong", "mean", None]["estimate"] == 0
    assert unknown["answers read", SHARE, None]["estimate"] == 0
