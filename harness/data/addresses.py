"""Where data lie that a YAML names: files of a package, and published files by a pattern."""

from __future__ import annotations

import importlib.util
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.data.placeholders import fill
from harness.data.sources import HubFiles
from harness.types import HarnessError

PACKAGE = "pkg://"


def file_at(address: str) -> Path:
    """The path of `pkg://PACKAGE/FOLDER/FILE`, of which nothing is imported, or of a plain path.

    Raises:
        HarnessError: there is no such package.
    """
    if not address.startswith(PACKAGE):
        return Path(address)
    package, _, below = address.removeprefix(PACKAGE).partition("/")
    try:
        spec = importlib.util.find_spec(package) if package.isidentifier() else None
    except (ImportError, ValueError):
        spec = None
    folders = [Path(folder) for folder in (spec and spec.submodule_search_locations) or ()]
    if not folders:
        raise HarnessError(
            f"{address!r} names no package that can be imported; write {PACKAGE}PACKAGE/FILE, or "
            "the path of a file"
        )
    return next((f / below for f in folders if (f / below).exists()), folders[0] / below)


def hub_files(builder: str, address: str, values: Mapping[str, Sequence[str | int]]) -> HubFiles:
    """Every file whose address a pattern gives; what fills it are columns of its records.

    Args:
        builder: what `datasets` reads them with: `csv`, `json`, `parquet`.
        address: with a placeholder for each of `values`: `https://.../{author}/{part}.csv`.
        values: of each placeholder, the first of which changes slowest.

    Raises:
        HarnessError: a placeholder has no values.
    """
    columns = [
        dict(zip(values, chosen, strict=True)) for chosen in itertools.product(*values.values())
    ]
    return HubFiles(
        builder,
        {
            fill(address, {name: str(value) for name, value in of_file.items()}, address): of_file
            for of_file in columns
        },
    )
