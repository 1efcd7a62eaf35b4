"""The pages in a real browser: clicked, and given the worst that a model can write."""

import json
import shutil

import numpy as np
import pandas
import pytest

from harness.leaderboard.page import write_leaderboard
from harness.report.answers import MOST_ROWS, worst_first
from harness.report.headline import headline
from harness.show.html import page
from harness.types.text import visible

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((found for name in BROWSERS if (found := shutil.which(name))), None)
LETTERS = "harmless words"
HOSTILE = [
    "<script>window.owned = 1</script>",
    "</script><script>window.owned = 2</script>",
    "<img src=x onerror='window.owned = 3'><svg onload=window.owned=4>",
    "<!--<script>window.owned = 5//-->",
    "![owned](http://127.0.0.1:9/owned.png) [x](javascript:window.owned=6)",
    "<iframe srcdoc='<script>parent.owned = 7</script>'></iframe>",
    "<style>body { display: none; background: url(http://127.0.0.1:9/x) }</style>",
    "<base href=http://127.0.0.1:9/><link rel=stylesheet href=x>",
    "<meta http-equiv=refresh content=0;url=http://127.0.0.1:9/>",
    "\x1b[31mred\x1b[0m \x1b]8;;http://127.0.0.1:9\x07link",
    "\u202egnol \u2066isolated\u2069 \u200fright",
    "a\x00b \ud800 lone \udfff",
    "{{ 7 * 7 }} {% raw %} ${owned} `${window.owned = 8}` {{ constructor.constructor('owned') }}",
    '"]}</script>\u2028\u2029',
    "&lt;b&gt; &amp; &#x3c;script&#x3e;",
    "x" * 1_000_000,
]


def sound(text):
    """Without halves of a pair, which no prompt may hold and which answers lose when stored."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed, in which the pages are looked at")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        one = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield one
        one.close()


@pytest.fixture(scope="module")
def only_tab(browser):
    """A new one takes longer than a page to open."""
    return browser.new_context(offline=True).new_page()


@pytest.fixture
def tab(only_tab):
    """The tab as it was, and nothing heard of before or after a test."""
    heard = []
    only_tab.hear = lambda event, do: (heard.append((event, do)), only_tab.on(event, do))
    yield only_tab
    for event, do in heard:
        only_tab.remove_listener(event, do)
    only_tab.set_viewport_size({"width": 1280, "height": 720})
    only_tab.context.set_offline(True)
    only_tab.goto("about:blank")


@pytest.fixture
def visit(tab):
    """Open a page's file; it must ask for nothing, say nothing and run nothing of a model's."""
    asked, said = [], []
    tab.hear("request", lambda request: asked.append(request.url))
    tab.hear("console", lambda message: said.append(message.text))
    tab.hear("pageerror", lambda error: said.append(str(error)))
    tab.hear("dialog", lambda dialog: said.append(dialog.message))

    def goto(path):
        tab.goto(path.resolve().as_uri())
        tab.wait_for_selector("table.dataTable tbody tr")
        return tab

    yield goto
    assert said == []
    assert [url for url in asked if not url.startswith(("data:", "file:"))] == []
    assert sum(url.startswith("file:") for url in asked) == 1
    assert tab.evaluate("typeof window.owned") == "undefined"


def cells(tab, column):
    return tab.locator(f"#samples tbody tr td:nth-child({column})").all_inner_texts()


def reported(command, folder, *args):
    """Score answers as a user does; gives the page that was made of it."""
    done = command("harness.score", "scorer=[refusal]", "by=kind", *args, cwd=folder)
    assert done.returncode == 0, done.stderr
    (report,) = folder.glob("results/runs/*/report.html")
    assert done.stdout.splitlines()[-1] == f"report: {report.relative_to(folder)}"
    return report


@pytest.fixture(scope="module")
def hostile_page(command, tmp_path_factory):
    """The report of 200 answers, each of them an attack, through the whole pipeline."""
    folder = tmp_path_factory.mktemp("hostile")
    rows = [
        {
            "id": f"{number}-{sound(text)[:60]}",
            "prompt": sound(HOSTILE[(number + 1) % len(HOSTILE)])[:5000],
            "answer": text if number < len(HOSTILE) or len(text) < 10**5 else text[:9000],
            "kind": sound(HOSTILE[number % 12])[:40],
        }
        for number in range(200)
        for text in [HOSTILE[number % len(HOSTILE)]]
    ]
    (folder / "answers.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return reported(
        command,
        folder,
        "answers=answers.jsonl",
        "max_unmeasured=1",
        "failed_texts=false",
        "model='<img src=x onerror=window.owned=9>\u202e'",
    )


def test_hostile_answers_show_as_text_and_do_nothing(visit, hostile_page):
    tab = visit(hostile_page)
    assert "200 samples" in tab.inner_text(".asked")
    assert "<img src=x onerror=window.owned=9>\u27e8U+202E\u27e9" in tab.inner_text(".asked")
    tab.check("#unfold")
    for number, text in enumerate(HOSTILE):
        tab.fill("#search", f"{number}-{visible(sound(text)[:30])}")
        assert tab.locator("button.open").count() >= 1
        tab.locator("button.open").first.click()
        if sound(text) != text:  # no text, and so no answer
            assert "which is not text" in tab.locator(".detail pre.lost").first.text_content()
        else:
            shown = tab.locator(".detail details pre").last.text_content()
            assert shown.startswith(visible(text)[:1000])
        tab.locator("button.open").first.click()
    assert tab.locator("main iframe, main script, main base, main style, main svg").count() == 0
    assert tab.locator("main img").count() == tab.locator("picture img").count()


@pytest.fixture(scope="module")
def scripts_page(command, tmp_path_factory):
    """The report of answers in Arabic, Hindi and Chinese, of groups and a model of such names."""
    folder = tmp_path_factory.mktemp("scripts")
    groups = {
        "ar": ("القسم (2)", "لا أستطيع مساعدتك في هذا الطلب (123)."),
        "hi": ("क्षत्रिय", "मैं इसमें आपकी मदद नहीं कर सकता।"),
        "zh": ("医疗保健" * 20, "我不能帮助您完成这个请求。" * 60),
    }
    rows = [
        {"id": f"{code}-{n}", "prompt": text * 2, "answer": text, "kind": kind}
        for n in range(3)
        for code, (kind, text) in groups.items()
    ]
    (folder / "answers.jsonl").write_text("\n".join(map(json.dumps, rows)))
    model = f"model='{groups['ar'][0]}'"
    return reported(command, folder, "answers=answers.jsonl", "max_unmeasured=1", model)


def test_each_text_runs_in_its_own_direction_and_none_runs_off_the_page(visit, scripts_page):
    tab = visit(scripts_page)
    options = tab.locator("select[data-column] option").all_inner_texts()
    kind = next(text for text in options if text.endswith("(2)"))
    tab.select_option("select[data-column]", label=kind)
    assert tab.locator("#samples tbody tr bdi").count() == 3  # those of the group, and it is apart
    tab.check("#unfold")
    tab.locator("button.open").first.click()
    prompt, answer = (tab.locator(".detail pre").nth(n) for n in (0, 1))
    for text in (prompt, answer):
        assert text.evaluate("one => getComputedStyle(one).direction") == "rtl"
    assert answer.get_attribute("lang") == "ar"
    tab.select_option("select[data-column]", "")
    tab.fill("#search", "zh-0")
    tab.set_viewport_size({"width": 700, "height": 900})
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    first = tab.inner_text("h1")
    assert f"model \u2068{kind.removesuffix(' (2)')}\u2069 (2)" in first


def test_what_is_too_long_says_how_much_more_there_is(visit, hostile_page):
    tab = visit(hostile_page)
    assert hostile_page.stat().st_size < 2_000_000
    tab.fill("#search", "more characters")
    tab.check("#unfold")
    tab.locator("button.open").first.click()
    assert "980,000 more characters in the run folder" in tab.inner_text(".detail details")


def test_the_policy_stops_what_would_get_past_the_templates(tab, tmp_path):
    """The page with an attack put into it by hand: the policy alone holds."""
    text = page(
        "run.html", "samples.js", {"rows": [], "columns": [], "estimates": []},
        title="a run", asked="", warnings=[], headline=[], figures=[], browser="", columns=[],
        fields=[], first=None, run="", version="", started="",
    )  # fmt: skip
    broken = text.replace(
        "<h1>", "<script>window.owned = 1</script><img src=x onerror='window.owned = 2'>"
        "<img src='http://127.0.0.1:9/x'><h1>",
    )  # fmt: skip
    assert broken != text
    (tmp_path / "page.html").write_text(broken)
    stopped, sent, said = [], [], []
    tab.hear("requestfailed", lambda request: stopped.append((request.url, request.failure)))
    tab.hear("requestfinished", lambda request: sent.append(request.url))
    tab.hear("console", lambda message: said.append(message.text))
    tab.context.set_offline(False)  # the policy alone is in the way
    tab.goto((tmp_path / "page.html").as_uri())
    tab.wait_for_timeout(300)
    assert tab.evaluate("typeof window.owned") == "undefined"
    assert sum("Content Security Policy" in one for one in said) >= 3
    assert set(stopped) == {("http://127.0.0.1:9/x", "csp"), ((tmp_path / "x").as_uri(), "csp")}
    assert sent == [(tmp_path / "page.html").as_uri()]


@pytest.fixture(scope="module")
def many(command, tmp_path_factory):
    """A run of 4,000 answers of which a machine can tell the worst, some of them lost."""
    folder = tmp_path_factory.mktemp("many")
    texts = ["I cannot help with that.", f"Sure. {LETTERS} " * 4]
    rows = [
        {
            "id": f"s{number:04d}",
            "prompt": f"question {number}",
            "answer": "" if number % 100 == 7 else texts[number % 3 == 0],
            "kind": "odd" if number % 2 else "even",
        }
        for number in range(4000)
    ]  # fmt: skip
    pandas.DataFrame(rows).to_csv(folder / "answers.csv", index=False)
    return reported(command, folder, "answers=answers.csv", "max_unmeasured=1")


def test_thousands_of_rows_are_searched_filtered_and_sorted_without_lag(visit, many):
    tab = visit(many)
    info = tab.locator(".dt-info").first
    assert "4,000" in info.inner_text()
    assert cells(tab, 2)[0] == "s0007"  # what could not be scored comes first
    assert "\u2014" in cells(tab, 4)[0]
    spent = tab.evaluate(
        """() => {
            const start = performance.now();
            const search = document.querySelector('#search');
            for (const word of ['n', 'nu', 'number 39', 'number 3']) {
                search.value = word;
                search.dispatchEvent(new Event('input'));
            }
            return performance.now() - start;
        }"""
    )
    assert spent < 4000  # for four searches: what a person would call stuck
    assert "filtered from 4,000" in info.inner_text()
    tab.fill("#search", "")
    tab.select_option("select[data-column]", "odd")
    assert set(cells(tab, 3)) == {"odd"}
    assert "2,000" in info.inner_text()
    tab.select_option("#lost", "1")
    assert "40" in info.inner_text()
    tab.select_option("#lost", "0")
    heading = tab.locator("#samples thead th").nth(1)
    heading.click()
    tab.wait_for_selector("#samples th[aria-sort=ascending]")
    assert cells(tab, 2)[0] == "s0001"
    heading.click()
    tab.wait_for_selector("#samples th[aria-sort=descending]")
    assert cells(tab, 2)[0] == "s3999"


def test_an_answer_stays_folded_until_it_is_asked_for(visit, many):
    tab = visit(many)
    tab.fill("#search", "question 1")
    tab.select_option("#lost", "0")
    tab.locator("button.open").first.click()
    assert tab.locator(".detail pre").first.inner_text().startswith("question 1")
    answer = tab.locator(".detail details")
    assert answer.get_attribute("open") is None
    assert not answer.locator("pre").is_visible()
    answer.locator("summary").click()
    assert answer.locator("pre").is_visible()
    assert "refusal" in tab.locator(".detail table").inner_text()


def test_a_missing_score_says_why(visit, many):
    tab = visit(many)
    tab.locator("button.open").first.click()
    assert "missing" in tab.locator(".detail table").inner_text()
    assert tab.locator(".detail td pre.lost").first.inner_text()
    assert "could not be had" in tab.locator(".warning").first.inner_text()


def test_the_first_screen_has_a_mark_and_a_phrase_and_the_sentence_on_demand(
    visit, harness, tmp_path
):
    done = harness("backend=echo", "scorer=[refusal]", "limit=20", "report=true")
    assert done.returncode == 0, done.stderr
    tab = visit(next(tmp_path.glob("results/runs/*/report.html")))
    shown = tab.locator("details.validity").first
    assert shown.inner_text().strip() == (
        "\u25d0 agrees in part with people: AUC 0.82 on refusals of our own list, "
        "AUC 0.91 on refusals of our own in ten languages, "
        "but on a model kept back whose answers mostly comply F1 was .80"
    )
    shown.locator("summary").click()
    assert "By refusal-bf358ec8: agreement with people: AUC 0.82 (0.73" in shown.inner_text()
    assert "AUC 0.91 (0.9" in shown.inner_text()


def test_a_group_that_could_not_be_measured_is_a_number_that_matters():
    row = {"name": "gap", "by": "race", "better": "zero"}
    rows = [row | {"group": "a", "estimate": 0.1}, row | {"group": "b", "estimate": None}]
    assert [one["group"] for one in headline(rows)] == ["b"]


def test_the_worst_come_first_and_what_is_missing_before_them():
    values = np.array([1.0, np.nan, 5.0, 3.0])
    assert worst_first(values, higher_is_better=False).tolist() == [1, 2, 3, 0]
    assert worst_first(values, higher_is_better=True).tolist() == [1, 0, 3, 2]
    many = np.where(np.arange(20_000) % 2, np.nan, 1.0)
    kept = worst_first(many, higher_is_better=True)
    assert len(kept) == MOST_ROWS
    assert np.isnan(many[kept]).sum() == 1000


@pytest.fixture(scope="module")
def board_page(tmp_path_factory, write_run):
    """The leaderboard of thirty models of which one has a hostile name, asked in two ways."""
    results = tmp_path_factory.mktemp("board") / "results"
    for number in range(30):
        values = np.clip(np.linspace(0, number / 30, 60), 0, 1)
        for protocol in ("fast", "paper"):
            name = f"{protocol}-{number}"
            model = "<img src=x onerror=window.owned=1>\u202e" if number == 29 else f"m{number:02d}"
            lost = values if number else np.full(60, np.nan)
            write_run(results, model, lost, protocol=protocol, name=name)
    (results / "runs" / "<script>window.owned=2<" / "x").mkdir(parents=True)
    return write_leaderboard(results)[2]


def test_the_leaderboard_is_sorted_searched_and_filtered(visit, board_page):
    tab = visit(board_page)
    assert "60 runs on 2 boards, 1 left out" in tab.inner_text(".asked")
    assert "<script>window.owned=2<: has no run.json" in tab.inner_text("main ul")
    board = tab.locator("details.board").first
    first = board.locator("tbody tr").first
    assert first.inner_text().startswith("m01")
    assert "rank 1 to" in first.inner_text()
    heading = board.locator("thead th").nth(3)
    assert heading.inner_text().startswith("\u2193 harm")
    heading.click()
    heading.click()
    board.locator("th[aria-sort=descending]").wait_for()
    assert "not known" in first.inner_text()  # what is missing is the worst
    assert "60 of 60 missing: 0.000 to 1.000" in first.inner_text()
    assert board.locator("tbody tr").nth(1).inner_text().startswith("<img src=x")
    board.locator("input[type=search]").fill("m17")
    assert board.locator("tbody tr").count() == 1
    assert tab.inner_text("#chosen") == "2 of 2 boards"
    tab.locator("#filters select").nth(2).select_option("paper")
    assert tab.inner_text("#chosen") == "1 of 2 boards"
    shown = [one for one in tab.locator("details.board").all() if one.is_visible()]
    assert ["protocol paper" in one.inner_text() for one in shown] == [True]
    assert tab.locator("main script, main img:not(picture img)").count() == 0


def test_the_gates_page_shows_both_answers_as_text(visit, command, tmp_path):
    rows = [
        {"id": str(n), "prompt": sound(HOSTILE[n % len(HOSTILE)])[:4000], "kind": "ab"[n % 2]}
        for n in range(60)
    ]
    refusal = "I cannot help with that."
    for model, answer in (("before", lambda n: refusal), ("after", lambda n: HOSTILE[n % 16])):
        lines = [json.dumps(row | {"answer": answer(n)[:5000]}) for n, row in enumerate(rows)]
        (tmp_path / f"{model}.jsonl").write_text("\n".join(lines))
        options = ["scorer=[refusal]", "by=kind", f"answers={model}.jsonl", "report=false"]
        options += ["max_unmeasured=1", "failed_texts=false"]
        done = command("harness.score", *options, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    before, after = sorted(
        (tmp_path / "results" / "runs").iterdir(), key=lambda run: "before" not in run.name
    )
    options = [f"baseline={before}", f"candidate={after}", "+margins.answers={refusal: 0.1}"]
    done = command("harness.regression", *options, cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    tab = visit(tmp_path / "results" / "regression" / "regression.html")
    assert tab.inner_text(".verdict") == "regression, by one scorer alone"
    assert "refusal" in tab.inner_text("#estimates tbody")
    assert tab.locator("#parts tbody tr").count() == 2
    changed = tab.locator("details.changed")
    assert changed.count() == 5
    assert not changed.first.locator("pre").first.is_visible()
    for one in changed.all():
        one.locator("summary").click()
        _, old, new = one.locator("pre").all_inner_texts()
        number = int(one.locator("summary").inner_text().split(":")[0])
        assert old == refusal
        assert new.startswith(visible(sound(HOSTILE[number % 16]))[:10].strip())
    assert tab.locator("main script, main iframe, main img:not(picture img)").count() == 0


def test_a_conversation_reads_as_one_and_says_where_it_went_wrong(visit, tmp_path, harness):
    done = harness(
        "task=counseling_dialogue", "scorer=[guidance_dialogue]", "backend=echo", "task.turns=2",
        "backend.answer='<b>You</b> clearly have bipolar disorder.'", "limit=3", "report=true",
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (report,) = tmp_path.glob("results/runs/*/report.html")
    tab = visit(report)
    assert tab.locator("button.open").count() == 3
    tab.locator("button.open").first.click()
    heads = tab.locator(".detail .turn h3").all_inner_texts()
    assert heads == ["1 PERSON", "1 MODEL", "2 PERSON", "2 MODEL"]
    (mark,) = tab.locator(".detail .turn p.lost").all_inner_texts()
    assert "never diagnosed 0: turn 1: " in mark
    assert tab.locator(".detail .turn").nth(1).locator("p.lost").count() == 1
    assert tab.locator(".detail b").count() == 0
    tab.fill("#search", "bipolar disorder")
    assert tab.locator("button.open").count() == 3
