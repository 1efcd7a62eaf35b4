"""`python -m harness.agreement`, against reference implementations and published labels."""

import csv
import json
from math import nan
from pathlib import Path

import numpy as np
import pytest
import sklearn.metrics

from harness.agreement.comparison import (
    ScorerValues,
    alike,
    compared,
    flips,
    readings,
)
from harness.agreement.compute import measure
from harness.agreement.figures import LabelKind, confusion, figures, people
from harness.data.labels import LabelFormat, Labelled, part_of, read_label_file, read_labels
from harness.scorers.rules.refusal import RefusalScorer
from harness.types.errors import HarnessError
from harness.types.measures import Direction, Metric
from harness.types.records import Score
from harness.types.registry import ScorerRegistry
from harness.validity.records import NOT_MEASURED, sentence

SHARE = Metric(0.0, 1.0, Direction.LOWER)
FIVE = Metric(1.0, 5.0, Direction.LOWER)


def labelled(labels, groups=None):
    groups = groups or [None] * len(labels)
    rows = enumerate(zip(labels, groups, strict=True))
    return [Labelled(f"q{i}", "a", float(y), (), g) for i, (y, g) in rows]


def by_name(found, group=None):
    return {f.statistic: f for f in found if f.group == group}


def test_figures_of_yes_and_no_equal_the_reference():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 200).astype(float)
    values = np.clip(labels * 0.3 + rng.random(200) * 0.7, 0, 1)
    told = LabelKind(labels, SHARE, None, 0.6)
    found = by_name(figures(labelled(labels), values, SHARE, told))
    said = values >= 0.6
    for name, theirs in {
        "auc": sklearn.metrics.roc_auc_score(labels, values),
        "f1": sklearn.metrics.f1_score(labels, said),
        "precision": sklearn.metrics.precision_score(labels, said),
        "recall": sklearn.metrics.recall_score(labels, said),
        "kappa": sklearn.metrics.cohen_kappa_score(labels, said),
        "accuracy": sklearn.metrics.accuracy_score(labels, said),
    }.items():
        assert found[name].value == pytest.approx(theirs)
        assert found[name].low < theirs < found[name].high
    cells = {(c["label"], c["scorer"]): c["n"] for c in confusion(labels, values, SHARE, told)}
    tn, fp, fn, tp = sklearn.metrics.confusion_matrix(labels, said).ravel()
    assert cells == {(0, 0): tn, (0, 1): fp, (1, 0): fn, (1, 1): tp}


@pytest.mark.long
def test_levels_have_a_weighted_kappa_and_correlations():
    labels = np.array([1.0, 2, 3, 4, 5, 5, 1, 3])
    values = np.array([1.2, 2.6, 3.0, 3.4, 4.9, 4.0, 1.0, 2.2])
    found = by_name(figures(labelled(labels), values, FIVE, LabelKind(labels, FIVE, None, None)))
    theirs = sklearn.metrics.cohen_kappa_score(labels, np.round(values), weights="quadratic")
    assert found["quadratic_kappa"].value == pytest.approx(theirs)
    assert found["pearson"].value == pytest.approx(np.corrcoef(labels, values)[0, 1])
    assert "auc" not in found


def test_what_has_no_score_is_left_out_and_counted():
    class Half:
        metrics = {"x": SHARE}  # noqa: RUF012
        identity = {"version": "1"}  # noqa: RUF012

        def score(self, samples, generations):
            return [
                [Score.missing("x", "no") if g.text == "bad" else Score("x", float(g.text))]
                for g in generations
            ]

    items = [Labelled(f"q{i}", t, y, (), None) for i, (t, y) in enumerate(
        [("0.9", 1.0), ("0.1", 0.0), ("bad", 1.0), ("0.8", 1.0), ("0.3", 0.0)]
    )]  # fmt: skip
    record = measure(ScorerRegistry({"half": Half()}), "half", items, "x", LabelFormat())
    assert (record.n, record.n_failed) == (5, 1)
    assert by_name(record.figures)["auc"].n == 4


@pytest.mark.long
def test_groups_have_figures_of_their_own():
    labels = np.array([1.0, 0, 1, 0, 1, 0, 1, 0])
    values = np.array([0.9, 0.1, 0.8, 0.2, 0.1, 0.9, 0.2, 0.8])
    items = labelled(labels, ["easy"] * 4 + ["hard"] * 4)
    found = figures(items, values, SHARE, LabelKind(labels, SHARE, None, None))
    assert by_name(found, "easy")["auc"].value == 1.0
    assert by_name(found, "hard")["auc"].value == 0.0


def test_people_are_compared_on_what_two_of_them_labelled():
    rows = [(1.0, 1.0), (0.0, 0.0), (1.0, 0.0), (nan, 1.0), (0.0, 0.0)]
    items = [Labelled(str(i), "a", 0.0, row, None) for i, row in enumerate(rows)]
    found = by_name(people(items))
    assert found["kappa"].n == 4
    # agree on 3 of 4; by chance 2/4 1/4 + 2/4 3/4 = 1/2
    assert found["kappa"].value == pytest.approx((3 / 4 - 1 / 2) / (1 / 2))
    assert people([Labelled("q", "a", 1.0, (1.0,), None)]) == []


def test_labels_are_read_by_their_format(tmp_path):
    rows = [
        {"ask": "q1", "say": "a", "one": "yes", "two": "no", "id": "1"},
        {"ask": "q2", "say": "b", "one": "yes", "two": "yes", "id": "2"},
        {"ask": "q3", "say": "c", "one": "unsure", "two": "", "id": "3"},
    ]
    path = tmp_path / "l.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    form = LabelFormat(
        prompt=["ask"], answer=["say"], raters=["one", "two"], values={"yes": 1, "no": 0}
    )
    found = read_labels(path, form)
    assert [(x.prompt, x.label) for x in found] == [("q1", 0.5), ("q2", 1.0)]
    form.part = {"by": "id", "of": 2, "are": [0]}
    assert [x.prompt for x in read_labels(path, form)] == ["q2"]


def told_values(labels, values):
    return ScorerValues(np.array(values), LabelKind(np.array(labels), SHARE, None, None))


def test_scorers_are_compared_on_what_both_gave_a_value():
    labels = [1.0, 1, 1, 1, 0, 0, 0, 0, 1, 0]
    good = told_values(labels, [0.9, 0.9, 0.8, 0.8, 0.1, 0.1, 0.2, 0.2, 0.9, nan])
    weak = told_values(labels, [0.9, 0.1, 0.2, 0.3, 0.8, 0.7, 0.2, 0.1, nan, 0.1])
    rows = compared(labelled(labels), {"good": good, "weak": weak, "same": weak})
    cells = {(row.statistic, row.first, row.second): row for row in rows}
    auc = cells["auc", "good", "weak"]
    assert (auc.n, auc.n_left_out) == (8, 2)
    weak_auc = sklearn.metrics.roc_auc_score(labels[:8], weak.values[:8])
    assert auc.difference.value == pytest.approx(1 - weak_auc)
    accuracy = cells["accuracy", "good", "weak"]
    assert accuracy.difference.value == pytest.approx(1 - 3 / 8)
    assert accuracy.difference.p == pytest.approx(2 / 2**5)  # 5 of the 8 changed, all one way
    # Holm: of three the smallest takes the factor 3, and none after it is smaller
    assert accuracy.p_adjusted == pytest.approx(3 * 2 / 2**5)
    assert cells["accuracy", "weak", "same"].p_adjusted == 1.0


def test_two_scorers_of_one_metric_are_compared(harness, tmp_path):
    (tmp_path / "l.csv").write_text(
        "prompt,answer,label\nq1,I cannot help.,0\nq2,Here is how.,1\nq3,Perhaps.,0\nq4,Sure.,1\n"
    )
    judges = [
        f"backend@scorers.{name}.judge_backend=echo"
        for name in ("harmfulness", "harmfulness_second")
    ]
    options = ["labels=l.csv", *judges, "scorers.harmfulness_second.both_orders=true"]
    asked = "scorer=[harmfulness,harmfulness_second]"
    done = harness(asked, *options, module="harness.agreement")
    assert done.returncode == 0, done.stderr
    flat = " ".join(done.stdout.split())
    assert "scorers against each other" in flat
    assert (tmp_path / "results" / "flips.csv").exists()
    assert len(list((tmp_path / "results" / "validity").rglob("*.json"))) == 2


def test_a_judge_in_anothers_place_flips_these_answers():
    labels = [1.0, 0, 1, 0]
    one = told_values(labels, [0.9, 0.1, 0.9, nan])
    two = told_values(labels, [0.8, 0.6, 0.7, 0.1])
    said = readings({"one": one, "two": two})
    assert alike(said)["two", "one"] == pytest.approx(2 / 3)
    assert flips(said) == [1, 3]  # what one did not read is a flip, never agreement
    levels = LabelKind(np.array([1.0, 2, 3]), FIVE, None, None)
    said = readings({"x": ScorerValues(np.array([1.2, 2.6, 3.0]), levels)})
    assert said["x"].tolist() == [1.0, 3.0, 3.0]


@pytest.mark.long
def test_labels_of_levels_compare_kappa_and_correlation():
    labels = [1.0, 2, 3, 4, 5] * 6
    told = LabelKind(np.array(labels), FIVE, None, None)
    exact = ScorerValues(np.array(labels), told)
    off = ScorerValues(np.array([3.0, 2, 4, 1, 5] * 6), told)
    rows = compared(labelled(labels), {"exact": exact, "off": off})
    assert [row.statistic for row in rows] == ["quadratic_kappa", "spearman"]
    assert all(row.difference.value > 0.5 and row.p_adjusted < 0.01 for row in rows)


def test_two_scorers_of_one_file_are_set_against_each_other(harness, tmp_path):
    rows = (f"q{i},I cannot help with that.,1\nr{i},Here is how: stir it.,0\n" for i in range(9))
    (tmp_path / "labels.csv").write_text("prompt,answer,label\n" + "".join(rows))
    done = harness("scorer=[refusal,guidance]", "labels=labels.csv", module="harness.agreement")
    assert done.returncode == 0, done.stderr
    flat = " ".join(done.stdout.split())
    assert "scorers against each other, on the answers that both gave a value" in flat
    assert "McNemar exact" in flat
    assert "the share of answers of which two say the same" in flat
    with (tmp_path / "results" / "flips.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert f"{len(rows)} of 18 answers are read differently" in flat
    assert rows
    for row in rows:
        first, second = list(row.values())[3:]
        assert first != second


def test_a_part_that_says_too_little_is_one_sentence(tmp_path):
    form = LabelFormat(part={"by": "id"})
    with pytest.raises(HarnessError, match=r"must have by, of and are, .*format\.part=null"):
        read_labels(write_labels(tmp_path / "l.csv", 1), form)


@pytest.mark.parametrize(
    ("options", "n", "about"),
    [
        (["format.part=null"], 4, "l.csv, read as xstest_refusal with format.part=null"),
        ([], 2, "refusals of XSTest (Röttger et al. 2024), odd ids, three models"),
        (["format.part=null", "format.about=ours"], 4, "ours"),
    ],
)
def test_a_part_can_be_switched_off_and_the_record_then_names_the_file(
    harness, tmp_path, options, n, about
):
    rows = (f"{i},q{i},I cannot.,2_full_refusal\n" for i in range(4))
    text = "id,prompt,answer,final_label\n" + "".join(rows)
    (tmp_path / "l.csv").write_text(text)
    asked = ["scorer=[refusal]", "labels=l.csv", "format=xstest_refusal", *options]
    done = harness(*asked, module="harness.agreement")
    assert done.returncode == 0, done.stderr
    (path,) = (tmp_path / "results" / "validity").rglob("*.json")
    record = json.loads(path.read_text())
    assert (record["n"], record["labels"]) == (n, about)


def test_parts_are_by_number_where_there_is_one():
    assert [part_of(x, 2) for x in ("v2-3", "7", "10", 4)] == [1, 1, 0, 0]
    assert len({part_of(f"text {i} of words", 5) for i in range(40)}) == 5


def test_the_record_stands_beside_the_next_run(harness, tmp_path):
    (tmp_path / "labels.csv").write_text(
        "prompt,answer,label\n"
        + "".join(
            f"q{i},I cannot help with that.,1\nr{i},Here is how you do it.,0\n" for i in range(9)
        )
    )
    done = harness(
        "scorer=[refusal]", "labels=labels.csv", "format.about=answers of ours",
        module="harness.agreement",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "18 labelled answers, 0 of them without a score" in done.stdout
    assert "1 rater an answer (unreplicated)" in " ".join(done.stdout.split())
    asked = ["task=med_harm", "backend=echo", "limit=2", "scorer=[refusal]"]
    first = " ".join(harness(*asked).stdout.split())
    assert "1.00 on answers of ours, AUC 0.82 on refusals of our own list, 1 more" in first
    flat = " ".join(harness(*asked, "show=all").stdout.split())
    assert "answers of ours (n 18); labels unreplicated" in flat


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["scorer=[refusal]", "labels=none.csv"], "there is no data file 'none.csv'"),
        (["labels=labels.csv"], "no scorer is chosen"),
        (["scorer=[refusal]", "labels=labels.csv", "metric=tone"], "gives no metric 'tone'"),
        (["scorer=[refusal]", "labels=labels.csv", "format.label=[x]"], "holds no label"),
        (["scorer=[refusal]", "labels=labels.csv", "format.answer=[y]"], "has no answer in the"),
        (["scorer=[refusal]", "labels=labels.csv", "format=nope"], "Available options"),
    ],
)
def test_a_wrong_option_is_one_sentence(harness, tmp_path, args, said):
    (tmp_path / "labels.csv").write_text("prompt,answer,label\nq,I cannot.,1\n")
    done = harness(*args, module="harness.agreement")
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.long
def test_the_shipped_record_of_refusals_is_what_the_labels_give():
    form = LabelFormat(label=["verdict"], values={"none": 0, "partial": 1, "full": 1})
    path = Path(__file__).parent / "scorers" / "refusal_fresh_second.jsonl"
    registry = ScorerRegistry({"refusal": RefusalScorer()})
    record = measure(registry, "refusal", read_labels(path, form), "refusal", form)
    shipped = sentence(record.identity, "refusal", [])
    assert shipped != NOT_MEASURED
    figures = by_name(record.figures)
    assert f"AUC {figures['auc'].value:.2f}" in shipped
    assert f"F1 {figures['f1'].value:.2f}" in shipped


def test_a_dot_leads_into_an_object(tmp_path):
    path = tmp_path / "l.jsonl"
    path.write_text(json.dumps({"c": {"text": "t", "toxicity": 0.3}}) + "\n")
    form = LabelFormat(answer=["c.text"], label=["c.toxicity"])
    assert read_labels(path, form)[0][:3] == ("", "t", 0.3)


def test_a_record_without_an_answer_is_one_sentence(tmp_path):
    path = tmp_path / "l.jsonl"
    path.write_text('{"label": 1}\n')
    with pytest.raises(HarnessError, match=r"record 1 of l\.jsonl has no answer"):
        read_labels(path, LabelFormat())


def write_labels(path, *labels, name="label"):
    path.write_text(
        f"prompt,answer,{name}\n" + "".join(f"q,a{i},{label}\n" for i, label in enumerate(labels))
    )
    return path


def test_labels_that_are_blank_or_stand_for_nothing_are_left_out_and_counted(tmp_path):
    path = write_labels(tmp_path / "l.csv", 1, 0, "", " ", "yes", "yes", "nan", "inf")
    read = read_label_file(path, LabelFormat())
    assert [item.label for item in read.items] == [1.0, 0.0]
    assert read.notes == [
        "2 of 8 records of l.csv have no label and are left out",
        "4 entries of l.csv stand for no value that the format knows and are left out: "
        "label 'yes' (2), label 'nan' (1), label 'inf' (1)",
    ]


def test_words_of_labels_are_known_in_any_case_and_no_other_word_is_the_nearest(tmp_path):
    path = write_labels(tmp_path / "l.csv", "Harmful", "HARMLESS", "harmless ", "harmfull")
    read = read_label_file(path, LabelFormat(values={"harmful": 1, "harmless": 0}))
    assert [item.label for item in read.items] == [1.0, 0.0, 0.0]
    assert "label 'harmfull' (1)" in read.notes[0]


def test_a_rating_that_stands_for_nothing_is_counted(tmp_path):
    path = tmp_path / "l.csv"
    path.write_text("answer,one,two\na,1,0\nb,1,?\nc,,\n")
    read = read_label_file(path, LabelFormat(raters=["one", "two"]))
    assert [item.label for item in read.items] == [0.5, 1.0]
    assert read.notes[0] == "1 of 3 records of l.csv have no label and are left out"
    assert "rating '?' (1)" in read.notes[1]


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("prompt,answer,response,label", r"answer, 'answer', 'response': .*format\.answer=\["),
        ("prompt,question,answer,label", r"prompt, 'prompt', 'question': .*format\.prompt=\["),
    ],
)
def test_where_two_columns_would_do_the_user_is_asked_for_labels_too(tmp_path, header, said):
    path = tmp_path / "l.csv"
    path.write_text(f"{header}\na,b,c,1\n")
    with pytest.raises(HarnessError, match=f"record 1 of l.csv has several columns .* {said}"):
        read_labels(path, LabelFormat())


def test_what_was_left_out_is_printed_and_kept_with_the_record(harness, tmp_path):
    write_labels(tmp_path / "l.csv", 1, 0, 1, 0, "")
    done = harness("scorer=[refusal]", "labels=l.csv", module="harness.agreement")
    assert done.returncode == 0, done.stderr
    note = "1 of 5 records of l.csv have no label and are left out"
    assert note in " ".join(done.stdout.split())
    (record,) = (tmp_path / "results" / "validity").rglob("*.json")
    assert note in record.read_text()


def test_labels_in_a_file_of_another_kind_are_said_by_their_option(tmp_path):
    with pytest.raises(HarnessError, match=r"^labels='.*l\.xlsx' is not a file or folder"):
        read_labels(tmp_path / "l.xlsx", LabelFormat())


@pytest.mark.parametrize(
    ("keep", "kept"),
    [
        ({"set": [1]}, 2), ({"set": "1"}, 2), ({"set": [1, 2.0]}, 3), ({"set": None}, 1),
        ({"set": [1], "language": "en"}, 1),
    ],
)  # fmt: skip
@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_rows_are_kept_by_values_as_texts_or_numbers(tmp_path, keep, kept, ending):
    rows = [("1", "en", "1"), ("1", "de", "0"), ("2", "en", "1"), ("", "en", "0")]
    path = tmp_path / f"l.{ending}"
    if ending == "csv":
        lines = [f"a{n},{','.join(row)}" for n, row in enumerate(rows)]
        path.write_text("\n".join(["answer,set,language,label", *lines]))
    else:
        path.write_text("\n".join(
            json.dumps({"answer": "a", "set": int(set_) if set_ else None, "language": language,
                        "label": int(label)})
            for set_, language, label in rows
        ))  # fmt: skip
    assert len(read_labels(path, LabelFormat(keep=keep))) == kept


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"keep": {"label": ["x"]}},
         r"format\.keep\.label=\['x'\] keeps none of the 3 records of l.csv: 'label' is '1' \(2\), "
         r"'0' \(1\)"),
        ({"keep": {"labl": 1}}, r"keep\.labl=1 keeps none .*: 'labl' is not there \(3\)"),
        ({"part": {"by": "label", "of": 9, "are": [7]}}, r"^format\.part=.* keeps none of the 3"),
        ({"part": 3}, r"format\.part=3 must have by, of and are"),
    ],
)  # fmt: skip
def test_a_format_that_keeps_nothing_says_what_stands_there(tmp_path, options, words):
    path = write_labels(tmp_path / "l.csv", 1, 0, 1)
    with pytest.raises(HarnessError, match=words):
        read_labels(path, LabelFormat(**options))


@pytest.mark.parametrize(
    "option", ["format.values={yes: 1, no: 0}", 'format.keep={label: ["1", "0"]}']
)
def test_what_words_stand_for_and_which_rows_count_are_said_on_the_command_line(
    harness, tmp_path, option
):
    write_labels(tmp_path / "l.csv", *(("yes", "no") if "values" in option else (1, 0)), "perhaps")
    done = harness("scorer=[refusal]", "labels=l.csv", option, module="harness.agreement")
    assert done.returncode == 0, done.stderr
    assert "perhaps" in " ".join(done.stdout.split()) or "keep" in option
    wrong = harness(
        "scorer=[refusal]", "labels=l.csv", f"{option.split('=')[0]}=3", module="harness.agreement"
    )
    assert "=3 must be a mapping, as {word: 1}, or null" in wrong.stderr
