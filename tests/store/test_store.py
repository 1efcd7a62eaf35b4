import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from harness.store.folder import RunStore
from harness.store.rows import digest_answer, generation_rows, score_rows, to_generations
from harness.types.errors import HarnessError
from harness.types.records import Generation, Score

ANSWERS = [
    Generation("a", 0, "fine \U0001f600 \x00", "stop", 3, 2),
    Generation("a", 1, None, "choices", 3, 2, (-0.5, -1.25)),
    Generation.failed("b", 0, "out of memory"),
]


@pytest.fixture
def store(tmp_path) -> RunStore:
    (tmp_path / "run").mkdir()
    return RunStore(tmp_path / "run")


def append(store: RunStore, answers: list[Generation]) -> int:
    return store.append("generations", generation_rows(answers))


def stored(store: RunStore) -> list[Generation]:
    return [g for _, table in store.shards("generations") for g in to_generations(table)]


def test_generations_come_back_as_they_were_stored_in_numbered_shards(store):
    assert [append(store, ANSWERS[:2]), append(store, ANSWERS[2:])] == [0, 1]
    assert append(RunStore(store.folder), ANSWERS[:1]) == 2
    assert [number for number, _ in store.shards("generations")] == [0, 1, 2]
    assert stored(store) == [*ANSWERS, ANSWERS[0]]


def test_a_lone_surrogate_is_stored_as_the_replacement_character(store):
    answer = Generation("a", 0, "x\ud800y")
    append(store, [answer])
    (read,) = stored(store)
    assert read.text == "x\ufffdy"
    assert digest_answer(read) == digest_answer(answer)


def test_a_score_names_the_answer_that_it_belongs_to(store):
    digests = [digest_answer(answer) for answer in ANSWERS[:2]]
    scores = [[Score("m", 0.5, explanation="why")], [Score.missing("m", "no judge")]]
    store.append("scores", score_rows("s", "s-1", ANSWERS[:2], digests, scores))
    ((_, table),) = store.shards("scores")
    first, second = table.to_pylist()
    assert (first["value"], first["explanation"], first["answer"]) == (0.5, "why", digests[0])
    assert (second["value"], second["error"], second["answer"]) == (None, "no judge", digests[1])
    assert (second["sample_id"], second["index"], second["scorer_id"]) == ("a", 1, "s-1")


def test_rows_come_in_the_order_in_which_they_are_asked_for(store):
    append(store, ANSWERS[:2])
    append(store, ANSWERS[2:])
    found = store.rows("generations", np.array([1, 0, 0]), np.array([0, 1, 0]))
    assert to_generations(found) == [ANSWERS[2], ANSWERS[1], ANSWERS[0]]


def test_a_shard_that_is_gone_when_its_rows_are_read_again_is_said(store):
    append(store, ANSWERS)
    (store.folder / "generations" / "00000000.parquet").unlink()
    with pytest.raises(HarnessError, match="cannot be read any more"):
        store.rows("generations", np.array([0]), np.array([0]))


def test_a_shard_cut_in_half_is_set_aside_and_the_others_are_read(store, caplog):
    append(store, ANSWERS[:1])
    append(store, ANSWERS[1:])
    shard = store.folder / "generations" / "00000000.parquet"
    shard.write_bytes(shard.read_bytes()[: shard.stat().st_size // 2])
    assert stored(store) == ANSWERS[1:]
    assert "set aside as 00000000.damaged" in caplog.text
    assert append(RunStore(store.folder), ANSWERS[:1]) == 2


def test_a_table_in_parts_is_replaced_whole_or_not_at_all(store):
    table = generation_rows(ANSWERS)
    store.write_parts("answers", table.schema, [table[:1], table[1:]])
    assert store.read_table("answers").equals(table)

    def broken():
        yield table[:1]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.write_parts("answers", table.schema, broken())
    assert store.read_table("answers").equals(table)
    assert not list(store.folder.glob("*.partial"))


def test_a_second_writer_is_refused_until_the_first_is_gone(store):
    other = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time; from pathlib import Path\n"
            "from harness.store import RunStore\n"
            "with RunStore(Path(sys.argv[1])).writing():\n"
            "    print('held', flush=True); time.sleep(60)",
            str(store.folder),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdout.readline() == "held\n"
    with pytest.raises(HarnessError, match="another process is writing"), store.writing():
        pass
    other.kill()
    other.wait()
    other.stdout.close()
    with store.writing():
        assert store.info() is None


def test_what_a_killed_writer_left_half_written_is_removed(store):
    partial = store.folder / "run.json.partial"
    partial.write_text("half")
    with store.writing():
        assert not partial.exists()


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    store = RunStore(tmp_path / "file" / "run")
    with pytest.raises(HarnessError, match="choose another with results=FOLDER"), store.writing():
        pass


@pytest.mark.long
def test_a_full_disk_is_one_sentence_and_keeps_what_was_stored(tmp_path):
    # The system refuses to let a file grow past a limit as it does when there is no room.
    script = """
import resource, sys
from pathlib import Path
from harness.store import generation_rows
from harness.store import RunStore
from harness.types import Generation, HarnessError
store = RunStore(Path(sys.argv[1]))
with store.writing():
    store.append("generations", generation_rows([Generation("a", 0, "short")]))
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
    try:
        long = "".join(map(chr, range(200, 40000)))
        store.append("generations", generation_rows([Generation("b", 0, long)]))
    except HarnessError as error:
        print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert "nothing stored before is lost" in done.stdout
    assert [answer.text for answer in stored(RunStore(tmp_path))] == ["short"]
    assert not list(tmp_path.rglob("*.partial"))


def test_shards_are_tables_that_anyone_can_read(store):
    append(store, ANSWERS)
    table = pq.read_table(store.folder / "generations" / "00000000.parquet")
    assert table.column_names[:3] == ["sample_id", "index", "text"]


def test_info_is_replaced_as_a_whole(store):
    store.write_info({"status": "running", "identity": {}, "folder": Path("x")})
    assert store.info() == {"status": "running", "identity": {}, "folder": "x"}
    assert json.loads((store.folder / "run.json").read_text()) == store.info()
    assert os.listdir(store.folder) == ["run.json"]  # noqa: PTH208
