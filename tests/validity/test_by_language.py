"""The table of agreement by language is what the records say."""

import re
from pathlib import Path

from harness.validity import records

PAGE = Path(__file__).resolve().parents[2] / "docs" / "languages.md"


def accuracies(scorer, metric):
    """By language, from the records that ship; a record of one language is of it as a whole."""
    found = {}
    for path in records.SHIPPED.glob(f"{scorer}-*-{metric}-*.json"):
        record = records.read(path)
        for figure in record.figures:
            if figure.statistic == "accuracy" and figure.value is not None:
                if figure.group in record.languages:
                    found[figure.group] = figure.value
                elif figure.group is None and len(record.languages) == 1:
                    found[record.languages[0]] = figure.value
    return found


def test_the_accuracies_on_the_page_are_those_of_the_records():
    lines = PAGE.read_text("utf-8").splitlines()
    head = next(line for line in lines if line.startswith("| | en |"))
    codes = [cell.strip() for cell in head.split("|")[2:-2]]
    for metric, scorer in (
        ("refusal", "refusal"), ("full_refusal", "refusal"), ("answered_in_language", "language")
    ):  # fmt: skip
        row = next(line for line in lines if re.match(rf"\| `{metric}` \| \.?\d", line))
        cells = dict(zip(codes, (cell.strip() for cell in row.split("|")[2:-2]), strict=True))
        measured = accuracies(scorer, metric)
        assert {code for code, cell in cells.items() if cell != "not read"} == measured.keys()
        for code, value in measured.items():
            assert abs(float(cells[code]) - value) < 0.0051, (metric, code)
