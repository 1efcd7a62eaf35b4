"""The run folder: append, resume, lock, read back."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from harness.store.whole_files import PARQUET, whole_file, write_table, write_text
from harness.types import HarnessError, Unreadable

logger = logging.getLogger(__name__)

Kind = Literal["generations", "persons", "scores"]


class RunStore:
    """What one run has produced, in one folder; safe to kill at any moment.

    Shards are written whole or not at all, and only appended. Scores name the answer that they
    belong to by its digest, so that an answer which was lost and made again is scored again.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._next_shard: dict[str, int] = {}

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the run against other writers; the hold ends with the process, however that ends.

        Raises:
            HarnessError: another process writes to it, or the folder cannot be written.
        """
        lock = FileLock(self.folder / ".lock")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=0)
        except Timeout as error:
            raise HarnessError(
                f"another process is writing to {str(self.folder)!r}; wait for it or stop it"
            ) from error
        except OSError as error:
            raise HarnessError(
                f"results folder {str(self.folder)!r} cannot be written ({error.strerror}); "
                "choose another with results=FOLDER"
            ) from error
        try:
            for leftover in self.folder.rglob("*.partial"):
                leftover.unlink()
            yield
        finally:
            lock.release()

    def info(self) -> dict[str, Any] | None:
        """What `run.json` says; None where there is none."""
        path = self.folder / "run.json"
        try:
            info = json.loads(path.read_text(encoding="utf-8"))
        except OSError:
            return None
        except ValueError:
            info = None
        if isinstance(info, dict) and {"status", "identity"} <= info.keys():
            return info
        logger.warning("%s cannot be read; it is written anew from what is stored", path)
        return None

    def write_info(self, info: Mapping[str, Any]) -> None:
        """Replace `run.json`."""
        text = json.dumps(info, indent=2, ensure_ascii=False, default=str)
        with whole_file(self.folder / "run.json") as file:
            file.write(text.encode())

    def append(self, kind: Kind, rows: pa.Table) -> int:
        """Store rows as one shard; gives its number."""
        folder = self.folder / kind
        folder.mkdir(exist_ok=True)
        if kind not in self._next_shard:
            taken = (int(path.stem) for path in folder.iterdir() if path.stem.isdecimal())
            self._next_shard[kind] = max(taken, default=-1) + 1
        number = self._next_shard[kind]
        with whole_file(self._shard(kind, number)) as file:
            pq.write_table(rows, file, **PARQUET)
        self._next_shard[kind] += 1
        return number

    def shards(self, kind: Kind) -> Iterator[tuple[int, pa.Table]]:
        """The number and the rows of every shard, in the order in which they were written.

        One that cannot be read is set aside, so that what it held is made again.

        Raises:
            Unreadable: the system does not let one be read.
        """
        for path in sorted((self.folder / kind).glob(f"{'[0-9]' * 8}.parquet")):
            try:
                table = _read(path)
            except (pa.ArrowException, OSError) as error:
                if isinstance(error, OSError) and error.errno:  # the system's fault, not the file's
                    raise Unreadable(f"{str(path)!r} cannot be read ({error.strerror})") from error
                damaged = path.with_suffix(".damaged")
                path.rename(damaged)
                logger.warning(
                    "shard %s cannot be read (%s); it is set aside as %s and made again",
                    path, str(error).split(".")[0], damaged.name,
                )  # fmt: skip
                continue
            yield int(path.stem), table

    def rows(self, kind: Kind, shards: NDArray[np.int32], rows: NDArray[np.int32]) -> pa.Table:
        """These rows of these shards, in this order; each shard is read once.

        Raises:
            Unreadable: a shard cannot be read any more.
        """
        parts, places = [], []
        for shard in np.unique(shards):
            path = self._shard(kind, shard)
            places.append(np.flatnonzero(shards == shard))
            try:
                parts.append(_read(path).take(rows[places[-1]]))
            except (pa.ArrowException, OSError) as error:
                raise Unreadable(
                    f"{str(path)!r} cannot be read any more ({error}); run the same command again"
                ) from error
        table = pa.concat_tables(parts, promote_options="default")  # older shards lack columns
        return table.take(np.argsort(np.concatenate(places)))

    def write_table(self, name: str, table: pa.Table, csv: bool = False) -> None:
        """Replace a result table, as Parquet and where asked as CSV."""
        write_table(self.folder, name, table, csv)

    def write_parts(self, name: str, schema: pa.Schema, parts: Iterable[pa.Table]) -> None:
        """Replace a result table by one whose parts come one after the other, as Parquet."""
        with (
            whole_file(self.folder / f"{name}.parquet") as file,
            pq.ParquetWriter(file, schema, **PARQUET) as writer,
        ):
            for part in parts:
                writer.write_table(part)

    def read_table(self, name: str) -> pa.Table | None:
        """A result table of a finished run; None where it is damaged or not there."""
        try:
            return _read(self.folder / f"{name}.parquet")
        except (OSError, pa.ArrowException):
            return None

    def read_parts(self, name: str, columns: Sequence[str] | None) -> Iterator[pa.Table]:
        """These columns of a result table (None: all), a part at a time.

        Raises:
            Unreadable: it is damaged or not there.
        """
        path = self.folder / f"{name}.parquet"
        try:
            with pq.ParquetFile(path, page_checksum_verification=True) as file:
                for number in range(file.num_row_groups):
                    yield file.read_row_group(number, columns)
        except (OSError, pa.ArrowException) as error:
            raise Unreadable(
                f"{str(path)!r} cannot be read ({error}); run the same command again"
            ) from error

    def columns(self, name: str) -> list[str]:
        """The columns of a result table.

        Raises:
            Unreadable: it is damaged or not there.
        """
        try:
            with pq.ParquetFile(self.folder / f"{name}.parquet") as file:
                names: list[str] = file.schema_arrow.names
        except (OSError, pa.ArrowException) as error:
            raise Unreadable(
                f"{str(self.folder)!r}: {name} cannot be read ({error}); run its command again"
            ) from error
        return names

    def write_text(self, name: str, text: str) -> Path:
        """Replace a file of text; gives its path."""
        return write_text(self.folder / name, text)

    def _shard(self, kind: Kind, number: int) -> Path:
        return self.folder / kind / f"{number:08d}.parquet"


def _read(path: Path) -> pa.Table:
    # As read_table does, but without importing pandas.
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        return file.read()
