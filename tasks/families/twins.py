"""Twins of a task's items: the same in other words, and the same with one fact changed.

Whoever knows an item's answer by heart answers its twins worse. They stand in `twins.jsonl` beside
the file of the items: each row has an `id` of its own, `twin_of` (the item's id), `twin`
(`reworded` or `changed`), and the columns that differ. What it lacks it has from its item.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from harness.data import read_file
from harness.statistics import Contrast, RightAlone, Share
from harness.types import Direction, Estimand, HarnessError, Metadata, Records

Row = Mapping[str, object]
KINDS = ("reworded", "changed")
"""Of twins: meaning is kept, or one fact is another and so is the right answer."""
FILE = "twins.jsonl"


def with_twins(records: Records, data: str, starter: Path, answers: Collection[str]) -> Records:
    """The records with each item's twins behind it.

    Args:
        records: the items; their `id` names them.
        data: what `task.data` says.
        starter: the file of the starter set.
        answers: the columns that hold the right answer.

    Raises:
        HarnessError: there is no file of twins, or one is of no item, or not what it says it is.
    """
    if data == "hub":
        raise HarnessError("task.twins=true: published items have no twins; use task.data=FILE")
    beside = starter if data == "starter" else Path(data)
    file = (beside if beside.is_dir() else beside.parent) / FILE
    if not file.is_file():
        raise HarnessError(f"task.twins=true needs {str(file)!r}, and there is no such file")
    items = {str(row.get("id", "")): row for row in records.rows}
    twins: dict[str, list[Row]] = {}
    for number, row in enumerate(read_file(file, "task.twins"), 1):
        where = f"row {number} of {FILE!r}"
        item, kind = str(row.get("twin_of", "")), row.get("twin")
        if item not in items or kind not in KINDS or not row.get("id"):
            raise HarnessError(
                f"{where} is {kind!r} of {item!r}; it needs an id, twin ({' or '.join(KINDS)}) and "
                "twin_of, an item's id"
            )
        if any(other["twin"] == kind for other in twins.get(item, ())):
            raise HarnessError(
                f"{where} is the second {kind!r} of {item!r}; one is all it may have"
            )
        _check(row, items[item], answers, where)
        twins.setdefault(item, []).append({**items[item], **row})
    rows: list[Row] = []
    for row in records.rows:
        of_item = twins.get(str(row.get("id", "")), [])
        named = {"twin": "original", "twin_of": row.get("id", ""), "twinned": bool(of_item)}
        rows += [{**row, **named}, *({**twin, "twinned": True} for twin in of_item)]
    return Records(records.name, rows)


def _check(row: Row, item: Row, answers: Collection[str], where: str) -> None:
    """Refuse a twin that differs in nothing, or in what its kind says that it does not."""
    differing = {
        name for name in row.keys() - {"id", "twin", "twin_of"} if row[name] != item.get(name)
    }
    if not differing - set(answers):
        raise HarnessError(f"{where} asks the same as its item in the same words; reword it")
    if (row["twin"] == "changed") != bool(differing & set(answers)):
        raise HarnessError(
            f"{where}: a changed twin has another right answer ({' or '.join(sorted(answers))}), "
            "and a reworded one has its item's"
        )


def twin_facts(row: Row) -> Metadata:
    """What a sample's metadata say of twins; nothing where the task has none."""
    if "twin" not in row:
        return {}
    return {"twin": str(row["twin"]), "twin_of": str(row["twin_of"]),
            "twinned": bool(row["twinned"])}  # fmt: skip


def estimands_with_twins(estimands: Sequence[Estimand], metric: str) -> tuple[Estimand, ...]:
    """Estimates over the items themselves, and beside them how their twins were answered.

    Args:
        estimands: of the task without twins.
        metric: 1 where an answer is right, else 0.
    """
    twinned: Metadata = {"twinned": True}
    of_originals = (replace(e, where={**e.where, "twin": "original"}) for e in estimands)
    less = Estimand("right, against the item itself", metric, Contrast("twin", "original"),
                    where=twinned, cluster="twin_of", better=Direction.ZERO)  # fmt: skip
    return (
        *of_originals,
        Estimand("right, of items with twins", metric, Share(at_least=1), "twin", twinned),
        less,
        Estimand("right in this version alone", metric, RightAlone("twin", "twin_of"),
                 where=twinned),
    )  # fmt: skip
