import json

import pytest

from harness.types.errors import HarnessError
from harness.validity import records as validity
from harness.validity.records import (
    NOT_MEASURED,
    Figure,
    Glance,
    Grade,
    Record,
    fitting,
    glance,
    read,
    save,
    sentence,
    uncovered,
)

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


def test_a_glance_has_a_grade_and_the_name_of_the_labels(tmp_path):
    assert RECORD.glance() == Glance(Grade.WELL, "AUC 0.90 on answers of ours")
    fields = {name: getattr(RECORD, name) for name in RECORD.__slots__}
    cited = "refusals of XSTest (R\u00f6ttger et al. 2024), odd ids"
    poor = (Figure("kappa", 0.3, None, None, 40),)
    assert Record(**fields | {"labels": cited, "figures": poor}).glance() == Glance(
        Grade.HARDLY, "kappa 0.30 on XSTest"
    )
    by_a_model = Record(**fields | {"raters": 0}).glance()
    assert by_a_model.grade is Grade.PARTLY
    assert by_a_model.phrase.endswith("(labelled by a model)")
    assert Record(**fields | {"figures": ()}).glance().grade is Grade.UNKNOWN
    assert glance("01234567", "refusal", [tmp_path]) == Glance(Grade.UNKNOWN, "not measured")


def test_of_several_records_the_poorest_gives_the_grade(tmp_path):
    fields = {name: getattr(RECORD, name) for name in RECORD.__slots__}
    for number, value in enumerate((0.95, 0.6, 0.8)):
        figures = (Figure("auc", value, None, None, 40),)
        digest = f"{number}" * 64
        save(Record(**fields | {"figures": figures, "labels_sha256": digest}), tmp_path)
    assert glance("01234567", "refusal", [tmp_path]) == Glance(
        Grade.HARDLY, "AUC 0.95 on answers of ours, AUC 0.60 on answers of ours, 1 more"
    )


def test_the_users_own_record_comes_first_then_what_is_in_the_languages_of_the_run(
    tmp_path, monkeypatch
):
    fields = {name: getattr(RECORD, name) for name in RECORD.__slots__}
    shipped, own = tmp_path / "shipped", tmp_path / "own"
    for folder, labels, digest, languages in (
        (shipped, "Hindi", "1" * 64, ("hi", "ta")),
        (shipped, "English", "2" * 64, ("en",)),
        (own, "mine", "3" * 64, ()),
    ):
        of_it = {"labels": labels, "labels_sha256": digest, "languages": languages}
        save(Record(**fields | of_it), folder)
    monkeypatch.setattr(validity, "SHIPPED", shipped)

    def order(*languages):
        matched = fitting("01234567", "refusal", [own], *languages)
        return [record.labels for record in matched]

    assert order() == ["mine", "English", "Hindi"]
    assert order(("en", "hi", "ta")) == ["mine", "Hindi", "English"]
    assert glance("01234567", "refusal", [own]).phrase == (
        "AUC 0.90 on mine, AUC 0.90 on English, 1 more"
    )
    assert sentence("01234567", "refusal", [own]).startswith("agreement with people: AUC 0.90")


def test_a_language_that_no_record_is_of_is_named_unless_a_record_does_not_say(tmp_path):
    fields = {name: getattr(RECORD, name) for name in RECORD.__slots__}
    asked = "01234567", "refusal", [tmp_path]
    assert uncovered(*asked, ["hi"]) == []  # not measured at all, which is said elsewhere
    for digest, languages in (("1" * 64, ("en", "de")), ("2" * 64, ("fr",))):
        save(Record(**fields | {"labels_sha256": digest, "languages": languages}), tmp_path)
    assert uncovered(*asked, ["hi", "en", "fr", "ar"]) == ["ar", "hi"]
    save(Record(**fields | {"labels_sha256": "3" * 64}), tmp_path)
    assert uncovered(*asked, ["hi"]) == []
