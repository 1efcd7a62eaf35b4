"""What plugins may say of themselves: one table, one reader, and no name that is nearly one."""

import ast
from pathlib import Path

import pytest

from harness.models.echo import EchoModel
from harness.scorers.rules.refusal import RefusalScorer
from harness.statistics import Mean
from harness.testing import check_scorer, check_traits
from harness.types import TRAITS, HarnessError, Misspelt, misspelt, notes_of, trait

ROOT = Path(__file__).resolve().parent.parent
OF_OTHERS = {
    ("harness.models.lm_eval.model", "device"),  # lm-eval's model, not a plugin of ours
}
"""Attributes of other libraries' objects that bear the name of a trait."""


READERS = ("getattr", "hasattr")


def named(call):
    """The attribute that a `getattr` or `hasattr` asks for by a constant name."""
    asks = isinstance(call.func, ast.Name) and call.func.id in READERS and len(call.args) > 1
    return call.args[1].value if asks and isinstance(call.args[1], ast.Constant) else None


def read_past_the_table():
    names = {name for traits in TRAITS.values() for name in traits}
    for path in sorted((ROOT / "harness").rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)) if any(map(text.__contains__, READERS)) else ():
            name = named(node) if isinstance(node, ast.Call) else None
            if name in names and (module, name) not in OF_OTHERS:
                yield f"{module}: {ast.unparse(node)}"


def test_every_trait_is_read_through_the_table():
    assert list(read_past_the_table()) == []


def test_a_name_has_one_type_and_one_default_whatever_the_kind():
    for traits in TRAITS.values():
        for name, declared in traits.items():
            same = [other[name] for other in TRAITS.values() if name in other]
            assert all((t.type, t.default) == (declared.type, declared.default) for t in same)
            assert declared.doc.endswith(".")


def test_every_default_is_of_its_trait_s_type():
    class Declared:
        pass

    for traits in TRAITS.values():
        for name, declared in traits.items():
            setattr(Declared, name, declared.default)
            assert trait(Declared(), name) == declared.default


def test_what_is_not_declared_has_the_default():
    assert trait(object(), "whole_clusters") is False
    assert trait(None, "notes") == ()
    assert trait(RefusalScorer(), "cheap") is True
    assert trait(EchoModel(), "device_used") is None


def test_what_is_declared_with_another_type_is_refused_with_what_it_means():
    class Names:
        asides = "choice_mass"

    with pytest.raises(HarnessError, match=r"Names.asides='choice_mass' must be Collection: Met"):
        trait(Names(), "asides")


def test_an_error_inside_of_a_property_is_not_the_default():
    class Broken:
        @property
        def notes(self):
            return self.absent

    with pytest.raises(AttributeError, match="absent"):
        notes_of(Broken())


@pytest.mark.parametrize(
    ("kind", "name", "nearest"),
    [
        ("task", "whole_cluster", "whole_clusters"),
        ("task", "setting", "settings"),
        ("model", "asksEach", "asks_each"),
        ("model", "note", "notes"),
        ("scorer", "aside", "asides"),
        ("scorer", "DEVICE", "device"),
        ("statistic", "explains", "explained"),
    ],
)
def test_a_name_that_is_nearly_a_trait_s_is_refused_with_the_nearest(kind, name, nearest):
    plugin = type("Mine", (), {name: True})()
    assert list(misspelt(kind, plugin)) == [Misspelt(name, nearest)]
    with pytest.raises(AssertionError, match=rf"Mine.{name} .* is '{nearest}' meant"):
        check_traits(kind, plugin)


def test_a_name_beside_the_trait_itself_is_no_slip():
    plugin = type("Mine", (), {"device": None, "devices": ("cuda:0",), "labels": ()})()
    assert list(misspelt("scorer", plugin)) == []


def test_a_scorer_with_a_misspelt_trait_fails_its_check():
    class Slipped(RefusalScorer):
        note = "How to tell."

    with pytest.raises(AssertionError, match="note is read by nothing: is 'notes' meant"):
        check_scorer(Slipped())


def test_statistics_are_held_to_their_traits_too():
    check_traits("statistic", Mean())
    with pytest.raises(AssertionError, match="of_sample"):
        check_traits("statistic", type("Mine", (), {"of_sample": len})())
