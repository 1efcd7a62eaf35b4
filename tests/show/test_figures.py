import xml.etree.ElementTree as ET

import numpy as np
import pytest
from matplotlib.figure import Figure

from harness.show.figures import (
    BLUE,
    DARK,
    MOST_ROWS,
    PAPER,
    curve,
    draw,
    forest,
    groups,
    histogram,
    reliability,
    save,
)


def row(group, estimate, low, high, **more):
    return {
        "name": "harm", "statistic": "mean", "by": "principle", "group": group, "better": "lower",
        "estimate": estimate, "low": low, "high": high, "n_scored": 7, **more,
    }  # fmt: skip


def axes():
    return Figure().add_subplot()


def test_a_forest_shows_each_interval_at_its_group():
    plot = axes()
    heading = forest(plot, [row("b", 2.0, 1.5, 2.5), row("a", 1.0, None, None)])
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
    assert forest(plot, rows).endswith(f"(the first {MOST_ROWS} of {MOST_ROWS + 5})")
    assert any(list(line.get_xdata()) == [0, 0] for line in plot.lines)
    assert len(plot.get_yticks()) == MOST_ROWS


def test_a_curve_goes_up_the_numbers_and_not_the_words():
    plot = axes()
    curve(plot, [row(k, float(k), 0.0, 9.0, by="generations") for k in ("10", "9", "1")])
    assert plot.lines[0].get_xdata().tolist() == [1.0, 9.0, 10.0]


def test_a_distribution_counts_every_score_and_says_what_is_missing():
    plot = axes()
    said = histogram(plot, "refusal", np.array([0.0, 1.0, 1.0, np.nan]))
    assert said == "refusal: 3 scores, 1 could not be had"
    assert [(bar.get_center()[0], bar.get_height()) for bar in plot.patches] == [(0.0, 1), (1.0, 2)]
    plot = axes()
    histogram(plot, "harm", np.array([1.0, 1.01, 2.5]))
    assert len(plot.patches) == 5  # a few values of a continuous scale are no hairlines
    plot = axes()
    histogram(plot, "harm", np.linspace(0, 1, 500))
    assert sum(bar.get_height() for bar in plot.patches) == 500


def test_a_group_that_is_not_known_keeps_its_place_and_what_is_of_no_group_has_none():
    lost = row("b", None, None, None)
    rows = [row("a", 1.0, 0.0, 2.0), lost, row(None, 1.0, 0.0, 2.0, by=None)]
    assert [(name, len(own)) for name, own in groups(rows)] == [("harm by principle", 2)]
    assert list(groups([lost])) == []
    plot = axes()
    forest(plot, rows[:2])
    said = [label.get_text() for label in plot.get_yticklabels()]
    assert said == ["a  (n 7)", "b  (n 7, not known)"]
    twice = [row("a", 1.0, 0.0, 2.0), row("a", 1.0, 0.0, 2.0, statistic="share")]
    assert [name for name, _ in groups(twice)] == ["harm by principle", "harm by principle share"]


@pytest.mark.long
def test_figures_are_written_light_and_dark_and_the_same_each_time(tmp_path):
    given = [row("$x_1$ <b>", 1.0, 0.0, 2.0)], {"harm": np.array([1.0, 2.0, 4.0])}, "a run"
    both = [draw(*given, tmp_path / folder) for folder in "ab"]
    assert [one.name for one in both[0]] == ["harm by principle", "harm distribution"]
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == [
        "harm_by_principle-dark.svg", "harm_by_principle.png", "harm_by_principle.svg",
        "harm_distribution-dark.svg", "harm_distribution.png", "harm_distribution.svg",
    ]  # fmt: skip
    for one, other in zip(*both, strict=True):
        for kind in ("svg", "dark", "png"):
            assert getattr(one, kind).read_bytes() == getattr(other, kind).read_bytes()
        for path, paper, other in (
            (one.svg, PAPER, DARK[PAPER]), (one.dark, DARK[PAPER], PAPER)
        ):  # fmt: skip
            text = path.read_text()
            ET.fromstring(text)
            assert BLUE.lower() in text.lower()
            assert paper in text
            assert other not in text


def test_a_label_that_is_wider_than_its_axes_stays_in_the_figure(tmp_path):
    drawn_on = []

    def plot(axes):
        axes.set_yticks([0, 1], ["a name of a group that takes half of the figure", "another"])
        axes.set_xlabel("worse by, in margins, and then what is missing at its very worst")
        drawn_on.append(axes)
        return "heading"

    save("wide", tmp_path, "a title", plot)
    (axes,) = drawn_on
    extent = axes.xaxis.label.get_window_extent()
    assert 0 <= extent.x0 < extent.x1 <= axes.figure.bbox.x1


def test_groups_of_any_name_have_a_label_of_one_line(tmp_path):
    names = ["a\nb", "\x00\x1b[31m", "\u202egnol", "x" * 10**6, "\u65e5\u672c", "", "$x"]
    draw([row(name, 1.0, 0.0, 2.0) for name in names], {}, "<b>", tmp_path)
    plot = axes()
    forest(plot, [row(name, 1.0, 0.0, 2.0) for name in names])
    said = [label.get_text() for label in plot.get_yticklabels()]
    assert said[0].startswith("a b ")
    assert said[1].startswith("\u27e8U+0000\u27e9\u27e8U+001B\u27e9[31m")
    assert max(map(len, said)) < 70


def test_the_command_draws_a_finished_run(harness, tmp_path):
    assert harness("backend=echo", "scorer=[refusal]", "limit=20").returncode in (0, 3)
    (folder,) = (tmp_path / "results/runs").iterdir()
    assert not (folder / "report.html").exists()
    done = harness(f"run={folder}", module="harness.report")
    assert (done.returncode, done.stdout) == (0, f"report: {folder}/report.html\n"), done.stderr
    assert (folder / "figures/refused_by_principle.png").stat().st_size > 5000
    wrong = harness("run=nowhere", module="harness.report")
    assert (wrong.returncode, wrong.stderr.strip()) == (
        1, "error: run='nowhere' has no run.json: it is no run, or was stopped at its start"
    )  # fmt: skip


@pytest.mark.parametrize("values", [[], [np.nan]])
def test_a_metric_without_a_score_has_no_figure(values, tmp_path):
    assert draw([], {"harm": np.array(values, dtype=float)}, "a run", tmp_path) == []


def test_a_reliability_figure_shows_what_is_right_over_the_confidence():
    plot = axes()
    rows = [
        row("0.950 (0.9 to 1)", 0.5, 0.2, 0.8, by="confidence", n_failed=0),
        row("not known", None, None, None, by="confidence", n_failed=3),
    ]
    heading = reliability(plot, rows)
    assert heading.endswith("harm by confidence (3 without one)")
    diagonal, point = plot.lines
    assert list(diagonal.get_xdata()) == [0, 1]
    assert (list(point.get_xdata()), list(point.get_ydata())) == ([0.95], [0.5])
    (line,) = plot.collections[0].get_segments()
    assert line.tolist() == [[0.95, 0.2], [0.95, 0.8]]
