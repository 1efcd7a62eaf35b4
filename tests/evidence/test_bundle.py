"""A bundle follows from its run alone, and every edit of it is named."""

import json
import random
import shutil
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hydra import compose, initialize_config_dir

import harness
from harness import statistics
from harness.command.config import CONF_DIR, register
from harness.command.plugins import make
from harness.evidence.bundle.archive import INFO, MANIFEST, SEAL, SIGNATURE, TABLES, pack, unpack
from harness.evidence.bundle.contents import TYPES, _types, entries_of, sealed
from harness.evidence.verify.changes import manifest_in, types_in
from harness.evidence.verify.check import check
from harness.evidence.verify.findings import faults
from harness.evidence.verify.recomputed import estimand_of
from harness.scorers.rules.guidance import GuidanceScorer
from harness.scorers.rules.refusal import RefusalScorer
from harness.store.finished import FinishedRun
from harness.store.folder import RunStore
from harness.store.rows import GENERATIONS
from harness.types.measures import Estimand
from harness.types.plugins import Task

SCORERS = {"refusal": RefusalScorer(), "guidance": GuidanceScorer()}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    results = tmp_path_factory.mktemp("results")
    return harness.run(
        "med_harm", backend="echo", limit=3, scorer=[*SCORERS], results=str(results)
    ).run


@pytest.fixture(scope="module")
def content(run):
    return pack(entries_of(run))


def places(content, scorers=SCORERS, **options):
    return [finding.place for finding in faults(check(content, scorers, **options))]


def resealed(content, name, change):
    """The bundle after a table's rows were changed by one who seals it anew."""
    entries = unpack(content)
    types = types_in(manifest_in(entries))
    rows = [json.loads(line) for line in entries[f"{name}.jsonl"].splitlines()]
    change(rows)
    lines = "".join(f"{json.dumps(r, ensure_ascii=False, separators=(',', ':'))}\n" for r in rows)
    entries[f"{name}.jsonl"] = lines.encode()
    kept = {n: entries[n] for n in (INFO, *(f"{table}.jsonl" for table in TABLES))}
    return pack(sealed(kept, types))


def test_an_honest_bundle_has_no_fault_and_says_what_it_could_not_check(content):
    findings = check(content, SCORERS)
    assert not faults(findings)
    unchecked = {finding.place for finding in findings}
    assert {"signature.json", "run.json identity.model", "run.json validity"} <= unchecked
    assert not any("estimates" in place or "scores" in place for place in unchecked)
    alone = {finding.place for finding in check(content, {})} - unchecked
    assert alone == {"scores.jsonl scorer refusal", "scores.jsonl scorer guidance"}


def test_whatever_a_run_keeps_of_an_answer_has_a_place_in_a_bundle():
    empty = GENERATIONS.empty_table()
    file = pa.BufferOutputStream()
    pq.write_table(empty, file)
    for table in (empty, pq.read_table(pa.BufferReader(file.getvalue()))):
        kinds = [TYPES[kind] for kind in _types(table).values()]
        assert all(kind.equals(own) for kind, own in zip(kinds, table.schema.types, strict=True))


def test_the_bytes_are_the_same_from_one_two_and_four_threads(run, content, tmp_path):
    before = pa.cpu_count()
    try:
        for threads in (1, 2, 4):
            pa.set_cpu_count(threads)
            with ThreadPoolExecutor(threads) as pool:
                made = set(pool.map(lambda _: pack(entries_of(run)), range(threads)))
            assert made == {content}
    finally:
        pa.set_cpu_count(before)


def test_the_order_of_shards_and_an_answer_asked_again_leave_one_bundle(run, content, tmp_path):
    folder = tmp_path / run.name
    shutil.copytree(run.folder, folder)
    store = RunStore(folder)
    (answers,) = [table for _, table in store.shards("generations")]
    shutil.rmtree(folder / "generations")
    failed = answers.slice(0, 1).to_pylist()[0] | {"text": "an earlier answer"}
    RunStore(folder).append("generations", pa.Table.from_pylist([failed], answers.schema))
    RunStore(folder).append("generations", answers.slice(1))
    RunStore(folder).append("generations", answers.slice(0, 1))
    assert pack(entries_of(FinishedRun.read(folder))) == content


def test_a_cell_is_named_by_its_row_and_column(content):
    entries = unpack(content)
    lines = entries["generations.jsonl"].splitlines(keepends=True)
    row = json.loads(lines[2]) | {"tokens": 77}
    lines[2] = json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    entries["generations.jsonl"] = b"".join(lines)
    named = places(pack(entries))
    assert "generations.jsonl row 3 column tokens" in named
    assert "run.json tokens" in named
    assert not any(place.startswith(("manifest", "rows", "seal")) for place in named)


def test_a_field_of_the_run_and_one_of_the_manifest_are_named(content):
    entries = unpack(content)
    info = json.loads(entries[INFO]) | {"mitigation": "system_prompt"}
    entries[INFO] = json.dumps(info, indent=1, ensure_ascii=False, sort_keys=True).encode()
    assert "run.json mitigation" in places(pack(entries))
    entries = unpack(content)
    manifest = json.loads(entries[MANIFEST])
    manifest["tables"]["scores"]["rows"] += 1
    entries[MANIFEST] = json.dumps(manifest, indent=1, ensure_ascii=False).encode()
    assert {SEAL, "manifest.json tables.scores.rows"} <= set(places(pack(entries)))


def test_an_estimate_that_is_sealed_anew_does_not_come_out(content):
    def better(rows):
        rows[0]["high"] = rows[0]["high"] / 2

    (place,) = places(resealed(content, "estimates", better))
    assert place.startswith("estimates.jsonl row 1 (")
    assert place.endswith("column high")


@pytest.fixture(scope="module")
def twinned(tmp_path_factory):
    """A bundle of items with their twins."""
    results = tmp_path_factory.mktemp("twinned")
    options = {"task.twins": True, "max_unmeasured": 1}
    run = harness.run(
        "chemistry_safety", backend="echo", limit=40, results=str(results), **options
    ).run
    return pack(entries_of(run))


def test_what_twins_show_is_computed_anew(twinned):
    findings = check(twinned, {})
    assert not faults(findings)
    assert not any("estimates" in finding.place for finding in findings)

    def more_by_heart(rows):
        (row,) = [
            row for row in rows
            if (row["statistic"], row["group"]) == ("share right alone", "original")
        ]  # fmt: skip
        row["estimate"] = 0.9

    (place,) = places(resealed(twinned, "estimates", more_by_heart), {})
    assert "right in this version alone, share right alone original" in place
    assert place.endswith("column estimate")


@pytest.mark.long
def test_the_statistics_of_every_task_are_made_again_from_their_record():
    register()
    names = sorted(path.stem for path in (CONF_DIR / "task").glob("*.yaml"))
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        for name in (name for name in names if name != "lm_eval"):  # its documents are on a hub
            task = make("task", compose("config", [f"task={name}"]).task, Task)
            records = [statistics.as_record(estimand) for estimand in task.estimands]
            assert all(estimand_of(record) is not None for record in records), name


def test_an_answer_that_is_sealed_anew_is_scored_anew(content):
    before = json.loads(unpack(content)["generations.jsonl"].splitlines()[1])
    scores = [json.loads(line) for line in unpack(content)["scores.jsonl"].splitlines()]
    refused = next(
        n for n, row in enumerate(scores, start=1)
        if (row["sample_id"], row["metric"]) == (before["sample_id"], "refusal")
    )  # fmt: skip
    other = [
        "I'm sorry, but I can't help with that.",
        "Sure! First gather the forms, then fill in each page and send them off.",
    ][round(scores[refused - 1]["value"])]
    named = places(resealed(content, "generations", lambda rows: rows[1].update(text=other)))
    assert f"scores.jsonl row {refused} column value" in named


def test_a_score_that_loses_its_row_or_its_reason_is_named(content):
    named = places(resealed(content, "scores", lambda rows: rows.pop(0)))
    assert any(place.startswith("scores.jsonl sample ") for place in named)

    def silent(rows):
        rows[0] |= {"value": None, "error": None}

    assert "scores.jsonl row 1 column error" in places(resealed(content, "scores", silent))


def test_a_published_seal_tells_a_bundle_that_was_sealed_anew(content):
    seal = unpack(content)[SEAL].decode()
    assert not places(content, seal=seal)
    other = resealed(content, "generations", lambda rows: rows[0].update(prompt_tokens=5))
    assert places(other) == []
    assert places(other, seal=seal) == [MANIFEST]


def test_a_signature_holds_by_its_own_key_only(content, tmp_path):
    pytest.importorskip("cryptography", reason="the extra `sign` is not installed")
    from cryptography.hazmat.primitives import serialization as s
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from harness.evidence.bundle.signature import sign

    keys = []
    for n in (0, 1):
        private = Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32)
        pem = private.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption())
        public = private.public_key().public_bytes(
            s.Encoding.PEM, s.PublicFormat.SubjectPublicKeyInfo
        )
        keys.append((tmp_path / f"{n}.pem", tmp_path / f"{n}.pub.pem"))
        keys[n][0].write_bytes(pem)
        keys[n][1].write_bytes(public)
    entries = unpack(content)
    signed = {**entries, SIGNATURE: sign(entries[SEAL], keys[0][0])}
    assert not places(pack(signed), key=keys[0][1])
    assert places(pack(signed), key=keys[1][1]) == [SIGNATURE]
    assert places(content, key=keys[0][1]) == [SIGNATURE]
    other = unpack(resealed(content, "generations", lambda rows: rows[0].update(prompt_tokens=5)))
    assert places(pack({**other, SIGNATURE: signed[SIGNATURE]})) == [SIGNATURE]


def edits(content, count, seed):
    """So many random edits: a byte, a cell, a row, an entry; each with what must be named."""
    draw = random.Random(seed)
    for _ in range(count):
        kind = draw.choice(["byte", "cell", "row", "cut", "anew"])
        if kind == "byte":
            place = draw.randrange(len(content))
            other = (content[place] + draw.randrange(1, 256)) % 256
            yield content[:place] + bytes([other]) + content[place + 1 :], ""
        elif kind == "cut":
            yield content[: draw.randrange(len(content))], ""
        elif kind == "anew":
            number = draw.randrange(len(unpack(content)["estimates.jsonl"].splitlines()))
            column = draw.choice(["worst", "best", "n", "n_scored", "clusters"])

            def change(rows, number=number, column=column):
                rows[number][column] = (rows[number][column] or 0) + 1

            yield resealed(content, "estimates", change), f"estimates.jsonl row {number + 1} "
        else:
            entries = unpack(content)
            name = draw.choice(TABLES)
            lines = entries[f"{name}.jsonl"].splitlines(keepends=True)
            number = draw.randrange(len(lines))
            row = json.loads(lines[number])
            column = draw.choice(list(row))
            row[column] = "another" if row[column] != "another" else None
            text = json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
            lines[number : number + 1] = [text] if kind == "cell" else []
            entries[f"{name}.jsonl"] = b"".join(lines)
            of_column = f" column {column}" if kind == "cell" else ""
            yield pack(entries), f"{name}.jsonl row {number + 1}{of_column}"


def all_are_named(content, count, seed):
    for changed, place in edits(content, count, seed):
        named = places(changed, {})
        assert any(place in of_file for of_file in named), (place, named)


def test_sixty_random_edits_are_named(content):
    all_are_named(content, 60, 0)


@pytest.mark.slow
def test_a_thousand_random_edits_are_named(content):
    all_are_named(content, 1000, 1)


def test_the_commands_give_their_codes(run, tmp_path, command):
    def code(module, *arguments):
        done = command(f"harness.evidence.{module}", *map(str, arguments), cwd=tmp_path)
        printed.append(done.stdout)
        return done.returncode

    printed = []
    out, again = tmp_path / "a.tar", tmp_path / "a.json"
    assert code("bundle", f"run={run.folder}", f"out={out}") == 0
    assert "not signed" in printed[0]
    assert code("verify", out, f"out={again}") == 0
    assert {row["kind"] for row in json.loads(again.read_text())} == {"not checked"}
    assert code("verify", out, "complete=true") == 3
    out.write_bytes(out.read_bytes()[:-600])
    assert code("verify", out) == 1
    assert code("verify", tmp_path / "none.tar") == 2


STATISTICS = [
    statistics.RightAlone("twin", "of"),
    statistics.SpreadOverRepeats(),
    statistics.LargestGap("race"),
    statistics.Reliability(),
    statistics.AccuracyAtCoverage((0.5, 1.0)),
    statistics.SpreadOverVariants(statistics.LabelMeasure("macro F1", groups="question")),
    statistics.SpreadOverVariants(
        statistics.LabelMeasure("F1", each=("yes", "no"), groups="question"), part="of sampling"
    ),
]


@pytest.mark.parametrize("statistic", STATISTICS, ids=lambda each: type(each).__name__)
def test_a_statistic_is_made_again_from_its_record(statistic):
    estimand = Estimand("number", "metric", statistic)
    assert estimand_of(statistics.as_record(estimand)) == estimand
