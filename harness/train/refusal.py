"""Makes the weights of the refusal scorer: three logistic regressions over what it reads.

The first asks whether an answer may refuse, by its words alone; the second whether it does, and the
third whether it does so wholly, by its words and by what its sentences do.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.data import read_file
from harness.scorers.rules import refusal_features as features
from harness.scorers.rules.refusal import COLUMNS, Verdict, clean, own_text
from harness.scorers.rules.refusal_acts import act_of, sentences_of
from harness.types import written_whole

ANSWERS = Path(__file__).with_name("refusal_answers.jsonl")
OPENINGS = Path(__file__).with_name("refusal_openings.jsonl")
MODELS = ("gpt4", "llama2new", "mistralinstruct")
OF_XSTEST: Mapping[str, Verdict] = {"1": "none", "2": "full", "3": "partial"}
TURNS = ("However, ", "But ", "That said, ", "", "", "What I can tell you: ", "Still, ")
TOPICS = ("fraud", "violence", "lying", "theft", "hatred", "it", "cheating", "drug use", "that")
COUNSEL = 1000
"""Answers of therapists, of 2,129."""
PLAIN = 300
"""Answers to everyday instructions (PandaLM's test set); nobody labelled them, few refuse."""
MOST = 6000
"""Features that are kept: those that move the most answers the furthest."""
STRENGTH = 0.3
"""Inverse of the penalty on squared weights."""
OF_WORDS = (0.5, 0.3)
"""How much less words may say of the second and of the third question than shape and acts do."""
WEIGHT = {"xstest": 1, "safe": 0.7, "counsel": 1, "plain": 0.5, "joined": 0.5, "own": 2}
"""Of an answer in the first two questions, by where it comes from."""
JOINED_WHOLLY = 0.1
"""Of answers that were joined from two in the third question."""
SENTENCE = re.compile(r"(?<=[.!?])\s+")
Row = Mapping[str, Any]


class Labelled(NamedTuple):
    """An answer, how far it refuses, and where it comes from."""

    request: str
    answer: str
    verdict: Verdict
    source: str


def answers(data: Path, seed: int, models: Sequence[str] = MODELS) -> Iterator[Labelled]:
    """XSTest by people, safe responses, therapists', everyday ones, ours, and joined ones.

    Args:
        data: the folder with the published sets.
        seed: of what is drawn.
        models: of XSTest, whose answers are in it.
    """
    draw = random.Random(seed)
    of_people = [
        Labelled(str(row["prompt"]), str(row["completion"]), verdict, "xstest")
        for model in models
        for row in read_file(data / "xstest" / f"{model}.csv")
        for verdict in [OF_XSTEST[str(row["final_label"])[0]]]
    ]
    safe = list(read_file(data / "med_safety_bench" / "train.jsonl"))
    of_counsel = read_file(data / "counsel_chat" / "counsel_chat.csv.gz")
    counsel = [row for row in of_counsel if row["answerText"]]
    draw.shuffle(safe)
    draw.shuffle(counsel)
    drafts = list(ours())
    yield from of_people
    for row in safe[:200]:
        yield Labelled(*_of_safe(row), "full", "safe")
    for row in counsel[:COUNSEL]:
        yield Labelled(str(row["questionText"]), str(row["answerText"]), "none", "counsel")
    for row in list(read_file(data / "pandalm" / "testset_first_500.jsonl"))[:PLAIN]:
        if any(map(str.isalpha, str(row["response1"]))):
            request = f"{row['instruction']} {row['input']}"
            yield Labelled(request, str(row["response1"]), "none", "plain")
    yield from joined(of_people, drafts, draw)
    for row in safe[200:400]:  # without its first sentence a refusal only condemns and refers
        request, answer = _of_safe(row)
        later_sentences = SENTENCE.split(answer.strip())[1:]
        if later_sentences:
            yield Labelled(request, " ".join(later_sentences), "full", "joined")
    yield from drafts


def ours() -> Iterator[Labelled]:
    """Our own answers, in many voices."""
    verdicts: Mapping[str, Verdict] = {verdict: verdict for verdict in OF_XSTEST.values()}
    for row in read_file(ANSWERS):
        verdict = verdicts[str(row["verdict"])]
        yield Labelled(str(row["request"]), str(row["answer"]), verdict, "own")


def joined(
    of_people: Sequence[Labelled],
    drafts: Sequence[Labelled],
    draw: random.Random,
    n: int = 150,
) -> Iterator[Labelled]:
    """Refusals and disclaimers, each with an answer that complies: partial, and none."""
    complying = [row for row in of_people if row.verdict == "none"]
    complying += [row for row in drafts if row.verdict == "none"] * 2
    refusals = [row.answer for row in drafts if row.verdict == "full" and len(row.answer) < 120]
    openings = [str(row["opening"]) for row in read_file(OPENINGS)]
    for _ in range(n):
        row, refusal, turn = draw.choice(complying), draw.choice(refusals), draw.choice(TURNS)
        answer = row.answer[0].lower() + row.answer[1:] if turn else row.answer
        if draw.random() < 0.25:
            yield Labelled(row.request, f"{row.answer} {refusal}", "partial", "joined")
        else:
            yield Labelled(row.request, f"{refusal} {turn}{answer}", "partial", "joined")
        row = draw.choice(complying)
        opening = draw.choice(openings).format(t=draw.choice(TOPICS))
        gap = draw.choice((" ", "\n\n"))
        yield Labelled(row.request, f"{opening}{gap}{row.answer}", "none", "joined")


def fit(rows: Sequence[Labelled]) -> Mapping[str, tuple[float, ...]]:
    """What each feature adds to the log odds of three questions; few features are kept."""
    read = [_read(row) for row in rows]
    counts = Counter(name for of_row in read for name in of_row)
    names = [name for name, count in counts.items() if count > 1]
    weights = _three(rows, read, names)
    reach = np.abs(weights[1:]).max(axis=1) * np.sqrt([counts[name] for name in names])
    names = [names[i] for i in sorted(np.argsort(-reach, kind="stable")[:MOST].tolist())]
    weights = _three(rows, read, names)
    return dict(zip(["", *names], map(tuple, weights.round(4).tolist()), strict=True))


def save(table: Mapping[str, tuple[float, ...]], path: Path) -> None:
    """Write weights, a feature a line."""
    lines = ["## Made by python -m harness.train recipe=refusal: log odds that a feature adds."]
    lines += ["\t".join(("feature", *COLUMNS))]
    for name, weights in sorted(table.items()):
        if any(weights):
            lines.append("\t".join((name, *(f"{weight:g}" for weight in weights))))
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(path) as file:
        file.write(("\n".join(lines) + "\n").encode())


def _of_safe(row: Row) -> tuple[str, str]:
    """A request of MedSafetyBench and its safe response."""
    return str(row["harmful_medical_request"]), str(row["safe_response"])


def _three(
    rows: Sequence[Labelled], read: Sequence[Mapping[str, float]], names: Sequence[str]
) -> NDArray[np.float64]:
    """The weights of the three questions, a column each; the first row is where they begin."""
    refuses = np.array([row.verdict != "none" for row in rows])
    wholly = np.array([row.verdict == "full" for row in rows])
    weight = np.array([WEIGHT[row.source] for row in rows])
    third = np.where([row.source == "joined" for row in rows], JOINED_WHOLLY, weight)
    quick = np.array([features.is_quick(name) for name in names], float)
    dense = np.array([name[0] in "@#" and len(name) > 1 for name in names])
    of_second, of_third = [np.where(dense, 1.0, of_words) for of_words in OF_WORDS]
    columns = [
        _logistic(_matrix(read, names, quick), refuses, weight) * [1, *quick],
        _logistic(_matrix(read, names, of_second), refuses, weight) * [1, *of_second],
        _logistic(_matrix(read, names, of_third), wholly, third * refuses) * [1, *of_third],
    ]
    return np.stack(columns, axis=1)


def _read(row: Labelled) -> Mapping[str, float]:
    """Everything that the scorer may read of an answer."""
    answer = own_text(row.answer)
    text, acts = answer.lower(), [act_of(sentence.lower()) for sentence in sentences_of(answer)]
    request = features.asked(clean(row.request).lower())
    sentences = features.tokens(text)
    words = dict.fromkeys(features.words_of(sentences) | features.placed_of(sentences), 1.0)
    shape = features.shape_of(sentences, text, request)
    return {**words, **shape, **features.acts_of(acts, request.whether)}


def _matrix(read: Sequence[Mapping[str, float]], names: Sequence[str], scale: NDArray[Any]) -> Any:
    """Answers by features, scaled: what is scaled down is penalised the more."""
    from scipy.sparse import csr_matrix

    place = {name: i for i, name in enumerate(names)}
    cells = [
        (i, place[name], value * scale[place[name]])
        for i, of_row in enumerate(read)
        for name, value in of_row.items()
        if name in place
    ]
    i, j, values = (np.array(column) for column in zip(*cells, strict=True))
    return csr_matrix((values.astype(float), (i, j)), shape=(len(read), len(names)))


def _logistic(matrix: Any, yes: NDArray[np.bool_], weight: NDArray[np.float64]) -> Any:
    """Weights of a penalised logistic regression; the first is where it begins, unpenalised."""
    from scipy.optimize import minimize
    from scipy.special import expit

    sign, turned = np.where(yes, 1.0, -1.0), matrix.T.tocsr()

    def loss(beta: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margin = sign * (beta[0] + matrix @ beta[1:])
        value = 0.5 * beta[1:] @ beta[1:] + STRENGTH * (weight * np.logaddexp(0, -margin)).sum()
        slope = -STRENGTH * weight * sign * expit(-margin)
        return value, np.concatenate([[slope.sum()], beta[1:] + turned @ slope])

    start = np.zeros(matrix.shape[1] + 1)
    return minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 300}).x
