#!/usr/bin/env bash
# simplemma 2.0.0: `is_known(word, lang="en")` is true for the commonest words of other languages
# ("der", "nem", "saya", "jag", "que"), so that a share of known words does not tell English from
# German, Hungarian, Indonesian or Swedish by itself: whole sentences of function words pass.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check simplemma==2.0.0
"$folder/venv/bin/python" - <<'PY'
import simplemma

words = {"der": "German", "nem": "Hungarian", "saya": "Indonesian", "jag": "Swedish", "nicht": "German", "the": "English"}
known = {word: simplemma.is_known(word, lang="en") for word in words}
for word, language in words.items():
    print(f"{word!r} ({language}): known as English: {known[word]}")
assert known == {"der": True, "nem": True, "saya": True, "jag": True, "nicht": False, "the": True}, known
PY
echo "seen as described"
