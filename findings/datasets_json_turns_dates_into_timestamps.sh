#!/usr/bin/env bash
# datasets 5.2.0 with pyarrow 26.0.1: the JSON reader turns a column of texts into timestamps where
# every one of them looks like a day, so that an answer "2009-01-12" is compared as
# "2009-01-12 00:00:00"; one row that is no day keeps the whole column as texts. What a value is
# thus hangs on the other rows of the file. JSON itself has no dates.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check datasets==5.2.0 pyarrow==26.0.1
cd "$folder"
printf '%s\n' '{"question": "Which day?", "answer": "2009-01-12"}' '{"question": "And which?", "answer": "2010-02-03"}' > days.jsonl
printf '%s\n' '{"question": "Which day?", "answer": "2009-01-12"}' '{"question": "And which?", "answer": "none"}' > mixed.jsonl
HF_HOME="$folder/cache" "$folder/venv/bin/python" - <<'PY' 2>/dev/null
import datasets

seen = {}
for name in ("days", "mixed"):
    rows = datasets.load_dataset("json", data_files=f"{name}.jsonl", split="train")
    seen[name] = (str(rows.features["answer"].dtype), str(rows[0]["answer"]))
    print(f"{name}.jsonl: a column of {seen[name][0]}, the first answer is {seen[name][1]!r}")
assert seen["days"] == ("timestamp[s]", "2009-01-12 00:00:00"), seen
assert seen["mixed"] == ("string", "2009-01-12"), seen
PY
echo "seen as described"
