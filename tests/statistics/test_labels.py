import warnings

import numpy as np
import pytest
from sklearn import metrics as sk

from harness.statistics import AccuracyAtCoverage, LabelMeasure, SpanMeasure, SpreadOverVariants
from harness.statistics.labels import MEASURES
from harness.statistics.variants import apart
from harness.testing import check_statistic
from harness.types import Direction, HarnessError, Metric

LABEL = Metric(-1.0, 65535.0, Direction.HIGHER)
RANDOM = np.random.default_rng(4)
TRUTH = RANDOM.integers(1, 5, 80)
GIVEN = np.where(RANDOM.random(80) < 0.5, TRUTH, RANDOM.integers(0, 5, 80))
SETS, CHOSEN = RANDOM.integers(0, 8, 60), RANDOM.integers(0, 8, 60)


def rows(statistic, given, **facts):
    values = np.array(given, dtype=float)[:, None]
    return statistic.compare(values, facts, np.arange(len(values)), LABEL)


def value(measure, given, truth, **options):
    (row,) = rows(LabelMeasure(measure, **options), given, label_number=truth).values()
    return row.estimate


BY_SKLEARN = {
    "accuracy": sk.accuracy_score,
    "balanced accuracy": sk.balanced_accuracy_score,
    "MCC": sk.matthews_corrcoef,
    "macro F1": lambda t, p: sk.f1_score(t, p, average="macro", labels=[1, 2, 3, 4]),
    "macro recall": lambda t, p: sk.recall_score(t, p, average="macro", labels=[1, 2, 3, 4]),
    "macro precision": lambda t, p: sk.precision_score(t, p, average="macro", labels=[1, 2, 3, 4]),
    "micro F1": lambda t, p: sk.f1_score(t, p, average="micro", labels=[1, 2, 3, 4]),
    "micro recall": lambda t, p: sk.recall_score(t, p, average="micro", labels=[1, 2, 3, 4]),
    "micro precision": lambda t, p: sk.precision_score(t, p, average="micro", labels=[1, 2, 3, 4]),
    "macro MCC": lambda t, p: np.mean([sk.matthews_corrcoef(t == k, p == k) for k in range(1, 5)]),
}


@pytest.mark.parametrize("measure", MEASURES)
def test_each_measure_is_scikit_learn_s(measure):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that 0 is given and never right, which is meant here
        expected = BY_SKLEARN[measure](TRUTH, GIVEN)
    assert value(measure, GIVEN, TRUTH) == pytest.approx(expected)


@pytest.mark.parametrize("measure", ["precision", "recall", "F1", "MCC"])
def test_each_label_against_the_others_is_scikit_learn_s(measure):
    names = ("a", "b", "c", "d")
    found = rows(LabelMeasure(measure, each=names), GIVEN, label_number=TRUTH)
    of = {"precision": sk.precision_score, "recall": sk.recall_score, "F1": sk.f1_score,
          "MCC": sk.matthews_corrcoef}[measure]  # fmt: skip
    for number, name in enumerate(names, 1):
        assert found[name].estimate == pytest.approx(of(number == TRUTH, number == GIVEN))


@pytest.mark.parametrize(
    ("measure", "average"),
    [("macro F1", "macro"), ("micro F1", "micro"), ("accuracy", None), ("macro MCC", None)],
)
def test_several_labels_at_once_are_scikit_learn_s(measure, average):
    truth, given = ((codes[:, None] & [1, 2, 4]) > 0 for codes in (SETS, CHOSEN))
    expected = (
        sk.f1_score(truth, given, average=average) if average
        else sk.accuracy_score(truth, given) if measure == "accuracy"
        else np.mean([sk.matthews_corrcoef(truth[:, k], given[:, k]) for k in range(3)])
    )  # fmt: skip
    assert value(measure, CHOSEN, SETS, several=True) == pytest.approx(expected)


def test_what_is_missing_is_left_out_and_bounded_and_0_is_wrong():
    nan = float("nan")
    (row,) = rows(LabelMeasure("accuracy"), [1, nan, 2, 2], label_number=[1, 1, 2, 1]).values()
    assert (row.estimate, row.worst, row.best) == (pytest.approx(2 / 3), 0.5, 0.75)
    assert (row.n, row.n_scored, row.n_failed) == (4, 3, 1)
    assert value("accuracy", [1, 0, 2, 2], [1, 1, 2, 1]) == 0.5
    assert value("balanced accuracy", [1, 0, 2, 2], [1, 1, 2, 1]) == pytest.approx(2 / 3)


def test_a_constant_label_shows_what_an_accuracy_is_worth():
    truth = [2] * 9 + [1]
    assert value("accuracy", truth, truth, always="commonest") == 0.9
    assert value("balanced accuracy", truth, truth, always="commonest") == 0.5
    assert value("accuracy", truth, truth, always="first") == 0.1
    assert value("MCC", truth, truth, always="commonest") == 0
    sets = [1, 3, 0, 2]  # each of two labels holds twice of four
    assert value("macro F1", sets, sets, several=True, always="all") == pytest.approx(2 / 3)


def test_the_interval_of_a_share_is_about_its_binomial_one_and_never_of_no_width():
    truth = [1] * 100
    (row,) = rows(LabelMeasure("accuracy"), [1] * 70 + [2] * 30, label_number=truth).values()
    assert row.stderr == pytest.approx(np.sqrt(0.7 * 0.3 / 100), rel=0.1)
    assert (row.low, row.high) == pytest.approx((0.61, 0.79), abs=0.02)
    (row,) = rows(LabelMeasure("accuracy"), truth, label_number=truth).values()
    assert (row.estimate, row.high) == (1, 1)
    assert row.low == pytest.approx(0.963, abs=1e-3)  # Wilson's for none of a hundred


def test_a_correlation_below_zero_has_an_interval_that_holds_it():
    found = rows(LabelMeasure("MCC"), [1, 2] * 20, label_number=[2, 1] * 20)["all"]
    assert (found.estimate, found.low) == (-1, -1)
    assert -1 < found.high < 0


def test_coverage_keeps_the_surest_and_parts_those_that_are_equally_sure():
    values = [0.9, 0.8, -0.8, -0.6]  # two right, two wrong
    found = rows(AccuracyAtCoverage((1.0, 0.75, 0.5, 0.25)), values)
    shares = [row.estimate for row in found.values()]
    assert shares == pytest.approx([0.5, 2 / 3, (1 + 0.5) / 2, 1])
    lost = rows(AccuracyAtCoverage((1.0,)), [*values, float("nan")])["1"]
    assert (lost.estimate, lost.worst, lost.best, lost.n_failed) == (0.5, 0.4, 0.6, 1)


def test_the_spread_of_wordings_is_parted_from_sampling_by_hand():
    parts = apart(np.array([0.5, 0.7, 0.6]), np.diag([0.004, 0.004, 0.004]))
    assert parts["observed"] == pytest.approx(0.1)
    assert parts["beyond sampling"] == pytest.approx(np.sqrt(0.01 - 0.004))
    assert parts["of sampling"] == pytest.approx(np.sqrt(0.012) / 3)
    together = apart(np.array([0.5, 0.7]), np.full((2, 2), 0.01))  # all error is shared
    assert together["beyond sampling"] == together["observed"] == pytest.approx(np.sqrt(0.02))


def test_wordings_that_differ_by_chance_alone_have_little_beyond_sampling():
    random = np.random.default_rng(2)
    truth = np.tile([1, 2], 60)
    given = np.where(random.random((4, 120)) < 0.7, truth, 3 - truth).ravel()
    facts = {"label_number": np.tile(truth, 4), "variant": np.repeat([1, 2, 3, 4], 120)}
    found = {}
    for part in ("observed", "beyond sampling", "of sampling"):
        statistic = SpreadOverVariants(LabelMeasure("accuracy"), part=part)
        table = statistic.compare(
            given[:, None].astype(float), facts, np.tile(np.arange(120), 4), LABEL
        )
        found[part] = table["all"].estimate
    assert found["beyond sampling"] < found["observed"] < 0.08
    assert found["of sampling"] == pytest.approx(np.sqrt(0.21 / 480), rel=0.25)


@pytest.mark.parametrize(
    "statistic",
    [
        LabelMeasure("macro F1"),
        LabelMeasure("balanced accuracy", groups="set"),
        LabelMeasure("macro MCC", several=True),
        AccuracyAtCoverage((1.0, 0.5)),
        SpreadOverVariants(LabelMeasure("accuracy"), "set"),
    ],
    ids=lambda statistic: statistic.name,
)
def test_they_keep_the_contract(statistic):
    facts = {"label_number": [0, 1, 1, 0] * 6, "set": [1, 2] * 12}
    check_statistic(statistic, facts)


def test_a_measure_that_is_none_is_refused():
    for wrong in (
        lambda: LabelMeasure("kappa"),
        lambda: LabelMeasure("accuracy", each=("a",)),
        lambda: SpanMeasure("F2"),
        lambda: SpreadOverVariants(LabelMeasure("accuracy"), part="all"),
    ):
        with pytest.raises(HarnessError, match="is not one of"):
            wrong()
