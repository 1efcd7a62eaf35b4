import xml.etree.ElementTree as ET

import numpy as np
import pytest
from matplotlib.figure import Figure

from harness.report.figures import BLUE, MOST_ROWS, curve, draw, forest, groups, histogram


def row(group, estimate, low, high, **more):
    return {
        "name": "harm", "statistic": "mean", "by": "principle", "group": group, "better": "lower",
        "estimate": estimate, "low": low, "high": high, "n_scored": 7, **more,
    }  # fmt: skip


def axes():
    return Figure().add_subplot()


def test_a_forest_shows_each_interval_at_its_group():
    plot = axes()
    heading = forest(plot, "black", [row("b", 2.0, 1.5, 2.5), row("a", 1.0, None, None)])
    assert heading == "\u2193 harm by principle"
    (line,) = plot.collections[0].get_segments()
    assert line.tolist() == [[1.5, 1.0], [2.5, 1.0]]
    known, unknown = plot.lines
    assert (known.get_xdata().tolist(), known.get_marker()) == ([2.0], "o")
    assert (unknown.get_xdata().tolist(), unknown.get_marker()) == ([1.0], "D")
    assert [label.get_text() for label in plot.get_yticklabels()] == ["b  (n 7)", "a  (n 7)"]
    assert plot.get_xlabel() == "mean \u00b7 lower is better"


def test_a_contrast_has_its_zero_line_and_long_lists_say_that_they_are_cut():
    plot = axes()
    rows = [row(str(n), 0.1, 0.0, 0.2, better="zero") for n in range(MOST_ROWS + 5)]
    assert forest(plot, "black", rows).endswith(f"(the first {MOST_ROWS} of {MOST_ROWS + 5})")
    assert any(list(line.get_xdata()) == [0, 0] for line in plot.lines)
    assert len(plot.get_yticks()) == MOST_ROWS


def test_a_curve_goes_up_the_numbers_and_not_the_words():
    plot = axes()
    curve(plot, "black", [row(k, float(k), 0.0, 9.0, by="generations") for k in ("10", "9", "1")])
    assert plot.lines[0].get_xdata().tolist() == [1.0, 9.0, 10.0]


def test_a_distribution_counts_every_score_and_says_what_is_missing():
    plot = axes()
    said = histogram(plot, "black", "refusal", np.array([0.0, 1.0, 1.0, np.nan]))
    assert said == "refusal: 3 scores, 1 could not be had"
    assert [(bar.get_center()[0], bar.get_height()) for bar in plot.patches] == [(0.0, 1), (1.0, 2)]
    plot = axes()
    histogram(plot, "black", "harm", np.linspace(0, 1, 500))
    assert sum(bar.get_height() for bar in plot.patches) == 500


def test_estimates_that_are_not_known_or_of_no_group_are_in_no_figure():
    rows = [row("a", 1.0, 0.0, 2.0), row("b", None, None, None), row(None, 1.0, 0.0, 2.0, by=None)]
    assert [(name, len(own)) for name, own in groups(rows)] == [("harm by principle", 1)]
    twice = [row("a", 1.0, 0.0, 2.0), row("a", 1.0, 0.0, 2.0, statistic="share")]
    assert [name for name, _ in groups(twice)] == ["harm by principle", "harm by principle share"]


def test_figures_are_written_light_and_dark_and_the_same_each_time(tmp_path):
    given = [row("$x_1$ <b>", 1.0, 0.0, 2.0)], {"harm": np.array([1.0, 2.0])}, "a run"
    files = draw(*given, tmp_path / "a")
    assert sorted(path.name for path in files) == [
        "harm_by_principle-dark.svg", "harm_by_principle.png", "harm_by_principle.svg",
        "harm_distribution-dark.svg", "harm_distribution.png", "harm_distribution.svg",
    ]  # fmt: skip
    for one, other in zip(files, draw(*given, tmp_path / "b"), strict=True):
        assert one.read_bytes() == other.read_bytes()
    for path in files:
        if path.suffix == ".svg":
            ET.fromstring(path.read_text())
            assert BLUE.lower() in path.read_text().lower()


def test_the_command_draws_a_finished_run(harness, tmp_path):
    assert harness("backend=echo", "scorer=[refusal]", "limit=20").returncode in (0, 3)
    (folder,) = (tmp_path / "results/runs").iterdir()
    done = harness(f"run={folder}", module="harness.report")
    assert done.returncode == 0, done.stderr
    assert (folder / "figures/refusal_distribution.png").stat().st_size > 5000
    wrong = harness("run=nowhere", module="harness.report")
    assert (wrong.returncode, wrong.stderr.strip()) == (
        1, "error: run='nowhere' is not the folder of a finished run"
    )  # fmt: skip


@pytest.mark.parametrize("values", [[], [np.nan]])
def test_a_metric_without_a_score_has_no_figure(values, tmp_path):
    assert draw([], {"harm": np.array(values, dtype=float)}, "a run", tmp_path) == []
