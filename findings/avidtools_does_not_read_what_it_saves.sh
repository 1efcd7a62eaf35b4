#!/usr/bin/env bash
# avidtools 0.1.2 with pydantic 2: `Report.save` writes null for each field that was not set, and the
# same class refuses null for these fields, since they are declared as `X = None` and not as
# `X | None`. So a report as garak and giskard make them (no `metadata`, which AVID assigns) cannot be
# read back by the package that wrote it. Whoever writes a report must leave such keys out.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check avidtools==0.1.2 pydantic==2.14.3
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PY'
import json
from pathlib import Path

from avidtools.datamodels.components import LangValue
from avidtools.datamodels.report import Report
from pydantic import ValidationError

report = Report()
report.description = LangValue(lang="eng", value="a measurement")
report.save("report.json")
saved = Path("report.json").read_text()
print(saved)
try:
    Report.model_validate_json(saved)
    refused = []
except ValidationError as error:
    refused = sorted(str(part["loc"][0]) for part in error.errors())
print(f"refused on reading it back: {', '.join(refused)}")
assert "metadata" in refused and "metrics" in refused, refused
without = {name: value for name, value in json.loads(saved).items() if value is not None}
assert Report.model_validate(without).description.value == "a measurement"
PY
echo "seen as described"
