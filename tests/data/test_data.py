import functools
import http.server
import json
import shutil
import threading
import tracemalloc
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.data.files import read_file
from harness.data.formats import BLOCK
from harness.data.sources import HubFiles, read_records
from harness.types.errors import HarnessError
from harness.types.records import Records

ROWS = [{"id": "a", "prompt": "caf\u00e9"}, {"id": "b", "prompt": "two"}]


def write(path: Path, rows=ROWS) -> Path:
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    elif path.suffix == ".csv":
        lines = ["id,prompt", *(f'{row["id"]},"{row["prompt"]}"' for row in rows)]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    else:
        pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def read(path: Path):
    return read_records(str(path), Path("unused"))


@pytest.mark.parametrize("ending", [".jsonl", ".csv", ".parquet"])
def test_the_same_rows_have_the_same_digest_in_every_format(tmp_path, ending):
    records = read(write(tmp_path / f"data{ending}"))
    assert [dict(row) for row in records.rows] == ROWS
    assert records.name == f"data{ending}"
    assert records.digest == Records("any", ROWS).digest


def test_another_row_or_order_has_another_digest():
    assert len({Records("a", rows).digest for rows in (ROWS, ROWS[::-1], ROWS[:1])}) == 3


def test_rows_of_a_folder_know_their_file(tmp_path):
    (tmp_path / "gpt4").mkdir()
    write(tmp_path / "gpt4" / "category_1.csv", ROWS[:1])
    write(tmp_path / "category_2.jsonl", ROWS[1:])
    files = [row["file"] for row in read(tmp_path).rows]
    assert files == ["category_2.jsonl", "gpt4/category_1.csv"]


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path):
    path = tmp_path / "data.csv"
    path.write_bytes(b"\xef\xbb\xbfid,prompt\na,b\n")
    assert list(read(path).rows[0]) == ["id", "prompt"]


def test_rows_of_a_large_jsonl_file_take_little_memory_and_are_found_in_any_order(tmp_path):
    rows = [{"id": str(n), "prompt": f"question {n}", "n": n / 3} for n in range(40 * BLOCK + 7)]
    path = write(tmp_path / "data.jsonl", rows)
    tracemalloc.start()
    found = read(path).rows
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    path.unlink()  # a run reads its data once, whatever becomes of the file
    assert kept < 50 * len(rows)
    assert len(found) == len(rows)
    assert list(found) == rows
    assert [found[0], found[BLOCK], found[-1]] == [rows[0], rows[BLOCK], rows[-1]]
    assert found[BLOCK - 2 : BLOCK + 2] == rows[BLOCK - 2 : BLOCK + 2]
    with pytest.raises(IndexError):
        found[len(rows)]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("empty.jsonl", b"", "holds no records"),
        ("empty.csv", b"", "holds no records"),
        ("header.csv", b"id,prompt\n", "holds no records"),
        ("cut.jsonl", b'{"id": "a"}\n{"id": "b", "pro', "line 2 is not JSON"),
        ("list.jsonl", b"[1, 2]\n", "line 1 is not a JSON object"),
        ("latin.jsonl", b'{"id": "caf\xe9"}\n', "is not UTF-8 (0xe9"),
        ("latin.csv", b"id\ncaf\xe9\n", "is not UTF-8 (0xe9"),
        ("cut.csv", b'id,prompt\na,"begins but', "is the file cut off?"),
        ("short.csv", b"id,prompt\na,b\nc\n", "record 2 has other columns"),
        ("wide.csv", b"id,prompt\na,b,c\n", "record 1 has other columns"),
        ("cut.parquet", b"PAR1\x00\x00", "is not Parquet"),
        ("deep.jsonl", b"[" * 200_000, "line 1 is not JSON"),
        ("huge.jsonl", b'{"id": ' + b"9" * 5000 + b"}", "line 1 is not JSON"),
        ("twice.csv", b"id,id\na,b\n", "has two columns of one name"),
        ("lines.json", b'{"a": 1}\n{"a": 2}\n', "seems to hold JSON lines: name it .jsonl"),
        ("array.jsonl", b'[\n{"a": 1}\n]', "seems to be one JSON array: name it .json"),
        ("one.jsonl", b'[{"a": 1}]', "seems to be one JSON array: name it .json"),
        ("tall.jsonl", b'{\n"a": 1\n}', "seems to be one JSON object: write each row"),
        ("text.jsonl", b"some words\n", "line 1 is not JSON"),
        ("data.json", b'{"version": 1, "data": [{"a": 1}]}', "an object whose lists are 'data'"),
        ("columns.json", b'{"a": {"0": 1}, "b": {"0": 2}}', "but an object of objects"),
        ("single.json", b'{"a": 1}', "but one object: put it into brackets"),
        ("arrays.json", b"[[1], {}]", "holds an array among them: write each row as an object"),
        ("number.json", b"4", "is not a JSON array of objects but a number"),
        ("semicolons.csv", b'prompt;category\n"a b";1\n', "to be separated by semicolons"),
        ("tabs.csv", b"prompt\tcategory\na\t1\n", "to be separated by tabs"),
        ("sep.csv", b"sep=;\na;b\n", "to be separated by semicolons"),
        ("preamble.csv", b"Export of May\na,b\n1,2\n", "does a line stand above the header?"),
        ("title.csv", b"Export,,\na,b,c\n1,2,3\n", "does a line stand above the header?"),
        ("blank.csv", b"\na,b\n1,2\n", "does a line stand above the header?"),
        ("sheet.csv", b"PK\x03\x04\xff\xfe", "it seems to be a zip archive"),
        ("wide16.csv", "a,b\n1,2\n".encode("utf-16"), "it seems to be text in UTF-16"),
        ("packed.jsonl", b"\x1f\x8b\x08\x00", "it seems to be packed by gzip"),
        ("text.parquet", b"a,b\n1,2\n", "is not Parquet"),
        ("lines.csv.zst", b"\x28\xb5\x2f\xfd", "it seems to be packed by zstd"),
        ("data.parquet.gz", b"\x1f\x8b", "nor a file or folder of files that end in .jsonl"),
        ("data.xlsx", b"", "nor a file or folder of files that end in .jsonl"),
        ("login.csv", b"<!DOCTYPE html><html>Sign in</html>", "a page of HTML, such as one that"),
        ("login.json", b"<html>404</html>", "a page of HTML, such as one that asks for a login"),
        ("lfs.csv", b"version https://git-lfs.github.com/spec/v1\noid x\n", "a pointer of Git LFS"),
        ("lfs.jsonl", b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS"),
        ("lfs.parquet", b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS"),
        ("one_by_one.json", b'{"a": 1}{"a": 2}', "JSON objects one after the other"),
        ("tall.jsonl", b'{\n"a": 1}\n{\n"a": 2}', "JSON objects one after the other"),
        ("rows.jsonl", b"[1, 2]\n[3, 4]\n", "an array in each line: write each row as an object"),
        ("literals.jsonl", b"{'a': 'b'}\n", "literals of Python's, as str() writes them"),
        ("table.jsonl", b"prompt,response\na,b\n", "a table with commas: name it .csv"),
        ("table.json", b"prompt;response\na;b\n", "a table with semicolons: save it with commas"),
        ("array.csv", b'[{"a": 1}]', "a JSON array: name it .json"),
        ("lines.csv", b'{"a": 1, "b": 2}\n{"a": 3, "b": 4}\n', "JSON lines: name it .jsonl"),
        ("array.parquet", b'[{"a": 1}]', "a JSON array: name it .json"),
        ("quoted.csv", b'"a";"b"\n"1, 2";"3"\n', "a table with semicolons: save it with commas"),
        ("comma.csv", b"a, b;c\n1;2\n", "a table with semicolons: save it with commas"),
        ("excel.csv", b"sep=,\na,b\n1,2\n", "does a line stand above the header?"),
        ("named.csv", b"Export,\na,b\n1,2\n", "does a line stand above the header?"),
        ("stream.jsonl", b'data: {"a": 1}\n\ndata: [DONE]\n', "a server's stream of events"),
        ("log.jsonl", b'INFO x\n{"a": 1}\n', "JSON lines below a line of something else"),
        ("cut.jsonl", b'{"a": 1}\n{"a": ', "line 2 is not JSON"),
        ("twice.jsonl", b'{"a": 1, "a": 2}\n', "'a' stands twice in one object"),
        ("twice.json", b'[{"a": 1, "a": 2}]', "'a' stands twice in one object"),
        ("feather.csv", b"ARROW1\0\0\xff\xff", "an Arrow or Feather file"),
        ("stream.json", b"\xff\xff\xff\xff\x10\0", "a stream of Arrow's"),
        ("pickled.json", b"\x80\x04\x95\xff", "a pickle, which is not read, for it can run code"),
        ("packed.csv", b"\xfd7zXZ\0", "packed by xz"),
        ("orc.parquet", b"ORC\x0a\x03", "an ORC file"),
    ],
)
def test_a_bad_file_gets_one_sentence_that_names_it(tmp_path, name, content, said):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(HarnessError) as caught:
        read(path)
    assert said in str(caught.value)
    assert name in str(caught.value)
    assert not str(caught.value).endswith(f"name it {path.suffix}")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(HarnessError, match="there is no data file"):
        read(tmp_path / "nothing.csv")


def test_a_parquet_file_cut_in_half_is_said(tmp_path):
    path = write(tmp_path / "data.parquet")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(HarnessError, match="is it cut off"):
        read(path)


def test_hub_files_come_through_datasets_with_the_columns_that_their_names_stand_for(tmp_path):
    addresses = {
        str(write(tmp_path / f"category_{n}.csv", [ROWS[n]])): {"category": n} for n in (0, 1)
    }
    records = read_records("hub", Path("unused"), HubFiles("csv", addresses))
    assert records.name == "hub"
    assert [(row["id"], row["category"]) for row in records.rows] == [("a", 0), ("b", 1)]


def test_hub_files_come_over_http(tmp_path, monkeypatch):
    write(tmp_path / "category_1.csv")
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    serve = functools.partial(QuietHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        found = read_records(
            "hub", Path("unused"), HubFiles("csv", {f"{address}/category_1.csv": {"category": 1}})
        )
        with pytest.raises(HarnessError, match=r"cannot be had .* pass task.data=FILE"):
            read_records("hub", Path("unused"), HubFiles("csv", {f"{address}/gone.csv": {}}))
        server.shutdown()
    assert [row["id"] for row in found.rows] == ["a", "b"]


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


def test_hub_files_that_cannot_be_had_are_said(tmp_path):
    gone = HubFiles("csv", {str(tmp_path / "gone.csv"): {}})
    with pytest.raises(HarnessError, match=r"cannot be had .* pass task.data=FILE"):
        read_records("hub", Path("unused"), gone)
    shutil.rmtree(tmp_path)


def test_files_packed_by_gzip_are_read(tmp_path):
    import gzip

    plain = {"a.jsonl": '{"x": "\u00e9"}\n', "b.csv": "x\n\u00e9\n", "c.json": '[{"x": "\u00e9"}]'}
    for name, text in plain.items():
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(text.encode()))
        assert [dict(row) for row in read_file(tmp_path / f"{name}.gz")] == [{"x": "\u00e9"}]
    assert len(read_file(tmp_path)) == 3


def test_a_gzip_file_that_is_cut_off_or_none_is_said(tmp_path):
    import gzip

    whole = gzip.compress(b'{"x": 1}\n' * 10_000)
    for content in (whole[:-20], b"no gzip at all"):
        (tmp_path / "a.jsonl.gz").write_bytes(content)
        with pytest.raises(HarnessError, match="cannot be read"):
            read_file(tmp_path / "a.jsonl.gz")


TEXTS = ["NA", "None", "null", "2009-01-12", "1.10", "007", "", " x ", "true", "1e5"]


@pytest.mark.parametrize("ending", ["jsonl", "json", "csv", "parquet"])
def test_texts_arrive_as_they_stand_in_the_file(tmp_path, ending):
    path = tmp_path / f"data.{ending}"
    rows = [{"text": text, "n": str(n)} for n, text in enumerate(TEXTS)]
    if ending == "csv":
        lines = ["text,n", *(f'"{row["text"]}",{row["n"]}' for row in rows)]
        path.write_text("\n".join(lines) + "\n")
    elif ending == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        lines = [json.dumps(row) for row in rows]
        path.write_text("\n".join(lines) if ending == "jsonl" else f"[{','.join(lines)}]")
    assert [row["text"] for row in read_file(path)] == TEXTS


def test_texts_of_hub_files_are_no_dates_and_not_nothing(tmp_path):
    table = tmp_path / "a.csv"
    table.write_text("q,a\nx,NA\ny,None\nz,2009-01-12\n")
    lines = tmp_path / "b.jsonl"
    lines.write_text('{"a": "2009-01-12"}\n{"a": "2010-02-03"}\n')
    found = read_records("hub", Path("unused"), HubFiles("csv", {str(table): {}}))
    assert [row["a"] for row in found.rows] == ["NA", "None", "2009-01-12"]
    found = read_records("hub", Path("unused"), HubFiles("json", {str(lines): {"n": 1}}))
    assert found.rows == [{"a": "2009-01-12", "n": 1}, {"a": "2010-02-03", "n": 1}]


def test_an_ending_in_capitals_is_the_same_ending(tmp_path):
    (tmp_path / "A.CSV").write_text("x\n1\n")
    assert read_file(tmp_path / "A.CSV") == [{"x": "1"}]


@pytest.mark.parametrize(("option", "named"), [("task.data", True), ("labels", False)])
def test_a_file_is_said_by_the_option_that_named_it(tmp_path, option, named):
    for name in ("none.csv", "none.tsv"):
        with pytest.raises(HarnessError, match=f"^{option}[=:]") as caught:
            read_file(tmp_path / name, option)
        assert ("starter" in str(caught.value)) == (named and name == "none.tsv")
