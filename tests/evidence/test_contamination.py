"""What of a task stands in a corpus: by its words, by its meaning, by a judge."""

import csv
import json

import numpy as np
import pytest

from harness.evidence.contamination.corpus import Text, texts_of
from harness.evidence.contamination.judge import Verdict, read_verdict, verdicts
from harness.evidence.contamination.matches import Seen, same_of
from harness.evidence.contamination.nearest import nearest
from harness.evidence.contamination.ngrams import Finder
from harness.types.errors import HarnessError
from harness.types.records import Generation

TEN = "one two three four five six seven eight nine ten"


def lines(*texts):
    return [Text("f", number, text) for number, text in enumerate(texts, start=1)]


def overlap(items, texts, rule="letters", size=10):
    finder = Finder(items, rule, size)
    finder.look(texts)
    return finder.overlap


def test_ten_words_in_a_row_are_found_and_nine_are_not():
    found = overlap([TEN, f"zero {TEN}"], lines("a b", f"and {TEN} too", TEN.replace("ten", "x")))
    assert found.places == {0: [("f", 2)], 1: [("f", 2)]}
    short = overlap([TEN.removesuffix(" ten"), TEN], lines(TEN))
    assert (short.short, dict(short.times)) == ([0], {1: 1})


def test_commas_and_case_hide_a_copy_from_words_of_white_space_alone():
    copy = lines(TEN.upper().replace(" ", ", "))
    assert not overlap([TEN], copy, "white space").times
    assert overlap([TEN], copy, "letters").times == {0: 1}


def test_what_most_items_share_is_the_task_s_wording():
    items = [f"{TEN} {'abcdefghijkl'[n]}" for n in range(12)]
    found = overlap(items, lines(TEN, f"{TEN} c"))
    assert (found.wording, dict(found.times)) == (1, {2: 1})


def test_an_empty_text_is_near_to_nothing():
    def encoder(texts):
        assert all(text.strip() for text in texts)
        rows = np.array([[1.0, len(text)] for text in texts])
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    near, empty = nearest(["aa", "", "aaaa"], lines("", "aaa", " ", "a"), encoder, 2)
    assert empty == 2
    assert [[each.text.text for each in of_item] for of_item in near] == [
        ["aaa", "a"], [], ["aaa", "a"]
    ]  # fmt: skip


class Judge:
    """Answers each request with the next of its words."""

    weighs_choices = False
    name = "judge"
    identity = {"weights": "w"}  # noqa: RUF012

    def __init__(self, *words):
        self.words = words

    def generate(self, requests, generation, seed):
        for request, words in zip(requests, self.words, strict=True):
            failed = words is None
            yield [
                Generation.failed(request.sample_id, 0, "timeout")
                if failed
                else Generation(request.sample_id, 0, words)
            ]


def test_an_unread_verdict_is_missing_and_never_clean():
    said = verdicts(Judge("True", "false", "perhaps", None), [("a", "b")] * 4, "knowledge")
    assert [verdict.same for verdict in said] == [True, False, None, None]
    assert said[3].error == "the judge failed: timeout"
    assert same_of([Verdict(False, None), Verdict(None, "?")]) is None
    assert same_of([Verdict(True, None), Verdict(None, "?")]) is True
    assert read_verdict("It is True that they differ: False").same is None
    seen = Seen(["1", "2", "3", "4"], 4, [], [[]] * 4, 0, [[verdict] for verdict in said])
    text = "\n".join(seen.lines())
    assert "1 of 2 (50.0%" in text
    assert "no verdict on 2 items: with all of them it would be 75.0%, with none 25.0%" in text


def test_a_corpus_is_read_by_its_endings(tmp_path):
    (tmp_path / "a.txt").write_text("x\ny\n")
    (tmp_path / "b.jsonl").write_text('{"text": "t", "n": 1, "turns": [{"c": "u"}]}\n')
    (tmp_path / "c.csv").write_text("q,r\nv,w\n")
    (tmp_path / "d.png").write_bytes(b"\xff")
    assert [(t.file, t.number, t.text.strip()) for t in texts_of(tmp_path)] == [
        ("a.txt", 1, "x"), ("a.txt", 2, "y"), ("b.jsonl", 1, "t\nu"), ("c.csv", 1, "v\nw")
    ]  # fmt: skip
    with pytest.raises(HarnessError, match="no text in column 'z'"):
        list(texts_of(tmp_path / "c.csv", "z"))
    (tmp_path / "bad.jsonl").write_text("{\n")
    with pytest.raises(HarnessError, match="cannot be read"):
        list(texts_of(tmp_path / "bad.jsonl"))


def test_the_command_finds_a_copy_and_says_what_it_cannot_see(tmp_path, command):
    (tmp_path / "items.txt").write_text(f"{TEN}\nshort\n")
    (tmp_path / "corpus.txt").write_text(f"{TEN}\n\n")
    arguments = ["prompts=items.txt", "corpus=corpus.txt", "nearest=0", "out=rows.jsonl"]
    done = command("harness.evidence.contamination", *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    printed = done.stdout
    assert "2 items, 2 texts of the corpus, 1 of them empty" in printed
    assert "(letters): 1 of 1 (100.0%" in printed
    assert "1 of 2 items are shorter than 10 words" in printed
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert rows[0]["ngrams, letters"]["places"] == [["corpus.txt", 1]]
    assert rows[1]["ngrams, letters"]["too_short"]


SETS = {"sociology": (201, 98, 0, 103, 0.9645), "abstract_algebra": (100, 8, 2, 92, 0.9375)}
"""Of each set its items, those of fewer than ten words, finds of words of letters among the
rephrasings, finds in a verbatim copy, and what character trigrams put next to its own."""


def rephrased(shared_data, name):
    folder = shared_data / "llm_decontaminator"
    with (folder / f"{name}_test.csv").open(encoding="utf-8", newline="") as file:
        items = [row[0] for row in csv.reader(file)]
    file = folder / f"{name}_test_rephrase_english_filtered_question.jsonl"
    return items, list(texts_of(file, "text"))


@pytest.mark.parametrize("name", SETS)
def test_ten_words_do_not_find_the_rephrasings_that_were_published(shared_data, name):
    n, short, by_letters, copies, _ = SETS[name]
    items, texts = rephrased(shared_data, name)
    assert (len(items), len(texts), sum(not text.text for text in texts)) == (n, n, 4)
    found = overlap(items, texts, "white space")
    assert (len(found.times), len(found.short)) == (0, short)
    assert len(overlap(items, texts, "letters").times) == by_letters
    assert len(overlap(items, lines(*items), "white space").times) == copies


@pytest.mark.slow
@pytest.mark.parametrize("name", SETS)
def test_the_encoder_beats_trigrams_at_the_rephrasings(shared_data, name):
    from harness.scorers.offline.minilm import SentenceEncoder

    items, texts = rephrased(shared_data, name)
    originals = lines(*items)
    full = [text for text in texts if text.text.strip()]
    near, empty = nearest([text.text for text in full], originals, SentenceEncoder("cpu"))
    assert empty == 0
    own = np.mean([n[0].text.text == items[t.number - 1] for n, t in zip(near, full, strict=True)])
    assert own > SETS[name][-1]
