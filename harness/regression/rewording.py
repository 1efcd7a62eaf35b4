"""Whether a regression may be one of words: answers hardly changed, or one scorer alone sees it.

Most of a change may come from answers that say the same in other words, or from one scorer where
every other one that read the same answers saw nothing. Neither makes a verdict milder, for a
scorer may be the only one to see what is wrong; both are told first.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from harness.regression.pairs import Pair
from harness.regression.verdict import Change, Comparison, Doubt, Part, Verdict
from harness.statistics import Floats, mean_of_rows
from harness.store import FinishedRun
from harness.types import Direction, Estimand, HarnessError

logger = logging.getLogger(__name__)
ALIKE = 0.9
"""Cosine of two answers' embeddings from which on they say nearly the same. Of XSTest's answers by
three models to 450 prompts, none of 340 pairs of which people call one a refusal and the other
none is as near; of 570 pairs that both comply 23 % are, of 285 that both refuse 2 %."""
MOST = 0.5
"""Share of a change from which on it is most of it."""
UNSEEN = 0.02
"""Of a scale: by less than this another scorer's mean has not moved."""
MOST_READ = 400
"""Samples of a task whose answers are read, those that got worst."""
LONG = 1000
"""Characters from either end of an answer that are compared: the encoder reads 256 tokens."""
GOOD_ENDS = (Direction.LOWER, Direction.HIGHER)
Texts = Mapping[str, list[str]]
"""Of each sample its answers, in order of seed and generation."""


class Worsened(NamedTuple):
    """The samples that got worse, the worst first, each with by how much."""

    ids: list[str]
    amounts: Floats


def doubts_of(comparison: Comparison) -> list[Doubt]:
    """Of each regression that may be one of words, or that one scorer alone could see, why."""
    tasks = dict.fromkeys(task for task, _, _ in _regressions(comparison))
    return [doubt for task in tasks for doubt in _of_task(comparison, task)]


def _of_task(comparison: Comparison, task: str) -> Iterator[Doubt]:
    """Those of one task, whose answers are read once for all of its regressions."""
    sides = [
        [run for run in side if run.question["task"] == task]
        for side in (comparison.baseline, comparison.candidate)
    ]
    pair = Pair.of(sides[0], sides[1])
    regressions = [item[1:] for item in _regressions(comparison) if item[0] == task]
    worsened = [_worsened(pair, change) for _, change in regressions]
    ids = dict.fromkeys(name for _, of_one in worsened for name in of_one.ids[:MOST_READ])
    same = _same_in_meaning(sides, list(ids)[:MOST_READ])
    for (name, change), (metric, of_one) in zip(regressions, worsened, strict=True):
        other_metrics = _other_metrics(pair, metric, of_one)
        reasons = [*_reworded(same, of_one), *_alone(metric, other_metrics, of_one)]
        by_words = bool(reasons)
        if not other_metrics:
            reasons.append(f"no other scorer read the {len(of_one.ids):,} samples that got worse")
        if reasons:
            estimand = f"{task}, {change.name if isinstance(change, Part) else change.estimand}"
            yield Doubt(name, estimand, "; ".join(reasons), by_words)


def _regressions(comparison: Comparison) -> Iterator[tuple[str, str, Change | Part]]:
    """The task and the name of each, contrasts aside, which are of no sample."""
    for change in comparison.gated:
        if change.verdict is Verdict.REGRESSION and change.level is None:
            yield change.task, f"{change.task}, {change.name}", change
    for part in comparison.worse_parts:
        yield part.task, f"{part.task}, {part.name}, {part.by} {part.group}", part


def _worsened(pair: Pair, change: Change | Part) -> tuple[str, Worsened]:
    """The metric, and what got worse of a mean or a group, or the new worst cases of a tail."""
    if isinstance(change, Change) and change.is_tail:
        return change.metric, Worsened(list(change.samples), np.asarray(change.changes))
    name, by, group = (
        (change.name, change.by, change.group)
        if isinstance(change, Part)
        else (change.estimand, None, None)
    )
    estimand = next(e for e in pair.estimands if (e.name, e.by) == (name, by))
    numbers = dict(pair.facts.groups(estimand))[group]
    amounts = _by_how_much(pair, estimand, estimand.metric)[numbers]
    order = np.argsort(np.where(np.isnan(amounts), -np.inf, amounts))[::-1]
    order_of = order[amounts[order] > 0]
    return estimand.metric, Worsened(
        [str(i) for i in pair.ids[numbers[order_of]]], amounts[order_of]
    )


def _by_how_much(pair: Pair, estimand: Estimand | None, metric: str) -> Floats:
    """How much worse each sample is by an estimand, or by the mean of a metric; NaN: not known."""
    of_samples: Callable[[Floats], Floats] = mean_of_rows
    better = pair.sides[0][0].metrics[metric].better
    if estimand is not None:
        of_samples = estimand.statistic.of_samples  # type: ignore[union-attr]
        better = pair.metric(estimand).better
    before, after = (
        mean_of_rows(np.stack([of_samples(run[metric]) for run in side], axis=1))
        for side in pair.scores
    )
    return before - after if better is Direction.HIGHER else after - before


def _reworded(same: Mapping[str, bool], worsened: Worsened) -> Iterator[str]:
    """That most of a change comes from answers that say the same as before."""
    read = np.array([name in same for name in worsened.ids], dtype=np.bool_)
    alike = np.array([same.get(name, False) for name in worsened.ids], dtype=np.bool_)
    share = worsened.amounts[alike].sum() / max(worsened.amounts[read].sum(), 1e-12)
    if share > MOST:
        yield (
            f"{share:.0%} of the change is from answers that hardly changed in meaning "
            f"({alike.sum():,} of {read.sum():,} samples that got worse and were read: refusals "
            f"before and after, or texts with a cosine of {ALIKE:g} or more)"
        )


def _same_in_meaning(
    sides: Sequence[Sequence[FinishedRun]], ids: Sequence[str]
) -> Mapping[str, bool]:
    """Of each sample whether at least half of its answers say the same on both sides."""
    texts = [_texts(side, ids) for side in sides]
    pairs = [list(zip(*(side.get(name, []) for side in texts), strict=False)) for name in ids]
    alike = iter(alike_in_meaning([two for of_sample in pairs for two in of_sample]))
    shares = [sum(next(alike) for _ in two) / max(len(two), 1) for two in pairs]
    return {name: share >= MOST for name, share in zip(ids, shares, strict=True)}


def _texts(runs: Sequence[FinishedRun], ids: Sequence[str]) -> Texts:
    texts: dict[str, list[str]] = {}
    value_set = pa.array(ids, pa.string())
    for run in runs:
        rows = []
        for part in run.generation_parts():
            chosen = pc.is_in(part["sample_id"], value_set=value_set)
            rows += part.filter(chosen).select(["sample_id", "index", "text"]).to_pylist()
        for row in sorted(rows, key=lambda row: int(row["index"])):
            texts.setdefault(row["sample_id"], []).append(row["text"] or "")
    return texts


def alike_in_meaning(pairs: Sequence[tuple[str, str]]) -> list[bool]:
    """Of each pair of answers whether both say nearly the same.

    Both refuse, by the rules that read refusals, or the cosine of their embeddings (MiniLM, English
    alone) is at least `ALIKE`, at their beginnings and at their ends. The encoder hardly tells
    `can` from `cannot`: a pair that differs in such a word alone is called alike, which is why this
    is a doubt and never a verdict.
    """
    from harness.scorers.readable import unreadable
    from harness.scorers.rules.refusal import read_refusal

    alike = [" ".join(a.split()) == " ".join(b.split()) for a, b in pairs]
    for at, two in enumerate(pairs):
        if not alike[at] and all(map(str.strip, two)):
            alike[at] = all(read_refusal(text).verdict == "full" for text in two)
    undecided = [
        at for at, two in enumerate(pairs)
        if not alike[at] and all(text.strip() and unreadable(text) is None for text in two)
    ]  # fmt: skip
    for at, cosine in zip(undecided, _cosines([pairs[at] for at in undecided]), strict=True):
        alike[at] = cosine >= ALIKE
    return alike


def _cosines(pairs: Sequence[tuple[str, str]]) -> list[float]:
    """The smaller cosine of both ends of two texts; 0, with a warning, without the encoder."""
    if not pairs:
        return []
    from harness.scorers.encoder import encoder_folder

    try:
        encoder_folder()
    except HarnessError as error:
        logger.warning("whether answers changed in their words alone was not looked at: %s", error)
        return [0.0] * len(pairs)
    from harness.scorers.offline.minilm import SentenceEncoder

    texts = [part for two in pairs for text in two for part in (text[:LONG], text[-LONG:])]
    different = list(dict.fromkeys(texts))
    place = {text: at for at, text in enumerate(different)}
    embedded = SentenceEncoder()(different)[[place[text] for text in texts]].reshape(
        len(pairs), 2, 2, -1
    )
    return np.einsum("pec,pec->pe", embedded[:, 0], embedded[:, 1]).min(axis=1).tolist()  # type: ignore[no-any-return]


def _other_metrics(pair: Pair, metric: str, worsened: Worsened) -> dict[str, float]:
    """Of each other scorer's metrics how much worse these samples got, as a share of its scale."""
    place = {str(name): at for at, name in enumerate(pair.ids)}
    numbers = [place[name] for name in worsened.ids]
    scorers, moved = _scorers(pair.sides[0][0]), {}
    scorer = scorers.get(metric, metric)
    for other, meaning in pair.sides[0][0].metrics.items():
        scored = all(other in run for side in pair.scores for run in side)
        if not scored or scorers.get(other, other) == scorer or meaning.better not in GOOD_ENDS:
            continue
        amounts = _by_how_much(pair, None, other)[numbers]
        if not np.isnan(amounts).all():
            moved[other] = float(np.nanmean(amounts)) / (meaning.high - meaning.low)
    return moved


def _alone(metric: str, other_metrics: Mapping[str, float], worsened: Worsened) -> Iterator[str]:
    """That no other scorer of the runs sees these answers get worse."""
    if other_metrics and all(moved < UNSEEN for moved in other_metrics.values()):
        changes = ", ".join(
            f"{name} {moved:+z.1%} of its scale" for name, moved in other_metrics.items()
        )
        yield (
            f"{metric} alone sees it: no other scorer of these runs sees these "
            f"{len(worsened.ids):,} samples get worse ({changes})"
        )


def _scorers(run: FinishedRun) -> Mapping[str, str]:
    """Of each metric of a run who gave it."""
    named = {str(row["metric"]): str(row["scorer_id"]) for row in run.rows}
    for part in run.score_parts(["metric", "scorer_id"]):
        if "scorer_id" in part.column_names:
            rows = part.group_by(["metric", "scorer_id"]).aggregate([]).to_pylist()
            named |= {row["metric"]: row["scorer_id"] for row in rows}
    return named
