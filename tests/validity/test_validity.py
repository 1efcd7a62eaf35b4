import json

import pytest

from harness.types.errors import HarnessError
from harness.validity import records as validity
from harness.validity.records import NOT_MEASURED, Figure, Record, fitting, read, save, sentence

RECORD = Record(
    scorer="refusal",
    identity="01234567",
    metric="refusal",
    labels="answers of ours",
    labels_sha256="f" * 64,
    n=40,
    n_failed=2,
    raters=2,
    figures=(
        Figure("auc", 0.9, 0.8, 0.95, 38),
        Figure("kappa", 0.5, None, None, 38),
        Figure("auc", 0.7, 0.6, 0.8, 12, "hard"),
    ),
    people=(Figure("kappa", 0.8, 0.7, 0.9, 40),),
    note="half of them are hard",
)


def test_a_record_comes_back_as_it_was_saved(tmp_path):
    assert read(save(RECORD, tmp_path)) == RECORD


def test_only_a_record_of_the_same_identity_and_metric_stands_beside_a_number(tmp_path):
    save(RECORD, tmp_path)
    assert fitting("01234567", "refusal", [tmp_path]) == [RECORD]
    assert sentence("76543210", "refusal", [tmp_path]) == NOT_MEASURED
    assert sentence("01234567", "full_refusal", [tmp_path]) == NOT_MEASURED


def test_the_sentence_has_the_figures_and_what_limits_them():
    assert RECORD.sentence() == (
        "AUC 0.90 (0.80 to 0.95), kappa 0.50 on answers of ours (n 40, 2 without a score); people "
        "with each other: kappa 0.80 (0.70 to 0.90); half of them are hard"
    )
    alone = Record(**{f: getattr(RECORD, f) for f in RECORD.__slots__} | {"raters": 1})
    assert "labels unreplicated" in alone.sentence()


def test_a_record_measured_anew_is_seen_in_the_same_process(tmp_path):
    assert sentence("01234567", "refusal", [tmp_path]) == NOT_MEASURED
    save(RECORD, tmp_path)
    assert "AUC 0.90" in sentence("01234567", "refusal", [tmp_path])


@pytest.mark.parametrize("content", ["", "{", "[]", '{"scorer": "x"}', '{"figures": 1}'])
def test_a_damaged_record_is_one_sentence(tmp_path, content):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(HarnessError, match=r"cannot be read.*measure anew"):
        fitting("x", "y", [tmp_path])


def test_shipped_records_can_be_read_and_name_their_labels():
    for path in validity.SHIPPED.glob("*.json"):
        record = read(path)
        assert record.n > 0
        assert record.labels
        assert json.loads(path.read_text())["identity"] in path.name
