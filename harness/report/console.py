"""The table of a run as it is printed."""

from __future__ import annotations

import sys

from harness.show import ARROWS, WIDTH, missing_lines, number
from harness.store import Result
from harness.types import visible


def print_result(result: Result) -> None:
    """The estimates of a run as a table that a person can read."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    rows, info = result.estimates.to_pylist(), result.info
    identity = info["identity"]
    console = Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False, markup=False)
    console.print(
        f"{identity['task']} version {identity['task_version']}, protocol {identity['protocol']}, "
        f"data {identity['data']}@{identity['data_sha256'][:8]}, model {info['model']}, "
        f"mitigation {info['mitigation']}: {info['samples']} samples, {info['generations']} "
        f"generations, {info['generations_failed']} of them failed, {info['generations_cut']} cut "
        "at max_new_tokens"
    )
    withheld, empty = (info.get(f"generations_{kind}") for kind in ("filtered", "empty"))
    if withheld or empty:
        console.print(f"{withheld} answers withheld by a filter of the server's, {empty} empty")
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("estimate")
    for name in ("value", "95 % interval", "worst", "best", "n", "scored", "failed"):
        table.add_column(name, justify="right", no_wrap=True)
    heading = None
    for row in rows:
        title = f"{ARROWS[row['better']]} {row['name']}"
        if row["by"] and heading != (heading := f"{title} by {row['by']}"):
            table.add_row(heading)
        name = f"    {row['group']}" if row["by"] else f"{title} ({row['statistic']})"
        if row["n"] == 0:
            table.add_row(name, "no samples")
            continue
        table.add_row(
            name,
            number(row["estimate"]),
            f"{number(row['low'])} to {number(row['high'])}",
            number(row["worst"]),
            number(row["best"]),
            *(str(row[name]) for name in ("n", "n_scored", "n_failed")),
        )
    console.print(table)
    console.print(
        "\u2193 lower is better, \u2191 higher is better, \u2194 the nearer to zero the better, "
        "\u00b7 neither; worst and best: the value if all that failed had been at that end"
    )
    cautions: dict[tuple[str, str], dict[str, None]] = {}
    for row in rows:
        cautions.setdefault((row["scorer_id"], row["validity"]), {})[row["metric"]] = None
    for (scorer_id, caution), metrics in cautions.items():
        console.print(f"{', '.join(metrics)} by {scorer_id}: {caution}")
    for name, told in info["sessions"][-1].get("scorers", {}).items():
        console.print(f"{name}: {', '.join(f'{key} {value}' for key, value in told.items())}")
    if info["not_computed"]:
        names = ", ".join(dict.fromkeys(info["not_computed"]))
        console.print(f"not computed, for no scorer gives it: {names}")
    for line in missing_lines(info.get("missing", {})):
        console.print(line)
    for note in info.get("notes", []):
        console.print(f"note: {visible(note)}")
    console.print(f"\nrun folder: {result.folder}", soft_wrap=True)
