"""One clustered error, one bootstrap, one quantile and one Holm, for all that use them."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from harness.statistics.bootstrap import draws, percentile_interval, resamples
from harness.statistics.correction import PartlyLabelled, prediction_powered
from harness.statistics.differences import paired
from harness.statistics.intervals import clustered_stderr, critical_value, quantile
from harness.statistics.means import Mean
from harness.statistics.paired_data import Scale
from harness.types.measures import Direction, Metric

RATING = Metric(0.0, 10.0, Direction.LOWER)
FOLDER = Path(__file__).resolve().parents[2] / "harness"


@pytest.fixture
def scored():
    """Values and their clusters, uneven ones."""
    random = np.random.default_rng(4)
    clusters = random.integers(0, 40, 200)
    values = np.clip(random.normal(5, 1, 200) + random.normal(0, 1, 40)[clusters], 0, 10)
    return values, np.unique(clusters, return_inverse=True)[1]


def test_the_error_is_that_of_a_regression_on_a_constant_with_clusters(scored):
    from statsmodels.api import OLS

    values, clusters = scored
    fit = OLS(values, np.ones(200)).fit(
        cov_type="cluster", cov_kwds={"groups": clusters, "use_correction": True}
    )
    # statsmodels' factor is G / (G - 1) x (n - 1) / (n - k), which is 1 for the constant alone
    assert clustered_stderr(values, clusters) == pytest.approx(float(fit.bse[0]))


def test_a_mean_a_difference_and_a_corrected_mean_have_one_error(scored):
    values, clusters = scored
    stderr = clustered_stderr(values, clusters)
    assert Mean().estimate(values, np.arange(200), clusters, RATING).stderr == stderr
    assert paired(values, clusters, Scale(0.5, 10.0)).stderr == pytest.approx(stderr, rel=1e-12)
    part = PartlyLabelled(np.zeros(200), values, clusters, np.zeros(200, int))
    found = prediction_powered(part, 0.0, 10.0)
    assert found.weight == 0  # the scores say nothing: what is left is the labels' own error
    reach = stats.t.ppf(0.975, len(np.unique(clusters)) - 1)
    assert found.half_width == pytest.approx(reach * stderr, rel=0.02)


def test_a_single_cluster_shows_no_error():
    assert clustered_stderr(np.array([1.0, 2.0]), np.array([0, 0])) is None


@pytest.mark.parametrize(("clusters", "freedom"), [(2, 1), (29, 28)])
def test_few_clusters_reach_as_far_as_students_t(clusters, freedom):
    assert quantile(clusters) == pytest.approx(stats.t.ppf(0.975, freedom))
    assert critical_value(freedom) == quantile(clusters)


@pytest.mark.parametrize("clusters", [0, 1, 30, 1000])
def test_many_clusters_reach_as_far_as_the_normal(clusters):
    assert quantile(clusters) == pytest.approx(stats.norm.ppf(0.975))


def test_a_resample_holds_whole_clusters():
    clusters = np.array([7, 3, 7, 5, 3, 7])
    wholes = {tuple(np.flatnonzero(clusters == cluster)) for cluster in (3, 5, 7)}
    for rows in resamples(6, 50, clusters):
        left = rows.tolist()
        while left:
            size = (clusters == clusters[left[0]]).sum()
            assert tuple(left[:size]) in wholes
            left = left[size:]


def test_draws_do_not_depend_on_how_many_are_held_at_once(monkeypatch):
    together = np.concatenate(list(draws(7, 20)))
    monkeypatch.setattr("harness.statistics.bootstrap.NUMBERS_AT_ONCE", 15)
    blocks = list(draws(7, 20))
    assert [len(block) for block in blocks] == [2] * 10
    assert np.array_equal(np.concatenate(blocks), together)


def test_resamples_that_cannot_say_leave_no_interval():
    values = np.arange(100.0)
    values[:10] = np.nan
    assert percentile_interval(values) is None
    values[0] = 0.0
    assert percentile_interval(values).high == pytest.approx(96.75)  # of 0, 10, 11 ... 99


def test_errors_resamples_quantiles_and_corrections_stand_in_one_place():
    """No other file draws, takes a quantile of its own or writes the clustered factor."""
    homes = {
        "default_rng": {
            "bootstrap.py",
            "bounded.py",
            "gaps.py",
            "rows.py",
            "contracts.py",
            "equating.py",
            "detection.py",
            "pairs.py",
        },  # imputations, an order, a check's, damaged models, what another scorer may have given
        "ndtri": {"intervals.py", "equating.py", "bounded.py"},
        "stdtrit": {"intervals.py"},
        "1.9599": set(),
        "/ (count - 1)": set(),
        "maximum.accumulate": {"multiple.py", "equating.py"},
    }
    for word, files in homes.items():
        holding = {
            path.name for path in FOLDER.rglob("*.py") if word in path.read_text(encoding="utf-8")
        }
        assert holding <= files, word
