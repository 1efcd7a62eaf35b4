"""Logs are read piece by piece: what is held of an answer does not grow with its text."""

import json
import tracemalloc
import zipfile
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hydra.utils import get_class

from harness.bridges.files import spool as spools
from harness.bridges.files.answers import of_file
from harness.bridges.files.spool import Spool
from harness.bridges.logs import head as heads
from harness.bridges.logs import reading
from harness.bridges.logs.archive import Unpackable, opened
from harness.bridges.logs.choose import read_log, source_of
from harness.bridges.logs.inspect import InspectLog
from harness.bridges.logs.lm_eval import LmEvalSamples
from harness.bridges.logs.log import UNIT, Answer, Log
from harness.command import CONF_DIR
from harness.types import HarnessError, Unreadable

SOURCES = {
    path.stem: get_class(path.read_text("utf-8").split("_target_: ")[1].split()[0])()
    for path in sorted((CONF_DIR / "source").glob("*.yaml"))
}
LONG = 3_000
"""Characters of an answer; as many explain its score."""
MOST_BYTES = 200
"""That may be held of an answer, for its name and number."""


def inspect_sample(number, text):
    said = {"role": "assistant", "content": text}
    return {
        "id": number, "epoch": 1, "input": f"q{number}", "target": "yes",
        "messages": [{"role": "user", "content": f"q{number}"}, said],
        "output": {"choices": [{"message": said, "stop_reason": "stop"}]},
        "scores": {"match": {"value": "C", "explanation": text}},
    }  # fmt: skip


HEADER = {
    "version": 2, "status": "success",
    "eval": {"task": "facts", "model": "m", "packages": {"inspect_ai": "0.3"}},
}  # fmt: skip


def archive_of(path, samples, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for sample in samples:
            archive.writestr(f"samples/{sample['id']}_epoch_1.json", json.dumps(sample))
        archive.writestr("header.json", json.dumps(HEADER))
    return path


def garak_line(number, text):
    return {
        "entry_type": "attempt", "uuid": str(number), "status": 2, "probe_classname": "p.X",
        "prompt": {"text": f"q{number}"}, "outputs": [text], "detector_results": {"d.Y": [1.0]},
    }  # fmt: skip


def lm_eval_line(number, text):
    return {
        "doc_id": number, "doc": {}, "target": "yes", "filter": "none", "resps": [[text]],
        "arguments": {"gen_args_0": {"arg_0": f"q{number}"}}, "metrics": ["em"], "em": 1.0,
    }  # fmt: skip


def eee_line(number, text):
    return {
        "schema_version": "0.3.0", "evaluation_id": "e", "model_id": "m", "evaluation_name": "acc",
        "sample_id": str(number), "interaction_type": "single_turn", "input": {"raw": f"q{number}"},
        "output": {"raw": [text]}, "evaluation": {"score": 1.0, "is_correct": True},
    }  # fmt: skip


LINES = {"lm_eval": lm_eval_line, "garak": garak_line, "every_eval_ever": eee_line,
         "table": lambda number, text: {"prompt": f"q{number}", "answer": text}}  # fmt: skip


def file_of(folder, form, count):
    """A file with so many answers, each as long as any other."""
    path = folder / f"{count}.{'jsonl' if form == 'table' else form}"
    texts = ((number, f"{number:08d}" * (LONG // 8)) for number in range(count))
    if form == "inspect":
        return archive_of(path, (inspect_sample(*pair) for pair in texts))
    if form == "json":
        with path.open("w") as file:
            file.write(json.dumps(HEADER)[:-1] + ', "samples": [')
            for number, text in texts:
                comma = ", " if number else ""
                file.write(comma + json.dumps(inspect_sample(number, text)))
            file.write("]}")
        return path
    if form == "parquet":
        numbers, answers = zip(*texts, strict=True)
        asked = [f"q{number}" for number in numbers]
        pq.write_table(pa.table({"prompt": asked, "answer": answers}), path, row_group_size=500)
        return path
    with path.open("w") as file:
        file.writelines(json.dumps(LINES[form](*pair)) + "\n" for pair in texts)
    return path


def stored_of(path, form):
    if form in ("table", "parquet"):
        return of_file(path, None, None, None)
    return read_log(path, source_of(path, SOURCES, None)).stored(path)


def walk(stored):
    """Read all of it as a run does."""
    names = [str(row["id"]) for row in stored.rows.questions()]
    scores = stored.imported.scores if stored.imported else {}
    texts = sum(len(stored.rows.answers_to(name)[0]["text"]) for name in names)
    return texts, sum(bool(scores.get((name, 0))) for name in names)


def peak_of(path, form):
    tracemalloc.start()
    texts, scored = walk(stored_of(path, form))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak, texts, scored


@pytest.mark.long
@pytest.mark.parametrize("form", ["inspect", "json", *LINES, "parquet"])
def test_what_is_held_of_an_answer_does_not_grow_with_its_text(tmp_path, monkeypatch, form):
    monkeypatch.setattr(spools, "CHARACTERS", 100_000)
    monkeypatch.setattr(heads, "LONGEST_LINE", heads.SEEN)
    few, many = (300, 900) if form == "parquet" else (150, 450)  # rows that are read at once
    peaks = {}
    for count in (few, many):
        peaks[count], texts, scored = peak_of(file_of(tmp_path, form, count), form)
        assert texts == count * LONG
        assert scored == (0 if form in ("table", "parquet") else count)
    assert peaks[many] - peaks[few] <= MOST_BYTES * (many - few)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_log_of_200_000_rows_is_read_whole(tmp_path):
    path = tmp_path / "samples.jsonl"
    with path.open("w") as file:
        for number in range(200_000):
            file.write(json.dumps(lm_eval_line(number, f"a{number}") | {"em": number % 2}) + "\n")
    log = LmEvalSamples().read(path)
    stored = log.stored(path)
    assert (len(stored.rows), stored.rows.counts()) == (200_000, (1, 200_000))
    assert stored.rows.answers_to("199999")[0]["text"] == "a199999"
    assert sum(of_answer["em"].value for of_answer in log.scores.values()) == 100_000


def test_the_directory_of_an_archive_is_walked_and_not_held(tmp_path):
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(3_000):
            archive.writestr(f"samples/{number:0100d}.json", b"{}")
    with opened(path) as archive:
        tracemalloc.start()
        assert sum(1 for _ in archive) == len(archive) == 3_000
        assert tracemalloc.get_traced_memory()[1] < 100 * 3_000
        tracemalloc.stop()


def test_what_comes_later_of_a_question_joins_what_is_on_disk(tmp_path, monkeypatch):
    """A document's second filter stands at the end of the file, long after the first."""
    path = tmp_path / "samples.jsonl"
    lines = [lm_eval_line(n, f"a{n}") for n in range(9)]
    lines += [lm_eval_line(n, f"a{n}") | {"filter": "strict", "em": 0.0} for n in range(9)]
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    whole = LmEvalSamples().read(path)
    monkeypatch.setattr(spools, "QUESTIONS", 2)
    parts = LmEvalSamples().read(path)
    assert dict(parts.scores) == dict(whole.scores)
    assert list(parts.stored(path).rows) == list(whole.stored(path).rows)
    assert {m: s.value for m, s in parts.scores["3", 0].items()} == {"em": 1.0, "strict.em": 0.0}
    assert parts.scores.get(("3", 1)) is None
    assert parts.scores.get(("nobody's", 0)) is None


def test_a_shelf_keeps_the_order_in_which_names_came():
    shelf = Spool().shelf()
    for name in ("b", "a", "b", "half of a \ud800"):
        shelf[name] = {"of": [name, 1.5, None]}
    assert list(shelf) == ["b", "a", "half of a \ud800"]
    assert shelf["half of a \ud800"] == {"of": ["half of a \ud800", 1.5, None]}
    del shelf["a"]
    assert (len(shelf), "a" in shelf, shelf.get("a")) == (2, False, None)
    with pytest.raises(KeyError):
        del shelf["a"]


def test_a_disk_that_is_full_is_said_in_a_sentence():
    log = Log("tool", "1", "m", "t")
    log.spool._db.execute("PRAGMA max_page_count=8")
    for number in range(spools.QUESTIONS):
        log.add(str(number), "q" * 200, Answer("a"))
    with pytest.raises(HarnessError, match=r"cannot be written \(database or disk is full\): make"):
        log.add("one more", "q", Answer("a"))


def test_an_answer_that_is_forgotten_counts_as_it_comes_again():
    log = Log("tool", "1", "m", "t")
    log.score(log.add("a", "q", Answer("[ERROR] 429")), "m", 1.0, UNIT)
    log.forget("a")
    log.add("a", "another", Answer("yes"))
    stored = log.stored(Path("x"))
    assert [(row["prompt"], row["answers"][0]["text"]) for row in stored.rows] == [
        ("another", "yes")
    ]
    assert dict(log.scores) == {}
    assert not any("stand" in note for note in stored.notes)


@pytest.mark.parametrize("form", ["inspect", "json", "lm_eval"])
def test_it_is_said_how_far_a_log_is_read(tmp_path, monkeypatch, form):
    monkeypatch.setattr(reading, "STEP", 4096)
    steps, totals = [], []

    @contextmanager
    def progress(what, total):
        totals.append(total)
        assert what == f"reading {path.name} (KiB)"
        yield steps.append

    path = file_of(tmp_path, form, 50)
    read_log(path, source_of(path, SOURCES, None), progress)
    assert sum(steps) == totals[0] == path.stat().st_size // 1024
    assert sum(step > 0 for step in steps) > 3


def test_an_archive_gives_what_python_s_zipfile_gives(tmp_path):
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("stored", b"abc", zipfile.ZIP_STORED)
        archive.writestr("d\u00fcnn.json", b"x" * 200_000)
        with archive.open("wide", "w", force_zip64=True) as member:
            member.write(b"wide" * 1000)
        archive.comment = b"PK\x01\x02 a comment"
    with zipfile.ZipFile(path) as theirs, opened(path) as ours:
        assert [member.name for member in ours] == theirs.namelist()
        for member in ours:
            assert ours.read(member) == theirs.read(member.name)
        assert ours.find("nothing") is None


def test_of_two_members_of_a_name_the_last_counts(tmp_path):
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", b"first")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("a", b"second")
    with opened(path) as archive:
        assert archive.read(archive.find("a")) == b"second"


def test_an_archive_with_wide_numbers_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 2)
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 50)
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(5):
            archive.writestr(f"{number}", bytes([number]) * 100)
    with opened(path) as archive:
        assert [archive.read(member)[:1] for member in archive] == [bytes([n]) for n in range(5)]


@pytest.mark.parametrize("at", ["content", "directory", "end"])
def test_a_damaged_archive_is_refused_in_a_sentence(tmp_path, at):
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", b"content of it")
    whole = path.read_bytes()
    place = {"content": 35, "directory": whole.index(b"PK\x01\x02"), "end": len(whole) - 22}[at]
    path.write_bytes(whole[:place] + b"#" + whole[place + 1 :])
    with (
        pytest.raises(Unreadable, match=r"is no whole zip archive .*; is the file cut off"),
        opened(path) as archive,
    ):
        archive.read(next(iter(archive)))


def test_what_is_packed_by_another_method_is_refused_in_a_sentence(tmp_path):
    path = archive_of(tmp_path / "x.eval", [inspect_sample(1, "yes")], zipfile.ZIP_BZIP2)
    with pytest.raises(Unpackable, match="is packed by bzip2, and Deflate and Zstandard are read"):
        InspectLog().read(path)


@pytest.mark.filterwarnings("ignore")  # of inspect_ai
def test_what_ours_cannot_read_is_read_by_inspect_ai_s_own_reader(tmp_path):
    """Samples of a layout of before `scores`, which inspect_ai turns into today's."""
    samples = [inspect_sample(number, f"answer {number}") for number in range(3)]
    older = [{**s, "scores": None, "score": s["scores"]["match"]} for s in samples]
    older = [{name: value for name, value in s.items() if name != "scores"} for s in older]
    plan = {"name": "plan", "steps": [], "config": {}}
    about = {"created": "2024-01-01T00:00:00+00:00", "dataset": {}, "config": {}}
    header = {**HEADER, "eval": {**HEADER["eval"], **about}, "plan": plan, "stats": {}}
    header["results"] = {"scores": [{"name": "match", "scorer": "match", "metrics": {}}]}
    path, plain = tmp_path / "older.json", tmp_path / "plain.json"
    path.write_text(json.dumps({**header, "samples": older}))
    plain.write_text(json.dumps({**header, "samples": samples}))
    with pytest.raises(HarnessError, match=r"no `scores`.*is asked by format=inspect_ai"):
        InspectLog().read(path)
    source = source_of(path, SOURCES, "inspect_ai")
    assert source_of(path, SOURCES, None) is SOURCES["inspect"]
    try:
        import inspect_ai  # noqa: F401
    except ImportError:
        with pytest.raises(HarnessError, match=r'pip install "harness\[inspect\]"'):
            source.read(path)
        pytest.skip("inspect_ai is not installed, which reads the log")
    ours, theirs = InspectLog().read(plain), source.read(path)
    assert list(theirs.stored(plain).rows) == list(ours.stored(plain).rows)
    by_ours, by_theirs = dict(ours.scores), dict(theirs.scores)
    assert len(by_theirs) == 3
    for place, of_answer in by_ours.items():
        (score,) = by_theirs[place].values()
        assert (score.value, score.explanation) == (1.0, of_answer["match"].explanation)
