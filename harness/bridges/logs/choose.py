"""Which tool's log a file is, told by its content or by the user."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from harness.bridges.files.rows import Paired
from harness.bridges.files.stored import Stored
from harness.bridges.logs.head import look
from harness.bridges.logs.log import Log, Restricted, Source, question_id
from harness.bridges.logs.reading import Progress, followed, no_progress
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


def read_log(path: Path, source: Source, progress: Progress = no_progress) -> Log:
    """The log of a file.

    Args:
        path: of the file or folder.
        source: that reads it.
        progress: shows how many KiB of it have been read.

    Raises:
        HarnessError: it cannot be read; what is wrong in it is named.
    """
    try:
        with followed(path, progress):
            return source.read(path)
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise HarnessError(
            f"{str(path)!r} is not as logs of {source.tool} are ({reason}); if another tool wrote "
            "it, name that with format=NAME, or format=table for a table of prompts and answers"
        ) from error


def shared(stored: Stored, other: Stored, names: tuple[str, str]) -> Stored:
    """The questions of a log that another log has, too, so that both can be compared in pairs.

    They are paired by their id where questions of one id are alike, else by what was asked. Of each
    question its id and a digest of what was asked are held.

    Args:
        stored: that is kept.
        other: that it is compared with.
        names: of the two, for what is said.

    Raises:
        HarnessError: no question stands in both.
    """
    here, there = _asked(stored), _asked(other)
    ids = [name for name in here if name in there]
    alike = {name: name for name in ids if here[name] == there[name]}
    if alike:
        words = _left_out((here, there), len(alike), len(ids) - len(alike), names)
        return _restricted(stored, alike, f"paired by id: {words}")
    prompts = [{asked: name for name, asked in side.items()} for side in (here, there)]
    common = {asked.hex(): name for asked, name in prompts[0].items() if asked in prompts[1]}
    if not common:
        raise HarnessError(
            f"no question of {names[0]} stands in {names[1]}, neither by id nor by what was asked; "
            "they cannot be compared"
        )
    words = _left_out((here, there), len(common), 0, names)
    if repeats := len(here) + len(there) - sum(map(len, prompts)):
        words += f"; {repeats:,} that ask what another of their log asks are left out"
    return _restricted(stored, common, f"paired by what was asked: {words}")


def _asked(stored: Stored) -> dict[str, bytes]:
    """By the id of each question a digest of what it asks."""
    return {
        str(row["id"]): bytes.fromhex(question_id(row["prompt"])) for row in stored.rows.questions()
    }


def _left_out(
    sides: tuple[Mapping[str, bytes], Mapping[str, bytes]],
    pairs: int,
    unlike: int,
    names: tuple[str, str],
) -> str:
    here, there = (f"{name} ({len(side):,})" for name, side in zip(names, sides, strict=True))
    words = f"{pairs:,} questions stand in both {here} and {there}"
    if unlike:
        words += f"; {unlike:,} of one id ask something else and are left out"
    return words


def _restricted(stored: Stored, names: Mapping[str, str], note: str) -> Stored:
    """The answers to some questions; what describes them is the log's own and is left out.

    Args:
        stored: all answers.
        names: by the new name of a question the log's own.
        note: how they were chosen.
    """
    imported = stored.imported
    if isinstance(imported, Log):
        imported = Restricted(imported, names)
    rows = Paired(stored.rows, names)
    records = Records("shared questions", rows)
    return replace(
        stored, records=records, rows=rows, notes=[*stored.notes, note], imported=imported
    )
