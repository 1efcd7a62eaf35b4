"""What is said of forgetting: privacy leakage, Kolmogorov-Smirnov, the harmonic mean of parts."""

import numpy as np
import pytest
from scipy.stats import hmean

from harness.statistics import (
    Area,
    BootstrapMean,
    HarmonicMean,
    Mean,
    PrivacyLeakage,
    SameDistribution,
    SurpriseArea,
    kolmogorov_smirnov,
    leakage_interval,
    privacy_leakage,
)
from harness.types import Direction, HarnessError, Metric

UNIT = Metric(0.0, 1.0, Direction.HIGHER)
NATS = Metric(-50.0, 0.0, Direction.LOWER)


@pytest.mark.parametrize(
    ("area", "printed"),
    [(0.0, -100), (0.5, 5), (0.99, 108), (0.59, 24), (0.98, 105), (1.0, 110)],
)
def test_privacy_leakage_gives_muse_s_cells_from_the_areas_of_its_figure_4(area, printed):
    assert privacy_leakage(area, 0.4772) == pytest.approx(printed, abs=1)


@pytest.mark.parametrize("reference", [0.4772, 0.5393])
@pytest.mark.parametrize(
    "cell", [-99.8, 5.2, 108.1, -96.1, 24.4, 105.8, -95.8, 109.6, -57.5, -25.0, -26.5, 56.5]
)
def test_an_area_that_a_cell_of_the_table_came_from_gives_that_cell(cell, reference):
    area = reference * (1 + cell / 100)
    assert round(privacy_leakage(area, reference), 1) == cell


def test_leakage_against_a_number_has_the_ends_of_its_area():
    assert leakage_interval(Area(0.5, 0.4, 0.6), Area(0.5, 0.5, 0.5)) == (-20.0, 20.0)
    low, high = leakage_interval(Area(0.5, 0.4, 0.6), Area(0.5, 0.4, 0.6))
    assert low < -20
    assert high > 20
    assert leakage_interval(Area(0.0, 0.0, 0.1), Area(0.5, 0.4, 0.6))[0] == -100.0


def surprise(forget, holdout, reference=None):
    values = np.array([*forget, *holdout])[:, None]
    facts = {"part": ["forget"] * len(forget) + ["holdout"] * len(holdout)}
    units = np.arange(len(values))
    rows = [s.compare(values, facts, units, NATS) for s in (
        SurpriseArea(), SurpriseArea("open_unlearning"), PrivacyLeakage(reference))]  # fmt: skip
    return [next(iter(row.values())) for row in rows]


def test_texts_that_are_remembered_have_an_area_of_0_and_a_leakage_of_minus_100():
    known, new = [-0.5, -0.4, -0.6, -0.3], [-4.0, -3.0, -5.0, -2.0]
    muse, other, leak = surprise(known, new, Area(0.5, 0.5, 0.5))
    assert (muse.estimate, other.estimate, leak.estimate) == (0.0, 1.0, -100.0)
    assert muse.high < 0.6
    assert other.low == pytest.approx(1 - muse.high)
    assert leak.high == pytest.approx(privacy_leakage(muse.high, 0.5))


def test_no_reference_or_no_text_of_a_part_is_no_leakage():
    *_, leak = surprise([-1.0, -2.0], [-1.5, -2.5])
    assert leak.estimate is None
    assert leak.n == 4
    *_, lost = surprise([np.nan, np.nan], [-1.5, -2.5], Area(0.5, 0.5, 0.5))
    assert lost.estimate is None
    assert lost.n_failed == 2
    *_, part = surprise([-1.0, np.nan], [-1.5, -2.5], Area(0.5, 0.5, 0.5))
    assert part.worst is None
    assert part.estimate is not None
    with pytest.raises(HarnessError, match=r"task.area='x' is not one of muse"):
        SurpriseArea("x")


def test_a_mean_has_the_papers_interval_beside_the_clustered_one():
    values = np.array([0.0, 0.0, 0.0, 1.0, 1.0, 1.0])
    samples, clusters = np.arange(6), np.array([0, 0, 0, 1, 1, 1])
    paper = BootstrapMean().estimate(values, samples, clusters, UNIT)
    ours = Mean().estimate(values, samples, clusters, UNIT)
    assert paper.estimate == ours.estimate == 0.5
    assert (paper.low, paper.high) == (pytest.approx(1 / 6), pytest.approx(5 / 6))
    assert ours.high - ours.low > paper.high - paper.low


def test_the_harmonic_mean_is_scipy_s_and_its_error_the_jackknife_s():
    random = np.random.default_rng(3)
    values = random.uniform(0.2, 0.9, (60, 1))
    facts = {"part": [f"p{n % 3}" for n in range(60)]}
    clusters = np.arange(60) // 3  # of all parts
    (made,) = HarmonicMean("part").compare(values, facts, clusters, UNIT).values()

    def harmonic(kept):
        return hmean([values[kept & (np.arange(60) % 3 == p), 0].mean() for p in range(3)])

    assert made.estimate == pytest.approx(harmonic(np.full(60, True)))
    without = np.array([harmonic(clusters != c) for c in range(20)])
    jackknife = np.sqrt(19 / 20 * ((without - without.mean()) ** 2).sum())
    assert made.stderr == pytest.approx(jackknife, rel=0.03)


def test_a_part_that_is_lost_takes_all_of_the_harmonic_mean():
    values, facts = np.array([[0.9], [0.8], [0.0], [0.0]]), {"part": list("aabb")}
    (made,) = HarmonicMean("part").compare(values, facts, np.arange(4), UNIT).values()
    assert (made.estimate, made.low) == (0.0, None)
    values[2:] = np.nan
    (made,) = HarmonicMean("part").compare(values, facts, np.arange(4), UNIT).values()
    assert made.estimate is None
    assert made.worst == 0.0
    assert made.best == pytest.approx(34 / 37)


def test_p_values_of_sets_that_are_drawn_alike_are_near_uniform():
    random = np.random.default_rng(7)
    names, times = [str(n) for n in range(120)], 150
    found = [
        kolmogorov_smirnov(random.normal(size=120), names, random.normal(size=120), names)
        for _ in range(times)
    ]
    for level in (0.05, 0.25, 0.5, 0.75, 0.95):  # p-values come in steps, never below their level
        share = sum(one.p <= level for one in found) / times
        spread = np.sqrt(level * (1 - level) / times)
        assert level - 0.08 - 3 * spread <= share <= level + 3 * spread
    assert sum(one.low == 0 for one in found) >= 0.9 * times  # the band where there is no distance


def test_the_band_of_a_distance_holds_it_where_items_come_in_clusters():
    random, held, times = np.random.default_rng(5), 0, 60
    names = [str(n // 10) for n in range(200)]
    for _ in range(times):  # the two normals' functions lie .3829 apart at most
        own, other = (
            np.repeat(random.normal(at, 0.8, 20), 10) + random.normal(0, 0.6, 200) for at in (0, 1)
        )
        found = kolmogorov_smirnov(own, names, other, names)
        held += found.low <= 0.3829 <= found.high
    assert held >= 0.93 * times


def test_a_distance_needs_a_reference_and_is_shown_as_one_of_two():
    values, facts = np.array([[1.0], [2.0]]), {"author": ["a", "b"]}
    (none,) = SameDistribution("distance", "author").compare(values, facts, [0, 1], UNIT).values()
    assert none.estimate is None
    assert none.n == 2
    apart = SameDistribution("p-value", "author", (5.0, 6.0), ("a", "b"))
    (made,) = apart.compare(values, facts, [0, 1], UNIT).values()
    assert made.estimate == pytest.approx(1 / 3)
    with pytest.raises(HarnessError, match="shown='x' is not one of"):
        SameDistribution("x", "author")
