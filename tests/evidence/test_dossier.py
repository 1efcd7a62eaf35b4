"""A dossier says of every item by what it is evidenced, or that it is not."""

import json
import re

import pytest

from harness.evidence.dossier.blocks import Heading, Paragraph, as_html, as_markdown
from harness.evidence.dossier.content import blocks_of
from harness.evidence.dossier.evidenced import KNOWN, Evidence, checklists, said_of
from harness.evidence.dossier.linter import claims, faults_in
from harness.evidence.dossier.printed import browser, print_page
from harness.store.finished import FinishedRun
from harness.types.errors import HarnessError

ITEMS = [item for c in checklists() for items in c["headings"].values() for item in items]


@pytest.fixture
def folder(tmp_path, write_run):
    return tmp_path / "runs" / write_run(tmp_path, "a <b>", [0.1, 0.9, float("nan")])


def test_every_item_names_evidence_that_there_is_and_none_is_a_claim():
    assert len(ITEMS) >= 30
    assert {item["by"] for item in ITEMS} - {None} == set(KNOWN)
    assert not any(claim.like.search(item["item"]) for claim in claims() for item in ITEMS)


def test_without_runs_nothing_but_the_table_of_risks_is_evidenced():
    words = {item["by"]: said_of(item, Evidence([], {})) for item in ITEMS}
    assert {by for by, said in words.items() if not said.startswith("not evidenced")} == {"risks"}


def test_a_run_is_evidence_of_what_it_has_and_of_no_more(folder):
    run = FinishedRun.read(folder)
    words = {item["by"]: said_of(item, Evidence([run], {})) for item in ITEMS}
    assert words["intervals"] == f"evidenced by {run.name}"
    for lacking in ("agreement", "gate", "mitigation", "mitigation_effect", "comparison", "prompt"):
        assert words[lacking] == "not evidenced: no run here shows it"
    gated = Evidence([run], {"g.json": {"verdict": "pass"}})
    assert said_of({"by": "gate"}, gated) == "evidenced by g.json (pass)"


def test_the_page_holds_all_sections_needs_nothing_else_and_passes_the_linter(folder):
    blocks = blocks_of(Evidence([FinishedRun.read(folder)], {}))
    text, page = as_markdown(blocks), as_html(blocks, "Dossier")
    assert text.count("\n## ") == 10
    assert page.count("<h2") == 10
    assert "a &lt;b&gt;" in page
    assert "<b>" not in page + text
    assert not re.search(r"(?:src|href)=|<script|url\(", page)
    assert "2 of 3" in text
    assert {fault.rule for fault in faults_in(text)} <= {"unverified claim"}


def test_the_command_writes_it_and_reads_a_report(folder, tmp_path, command):
    def done(*arguments):
        return command("harness.evidence.dossier", *arguments, cwd=tmp_path)

    link = tmp_path / "run"
    link.symlink_to(folder)
    (tmp_path / "g.json").write_text(json.dumps({"verdict": "pass", "estimates": []}))
    assert done(f"runs=[{link}]", f"gates=[{tmp_path / 'g.json'}]").returncode == 0
    assert "(pass)" in (tmp_path / "dossier" / "dossier.md").read_text()
    assert (tmp_path / "dossier" / "dossier.pdf").is_file() == (browser() is not None)
    (tmp_path / "r.md").write_text("The gain was significant (p > 0.05).\n")
    linted = done("lint=r.md")
    assert linted.returncode == 1
    assert "significance: p > 0.05 is no significance" in linted.stdout
    assert done().returncode == 2


@pytest.mark.long
@pytest.mark.skipif(browser() is None, reason="no browser is installed that prints pages")
def test_a_browser_prints_the_page_whole(tmp_path):
    page = tmp_path / "a page # of mine.html"
    page.write_text(as_html([Heading("Dossier", 1), *[Paragraph("a line")] * 200], "Dossier"))
    content = print_page(page, tmp_path / "out.pdf").read_bytes()
    assert content.startswith(b"%PDF-")
    assert content.rstrip().endswith(b"%%EOF")
    assert len(re.findall(rb"/Type\s*/Page\b", content)) > 1


def test_without_a_browser_there_is_no_pdf_and_one_that_fails_is_said(tmp_path, monkeypatch):
    page = tmp_path / "page.html"
    page.write_text("<p>a page</p>")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert print_page(page, tmp_path / "out.pdf") is None
    (tmp_path / "chromium").symlink_to("/bin/false")
    with pytest.raises(HarnessError, match=r"does not print page\.html \(exit code 1\); pdf=false"):
        print_page(page, tmp_path / "out.pdf")
