"""A finished run as the entries of a bundle, and back into a folder that reads as the run does."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from harness.evidence.bundle.archive import INFO, MANIFEST, SEAL, TABLES
from harness.evidence.bundle.manifest import canonical, manifest_of, row_digests, sha256
from harness.store import SCORE_COLUMNS, FinishedRun, RunStore
from harness.types import HarnessError, Unreadable

PLAIN = (pa.string(), pa.int32(), pa.int64(), pa.float64(), pa.bool_(), pa.null())
LISTS = tuple(
    pa.list_(pa.field(name, kind)) for name in ("element", "item")
    for kind in (pa.float64(), pa.bool_(), pa.list_(pa.field(name, pa.float64())))
)  # fmt: skip
COUNTS = "map<string, double>"
"""The type of what a mitigation counts of an answer; Parquet gives its value a name besides."""
TYPES: Mapping[str, pa.DataType] = {
    **{str(kind): kind for kind in (*PLAIN, *LISTS)}, COUNTS: pa.map_(pa.string(), pa.float64()),
}  # fmt: skip
"""What a column of a run may be, by Arrow's name for it."""
WHEN = ("started", "generate", "score", "score_while_generating")
"""Of a session what a clock says: it bears on no number, and no two runs share it."""


def entries_of(run: FinishedRun) -> dict[str, bytes]:
    """All of a run but what a clock says of it, under the entries' names, sealed.

    Raises:
        HarnessError: a column is of a type that no run of ours has.
        Unreadable: a table is damaged or gone.
    """
    tables = dict(zip(TABLES, _tables(run), strict=True))
    entries = {INFO: _info(run)}
    entries |= {f"{name}.jsonl": _lines(table) for name, table in tables.items()}
    types = {name: _types(table) for name, table in tables.items()}
    return sealed(entries, types)


def sealed(
    entries: Mapping[str, bytes], types: Mapping[str, Mapping[str, str]]
) -> dict[str, bytes]:
    """The entries with the digests of their rows, the manifest and its seal."""
    rows = {f"rows/{name}.txt": row_digests(entries[f"{name}.jsonl"]) for name in TABLES}
    whole = {**entries, **rows}
    manifest = json.dumps(manifest_of(whole, types), indent=1, ensure_ascii=False).encode()
    return {**whole, MANIFEST: manifest, SEAL: f"{sha256(manifest)}\n".encode()}


def _info(run: FinishedRun) -> bytes:
    info = RunStore(run.folder).info() or {}
    sessions = [
        {name: value for name, value in session.items() if name not in WHEN}
        for session in info.get("sessions", [])
    ]
    unlike = {canonical(session): session for session in sessions}  # the same call twice is once
    info |= {"sessions": list(unlike.values())} if sessions else {}
    return json.dumps(info, indent=1, ensure_ascii=False, sort_keys=True).encode()


def _tables(run: FinishedRun) -> Iterable[pa.Table]:
    samples = run.samples()
    ids = samples["sample_id"].combine_chunks()
    estimates = RunStore(run.folder).read_table("estimates")
    if estimates is None:
        raise Unreadable(f"{str(run.folder)!r}: its estimates cannot be read")
    parts = list(run.generation_parts())
    empty = pa.table({"sample_id": pa.array([], pa.string()), "index": pa.array([], pa.int32())})
    answers = pa.concat_tables(parts, promote_options="default") if parts else empty
    present = set(RunStore(run.folder).read_table("scores").column_names)  # type: ignore[union-attr]
    scores = pa.concat_tables(run.score_parts([name for name in SCORE_COLUMNS if name in present]))
    yield samples
    yield _ordered(_last(answers), ids)
    yield _ordered(scores, ids)
    yield estimates


def _last(answers: pa.Table) -> pa.Table:
    """Of each generation the row that was written last: one that was asked again counts anew."""
    keys = zip(answers["sample_id"].to_pylist(), answers["index"].to_pylist(), strict=True)
    return answers.take(list({key: place for place, key in enumerate(keys)}.values()))


def _ordered(rows: pa.Table, ids: pa.Array) -> pa.Table:
    """The rows of these samples in the samples' order, then by generation and metric."""
    place = pc.index_in(rows["sample_id"], ids)
    known = pc.is_valid(place)
    rows = rows.append_column("place", place).filter(known)
    keys = [(name, "ascending") for name in ("place", "index", "scorer", "metric")
            if name in rows.column_names]  # fmt: skip
    return rows.sort_by(keys).drop_columns(["place"])


def _types(table: pa.Table) -> dict[str, str]:
    types = {
        field.name: COUNTS if field.type.equals(TYPES[COUNTS]) else str(field.type)
        for field in table.schema
    }
    for name, kind in types.items():
        if kind not in TYPES:
            raise HarnessError(
                f"column {name!r} is {kind}, which a bundle has no place for; it takes "
                f"{', '.join(TYPES)}"
            )
    return types


def _lines(table: pa.Table) -> bytes:
    rows = (json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in table.to_pylist())
    return "".join(f"{row}\n" for row in rows).encode()


def _with_pairs(rows: list[dict[str, Any]], types: Mapping[str, str]) -> list[dict[str, Any]]:
    """The rows with pairs in counts, which JSON has as lists."""
    counts = [column for column, kind in types.items() if kind == COUNTS]
    return [
        row | {name: [tuple(pair) for pair in row[name]] for name in counts if row.get(name)}
        for row in rows
    ]


def write_run(
    folder: Path, info: bytes, rows: Mapping[str, list[dict[str, Any]]],
    types: Mapping[str, Mapping[str, str]],
) -> FinishedRun:  # fmt: skip
    """Lay out what a bundle holds as a run's folder, and read that.

    Raises:
        Unreadable: a table's cells are not of their columns' types.
        NotFinished: run.json does not say what a finished run's must.
    """
    store = RunStore(folder)
    (folder / INFO).write_bytes(info)
    for name in TABLES:
        try:
            schema = pa.schema([(column, TYPES[kind]) for column, kind in types[name].items()])
            table = pa.Table.from_pylist(_with_pairs(rows[name], types[name]), schema)
        except (pa.ArrowException, KeyError, TypeError, ValueError, OverflowError) as error:
            raise Unreadable(f"{name}.jsonl cannot be read as a table: {error}") from error
        if name == "generations":
            store.append("generations", table)
        else:
            store.write_table(name, table)
    return FinishedRun.read(folder)
