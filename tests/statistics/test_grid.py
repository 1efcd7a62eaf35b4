import pytest

from harness.data.placeholders import fill
from harness.statistics.contrasts import Contrast
from harness.statistics.grid import Grid
from harness.types.errors import HarnessError


def test_cells_are_all_combinations():
    grid = Grid({"age": (20, 60), "race": ("white", "Black")}, {"age": 60, "race": "white"})
    assert list(grid.cells()) == [
        {"age": 20, "race": "white"},
        {"age": 20, "race": "Black"},
        {"age": 60, "race": "white"},
        {"age": 60, "race": "Black"},
    ]
    first, second = grid.contrasts("gap", "logit")
    assert (first.statistic, second.statistic) == (Contrast("age", "60"), Contrast("race", "white"))


def test_a_factor_of_one_level_has_no_contrast():
    grid = Grid({"age": (60,), "race": ("white", "Black")}, {"age": 60, "race": "white"})
    assert [e.statistic.factor for e in grid.contrasts("gap", "logit")] == ["race"]


@pytest.mark.parametrize(
    ("levels", "said"),
    [((), "must be levels that differ"), ((60, 60), "differ"), ((20,), "lacks the reference")],
)
def test_levels_that_make_no_grid_are_refused(levels, said):
    with pytest.raises(HarnessError, match=said):
        Grid({"age": levels}, {"age": 60})


def test_a_template_keeps_what_is_no_placeholder():
    assert fill("{ {x} {a-b} {}", {"x": "{y}"}, "record 1") == "{ {y} {a-b} {}"
    with pytest.raises(HarnessError, match=r"record 1: \{z\} in the template is none of \{x\}"):
        fill("{z}", {"x": "1"}, "record 1")
