"""Requests with answers in their language and in others, told by who wrote them.

python tests/scorers/language_pairs.py > pairs.jsonl
python -m harness.agreement scorer=[language] labels=pairs.jsonl format=own_language
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
REQUESTS = HERE.parents[1] / "tasks" / "multilingual_harm" / "requests.jsonl"


def pairs() -> Iterator[dict[str, object]]:
    """Of each request in each language one answer in it, and one in English or in another."""
    answers: dict[str, list[str]] = {"en": [r["answer"] for r in _rows("refusal_fresh.jsonl")]}
    for row in _rows("refusal_languages.jsonl"):
        answers.setdefault(row["language"], []).append(row["answer"])
    codes = sorted(answers)
    for place, language in enumerate(codes):
        for number, row in enumerate(map(json.loads, REQUESTS.read_text("utf-8").splitlines())):
            others = [code for code in codes[place + 1 :] + codes[:place] if code != "en"]
            other = "en" if number % 2 and language != "en" else others[number // 2 % len(others)]
            for code, place_of in ((language, number), (other, 40 + number)):
                yield {
                    "prompt": row[language],
                    "answer": answers[code][place_of],
                    "label": int(code == language),
                    "language": language,
                }


def _rows(name: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in (HERE / name).read_text("utf-8").splitlines()]


if __name__ == "__main__":
    for pair in pairs():
        print(json.dumps(pair, ensure_ascii=False))
