# ruff: noqa: RUF001 - other scripts have letters that look like ours
"""Names in Arabic, Hindi and Chinese: in figures, on pages, in columns."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from wcwidth import iter_graphemes, width

from harness.evidence.dossier.blocks import Items, Table, as_html
from harness.runs.plan import as_folder
from harness.show.columns import table
from harness.show.figures import draw, forest
from harness.show.fonts import USUAL, fonts_for
from harness.show.html import page
from harness.show.lines import steady, wrap
from harness.types import isolated, shortened, up_to

ARABIC = "الرعاية الصحية: القسم (2)"
HINDI = "स्वास्थ्य सेवा और क्षत्रिय"
CHINESE = "医疗保健与处方药物以及未经许可的药品购买渠道和其他相关问题的综合类别说明文字很长很长"
HIEROGLYPH = "\U00013000"
ANY = st.text(st.sampled_from([*ARABIC, *HINDI, *"医疗ab ", "\u200d", "👩", "🏽", "e", "\u0301"]))


def row(group, estimate=0.3):
    return {
        "name": "refused", "statistic": "share", "by": "kind", "group": group, "better": "lower",
        "estimate": estimate, "low": estimate - 0.1, "high": estimate + 0.1, "n_scored": 30,
    }  # fmt: skip


def pages(**given):
    return page("mutate.html", "history.js", {}, **{"kinds": [], "tasks": []} | given)


@given(ANY, st.integers(1, 12))
@example("\u094d22", 2)
def test_what_is_cut_is_whole_graphemes_of_what_was_there(text, most):
    short = shortened(text, most)
    assert width(short, control_codes="ignore") <= most or most == 1
    if short != text:
        kept = list(iter_graphemes(short.removesuffix("\u2026")))
        assert kept == list(iter_graphemes(text))[: len(kept)]
    first = up_to(text, most)
    assert len(first) <= most
    graphemes = list(iter_graphemes(text))
    if graphemes and len(graphemes[0]) <= most:
        kept = list(iter_graphemes(first))
        assert kept == graphemes[: len(kept)]


def test_a_cut_keeps_the_beginning_or_the_end():
    assert shortened(CHINESE, 7) == "医疗保…"
    assert shortened("क्षत्रिय", 3) == "क्ष…"
    assert shortened("checkpoint-模型", 6, keep_end=True) == "…-模型"
    assert up_to("क्षत्रिय", 4) == "क्ष"
    assert up_to("\u0301" * 9, 4) == "\u0301" * 4  # one sign of nine: cut all the same


def test_lines_are_as_wide_as_they_are_shown():
    lines = wrap(CHINESE, 20)
    assert "".join(lines) == CHINESE
    assert max(map(width, lines)) <= 20
    assert wrap("one two three", 7) == ["one two", "three"]
    assert wrap(f"{CHINESE} {HINDI}", 20, most=2)[1].endswith("…")


def test_columns_stand_below_each_other_whatever_the_script():
    names = ["harm", ARABIC, HINDI, "医疗", f"    {ARABIC}", CHINESE]
    lines = table(["estimate", "value", "n"], [(name, "0.500", "7") for name in names], 60)
    ends = [line for line in lines if line.endswith("0.500  7")]
    assert [width(line) for line in ends] == [width(lines[2])] * len(names)
    assert width(lines[2]) <= 60
    folded = lines[lines.index(ends[-1]) :]
    assert len(folded) == 3  # its first line, one more, and the blank at the end
    assert "".join(line.split("  ")[0].strip() for line in folded) == CHINESE
    assert f"    {steady(ARABIC)}" in ends[4]


def test_words_from_right_to_left_leave_numbers_where_they_are():
    assert (
        isolated("model نموذج-7: 90 of (القسم)")
        == "model \u2068نموذج\u2069-7: 90 of (\u2068القسم\u2069)"
    )
    assert isolated("الرعاية الصحية، و") == "\u2068الرعاية الصحية، و\u2069"
    assert isolated(HINDI + CHINESE) == HINDI + CHINESE
    assert steady(ARABIC) == f"\u200e\u2068{ARABIC}\u2069"
    assert steady(HINDI) == HINDI


def test_a_figure_names_the_scripts_that_no_font_has_and_takes_those_that_are_there():
    assert fonts_for(["refused by kind \u2191 \u2026"]) == ([USUAL], [])
    assert fonts_for([ARABIC]) == ([USUAL], [])  # which the usual font has
    fonts = fonts_for([ARABIC, HINDI, CHINESE, HIEROGLYPH, "a\u200db"])
    assert "Egyptian" in fonts.lacking
    assert ("Devanagari" in fonts.lacking) != any("Devanagari" in each for each in fonts.families)
    assert fonts.note.startswith("boxes: no font here has letters of ")
    assert fonts_for([]).note == ""


def test_a_label_of_wide_letters_leaves_room_for_the_figure(tmp_path):
    """What matplotlib cannot lay out it warns of, which is an error here."""
    rows = [row(name) for name in (ARABIC, HINDI, CHINESE, f"{HIEROGLYPH} x")]
    (drawn,) = draw(rows, {}, f"model {ARABIC} {CHINESE}", tmp_path)
    assert drawn.png.stat().st_size > 5000
    plot = Figure().add_subplot()
    forest(plot, rows)
    labels = [label.get_text() for label in plot.get_yticklabels()]
    assert labels[0] == f"{steady(ARABIC)}  (n 30)"
    assert width(labels[2]) <= 48 + len("  (n 30)")


def test_a_figure_says_that_letters_are_boxes(tmp_path, monkeypatch):
    from matplotlib.figure import Figure as Real

    headings = []
    own = Real.suptitle
    monkeypatch.setattr(
        Real, "suptitle", lambda self, text, **of: headings.append(text) or own(self, text, **of)
    )
    draw([row(HIEROGLYPH)], {}, "a run", tmp_path)
    draw([row("a")], {}, "a run", tmp_path)
    assert "boxes: no font here has letters of Egyptian; install Noto fonts" in headings[0]
    assert "boxes" not in headings[1]


@pytest.mark.parametrize("text", [ARABIC, HINDI, CHINESE])
def test_a_cell_and_a_line_have_the_direction_of_what_stands_in_them(text):
    figure = {"name": text, "dark": "", "light": ""}
    task = {"name": text, "asked": f"{text}-7", "figure": figure, "rows": [[text, "0.5"]]}
    html = pages(title=f"{text} against 7", tasks=[task])
    assert f'<td dir="auto">{isolated(text)}</td>' in html
    assert f"<h1>{isolated(text)} against 7</h1>" in html
    dossier = as_html([Items([f"{text}-7"]), Table(["model"], [[text]])], "x")
    assert f'<li dir="auto">{isolated(text)}-7</li>' in dossier
    assert f'<td dir="auto">{isolated(text)}</td>' in dossier


def test_marks_of_direction_that_a_model_wrote_are_still_written_out():
    html = pages(title="\u2068a\u2069 \u202eb \u200f")
    assert "⟨U+2068⟩a⟨U+2069⟩ ⟨U+202E⟩b ⟨U+200F⟩" in html
    assert not any(unicodedata.bidirectional(c) in ("FSI", "RLO") for c in html)


def test_a_runs_folder_keeps_the_marks_of_its_models_name():
    assert as_folder("Qwen 2.5 (7B)!") == "Qwen-2.5-7B"
    assert as_folder("नमूना: मॉडल") == "नमूना-मॉडल"
    assert as_folder("क्ष" * 20) == "क्ष" * 13  # 39 characters: no letter is parted
