"""A run's estimates as a table for a paper or a spreadsheet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.logs.export.rows import Whole
from harness.types import HarnessError

SHOWN = ("name", "statistic", "better", "by", "group", "estimate", "low", "high", "worst", "best",
         "n", "n_scored", "n_failed", "scorer_id", "validity")  # fmt: skip


class LatexForm:
    """Writes `RUN.tex`: every estimate over all samples with its interval and counts."""

    def write(self, whole: Whole, folder: Path) -> Sequence[str]:
        """Write the table by pandas, every text escaped."""
        import pandas as pd

        rows = [row for row in whole.run.rows if row["by"] is None]
        frame = pd.DataFrame(rows)[[name for name in SHOWN if name not in ("by", "group")]]
        path = folder / f"{whole.run.name}.tex"
        text = frame.style.format(precision=3, escape="latex", na_rep="missing").hide(axis="index")
        path.write_text(text.to_latex(hrules=True), "utf-8")
        return [f"{path}: {len(rows)} estimates"]


class ExcelForm:
    """Writes `RUN.xlsx`: a sheet of estimates, and one of what the run was."""

    def write(self, whole: Whole, folder: Path) -> Sequence[str]:
        """Write the workbook by pandas and openpyxl.

        Raises:
            HarnessError: openpyxl is not installed.
        """
        import pandas as pd

        try:
            import openpyxl  # noqa: F401
        except ImportError as error:
            raise HarnessError('to=excel needs openpyxl: pip install "harness[logs]"') from error
        path = folder / f"{whole.run.name}.xlsx"
        frame = pd.DataFrame(whole.run.rows)[list(SHOWN)]
        asked = pd.DataFrame(sorted(whole.run.question.items()), columns=["what", "value"])
        with pd.ExcelWriter(path, engine="openpyxl") as book:
            _plain(frame).to_excel(book, sheet_name="estimates", index=False)
            _plain(asked).to_excel(book, sheet_name="run", index=False)
        return [f"{path}: {len(frame)} estimates"]


def _plain(frame: Any) -> Any:
    """A frame whose texts no spreadsheet takes for formulas."""
    return frame.map(
        lambda value: f"'{value}" if isinstance(value, str) and value[:1] in "=+-@" else value
    )
