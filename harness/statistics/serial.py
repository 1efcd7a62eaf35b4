"""What a run estimates, as `run.json` keeps it, and read back without running anything of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields, is_dataclass
from types import SimpleNamespace
from typing import Any

from harness.statistics.contrasts import Contrast
from harness.statistics.curves import CurveOfMaxima
from harness.statistics.maxima import AnyAbove, ExpectedMaximum
from harness.statistics.means import Mean, Share
from harness.statistics.votes import Frequencies, MajorityVote
from harness.types import Direction, Estimand, trait

KINDS: Mapping[str, Any] = {
    kind.__name__: kind for kind in (Mean, Share, ExpectedMaximum, AnyAbove, Contrast)
}
"""Statistics of which a difference can be taken sample by sample, or cluster by cluster."""
RANGED: Mapping[str, Any] = {
    **KINDS, **{kind.__name__: kind for kind in (CurveOfMaxima, Frequencies, MajorityVote)}
}  # fmt: skip
"""Those whose name and range follow from their record; a stranger's stand in it."""


def as_record(estimand: Estimand) -> dict[str, Any]:
    """All of an estimand in what JSON has."""
    statistic = estimand.statistic
    plain: Any = statistic
    options = asdict(plain) if is_dataclass(statistic) else {"is": repr(statistic)}
    if type(statistic).__name__ not in RANGED and (known := trait(statistic, "range")):
        options |= {"name": statistic.name, "range": known}
    record = {field.name: getattr(estimand, field.name) for field in fields(Estimand)}
    record |= {
        "statistic": {"kind": type(statistic).__name__, **options},
        "better": estimand.better.value if estimand.better else None,
    }
    if estimand.margin is None:  # as it was written before there were margins
        for name in ("margin", "guard", "margin_reason"):
            del record[name]
    if not estimand.strata:  # as it was written before there were strata
        del record["strata"]
    record_of: dict[str, Any] = json.loads(json.dumps(record, default=_plain))
    return record_of


def ranges_of(records: Iterable[object]) -> dict[tuple[str, str], str]:
    """What estimates lie within, as their statistics declare: the trait `range`.

    >>> record = as_record(Estimand("refused", "refusal", Share(at_least=1)))
    >>> ranges_of([record])
    {('refusal', 'share >= 1'): 'share'}

    Args:
        records: what a run estimates, as `as_record` writes it; what is none is passed over.

    Returns:
        By metric and name of the statistic `share` or `metric`; of what has no bounds nothing.
    """
    ranges = {}
    for record in records:
        try:
            entries: Any = record
            options = dict(entries["statistic"])
            kind = RANGED.get(options.pop("kind"))
            statistic = SimpleNamespace(**options) if kind is None else kind(**options)
            ranges[entries["metric"], statistic.name] = statistic.range
        except (AttributeError, KeyError, TypeError, ValueError):
            continue
    return ranges


def _plain(value: Any) -> Any:
    """What JSON has for a value: a number of numpy's is a number."""
    return value.item() if hasattr(value, "item") else str(value)


def from_record(record: object) -> Estimand | None:
    """The estimand of a record; None where its statistic is not one of `KINDS`."""
    try:
        entries = dict(record)  # type: ignore[call-overload]
        options = dict(entries.pop("statistic"))
        statistic = KINDS[options.pop("kind")](**options)
        better = entries.pop("better")
        entries["strata"] = tuple(entries.get("strata", ()))
        return Estimand(
            **entries, statistic=statistic, better=Direction(better) if better else None
        )
    except (KeyError, TypeError, ValueError):
        return None
