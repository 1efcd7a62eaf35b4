"""Which tool's log a file is, told by its content or by the user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.bridges.files.stored import Stored
from harness.bridges.logs.head import look
from harness.bridges.logs.log import Log, Source, question_id
from harness.types import HarnessError, Records


def source_of(path: Path, sources: Mapping[str, Source], chosen: str | None) -> Source | None:
    """The source that reads a file; None: it is no log of a tool, but a table of answers.

    Args:
        path: of the file or folder.
        sources: by the name of their format.
        chosen: the format that the user named; `table`: none of them.

    Raises:
        HarnessError: there is no such format, or several would do.
    """
    if chosen == "table":
        return None
    if chosen is not None:
        if chosen not in sources:
            names = ", ".join(["table", *sorted(sources)])
            raise HarnessError(f"format={chosen!r} is none of {names}")
        return sources[chosen]
    head = look(path)
    matching = [name for name, source in sources.items() if source.recognises(head)]
    if len(matching) > 1:
        raise HarnessError(
            f"{str(path)!r} could be a log of {' or '.join(matching)}: say which with format="
            f"{matching[0]}"
        )
    if not matching and head.is_archive:
        raise HarnessError(
            f"{str(path)!r} is a zip archive and no log of a tool that is known ("
            f"{', '.join(sorted(sources))}); unpack it, or name its format with format=NAME"
        )
    return sources[matching[0]] if matching else None


def read_log(path: Path, source: Source) -> Log:
    """The log of a file.

    Raises:
        HarnessError: it cannot be read; what is wrong in it is named.
    """
    try:
        return source.read(path)
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        what = f"{type(error).__name__}: {error}"
        raise HarnessError(
            f"{str(path)!r} is not as logs of {source.tool} are ({what}); if another tool wrote "
            "it, name that with format=NAME, or format=table for a table of prompts and answers"
        ) from error


def shared(stored: Stored, other: Stored, names: tuple[str, str]) -> Stored:
    """The questions of a log that another log has, too, so that both can be compared in pairs.

    They are paired by their id where questions of one id are alike, else by what was asked.

    Args:
        stored: that is kept.
        other: that it is compared with.
        names: of the two, for what is said.

    Raises:
        HarnessError: no question stands in both.
    """
    sides: list[dict[str, Any]] = [
        {str(row["id"]): row for row in part.records.rows} for part in (stored, other)
    ]
    ids = [name for name in sides[0] if name in sides[1]]
    alike = [n for n in ids if sides[0][n]["prompt"] == sides[1][n]["prompt"]]
    if alike:
        rows = [sides[0][name] for name in alike]
        words = _left_out(sides, len(alike), len(ids) - len(alike), names)
        return _restricted(stored, rows, f"paired by id: {words}")
    prompts = [{question_id(row["prompt"]): row for row in side.values()} for side in sides]
    common = [name for name in prompts[0] if name in prompts[1]]
    if not common:
        raise HarnessError(
            f"no question of {names[0]} stands in {names[1]}, neither by id nor by what was asked; "
            "they cannot be compared"
        )
    rows = [{**prompts[0][name], "was": prompts[0][name]["id"], "id": name} for name in common]
    words = _left_out(sides, len(common), 0, names)
    if repeats := sum(map(len, sides)) - sum(map(len, prompts)):
        words += f"; {repeats:,} that ask what another of their log asks are left out"
    return _restricted(stored, rows, f"paired by what was asked: {words}")


def _left_out(
    sides: Sequence[Mapping[str, Any]], pairs: int, unlike: int, names: tuple[str, str]
) -> str:
    here, there = (f"{name} ({len(side):,})" for name, side in zip(names, sides, strict=True))
    words = f"{pairs:,} questions stand in both {here} and {there}"
    if unlike:
        words += f"; {unlike:,} of one id ask something else and are left out"
    return words


def _restricted(stored: Stored, rows: Sequence[Mapping[str, Any]], note: str) -> Stored:
    """The answers to some questions; what describes them is the log's own and is left out."""
    imported = stored.imported
    if isinstance(imported, Log):
        was = {str(row.get("was", row["id"])): str(row["id"]) for row in rows}
        scores = {
            (was[name], index): of_answer
            for (name, index), of_answer in imported.scores.items()
            if name in was
        }
        imported = replace(imported, scores=scores)
    asked = ("id", "prompt", "cluster", "choices", "answers")
    shared: list[dict[str, Any]] = [
        {**{name: row.get(name) for name in asked}, "metadata": {}, "target": None} for row in rows
    ]
    records = Records("shared questions", shared)
    return replace(stored, records=records, notes=[*stored.notes, note], imported=imported)
