#!/usr/bin/env bash
# inspect_ai 0.3.285: a score whose value is a text that is no grade ("unparsed", where a scorer could
# not read an answer) counts as 0 in `accuracy`, as a wrong answer does; a warning is all that tells
# them apart. Whoever reads such a log anew must take the value from the sample, where the text still
# stands, and not from the log's results.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check inspect_ai==0.3.285
cd "$folder"
"$folder/venv/bin/python" - <<'PY' 2>/dev/null
import logging

from inspect_ai.scorer import SampleScore, Score, accuracy, value_to_float

warnings: list[str] = []


class Kept(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        warnings.append(record.getMessage())


logging.getLogger().addHandler(Kept())


def share_right(*values: str) -> float:
    scores = [SampleScore(score=Score(value=v), sample_id=n) for n, v in enumerate(values)]
    return float(accuracy()(scores))


unread, wrong = share_right("C", "unparsed"), share_right("C", "I")
print(f"accuracy of C and unparsed: {unread}; of C and I: {wrong}")
print(f"value_to_float gives {value_to_float()('unparsed')}; it warns: {warnings[-1]}")
assert unread == wrong == 0.5
assert value_to_float()("unparsed") == 0.0
assert "Unable to convert value to float: unparsed" in warnings
PY
echo "seen as described"
