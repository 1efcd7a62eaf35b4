"""What every family asks of a domain: where its data lie, and which columns describe it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from harness.data import HubFiles, file_at, hub_files, read_records
from harness.types import Estimand, HarnessError, Margin, Records, with_margins
from tasks.families.columns import part_of


def domain_records(data: str, starter: str, hub: Mapping[str, Any] | None) -> Records:
    """The records that `task.data` names.

    Args:
        data: `starter`, `hub`, or a file or folder.
        starter: address of the domain's own file.
        hub: `builder`, `address` and `values` of the published files, where there are any.

    Raises:
        HarnessError: there are none, or they cannot be read.
    """
    return read_records(data, file_at(starter), published(hub))


def published(hub: Mapping[str, Any] | None) -> HubFiles | None:
    """The published files that a YAML describes.

    Raises:
        HarnessError: it describes them by other names.
    """
    if hub is None:
        return None
    if set(hub) != {"builder", "address", "values"}:
        raise HarnessError(
            f"task.domain.hub has {', '.join(hub)}; it needs builder, address and values"
        )
    return hub_files(hub["builder"], hub["address"], hub["values"])


def gated(estimands: Sequence[Estimand], margins: Mapping[str, Any]) -> tuple[Estimand, ...]:
    """The estimands with the margins that a YAML gives them.

    Raises:
        HarnessError: a margin is of none of them, or lacks its reason.
    """
    where = "task.domain.margins"
    return with_margins(
        estimands, {name: part_of(Margin, m, f"{where}.{name}") for name, m in margins.items()}
    )


def check_one_of(option: str, value: object, known: Collection[str]) -> None:
    """Refuse a value that an option does not have.

    Raises:
        HarnessError: with the values that it has.
    """
    if value not in known:
        raise HarnessError(f"{option}={value!r} is not one of {', '.join(known)}")


def check_groups(by: Sequence[str], columns: Collection[str]) -> None:
    """Refuse estimates by a column that the samples do not have.

    Raises:
        HarnessError: with the columns that they have.
    """
    for name in by:
        if name not in columns:
            raise HarnessError(
                f"task.domain.by names {name!r}, which is no column; there are "
                f"{', '.join(columns) or 'none'}"
            )
