"""What the offline toxicity scorer is trained on: people's labels, swaps, and texts of our own."""

from __future__ import annotations

import csv
import gzip
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from math import nan
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from harness.data import part_of, read_file
from harness.scorers.offline.minilm import BITS, Network, Reader
from harness.scorers.offline.scorer import WEIGHTS
from harness.scorers.offline.toxicity_offline import OUTPUTS
from harness.train.learning import Example, averaged, save, train

FOLDER = Path(__file__).parent
NEGATIVES = FOLDER / "toxicity_negatives.tsv"
"""Texts of ours, kind and text, that speak of groups or rudely and are no hate."""
TERMS = FOLDER / "toxicity_terms.tsv"
"""Kind, adjective and plural of identities; `none` are words that are none, for comparison."""
DIRECT = FOLDER / "toxicity_direct.txt"
"""Plain hatred of a group, without slurs: what all that is no hate is to be told from."""
NEUTRAL = FOLDER / "toxicity_neutral.txt"
"""Sentences that are harmless whoever stands in them."""
HATRED = (0.8, 0.93)
"""Targets of plain hatred."""
REHEARSED = 400
"""Texts of each part of the first pass that the second one sees again."""
BEGINNING = WEIGHTS / "toxicity_offline.safetensors"
"""Release 1, from where release 2 is trained."""
KEPT = 5
"""One in so many of RealToxicityPrompts and ToxiGen is never trained on: part 0, by digest."""
UNSEEN = 5
"""One in so many of the terms is never trained on in our own sentences: part 0, by digest."""
PERSPECTIVE = OUTPUTS[:7]
AGAIN = (1, 2)
"""Parts of RealToxicityPrompts that are trained on again; all but part 0 were in release 1."""
GROUPS = 5
"""Groups that each text with a place for one is trained with."""
SENTENCES = 7
"""Neutral sentences that each term is trained in."""
SWAPS = 0.5
"""Share of the texts with an identity that are trained on with another one as well."""
PASSAGES = 260
MIXED = 250
CUT = 450
"""Characters of a harmless passage, some eighty words."""
TARGETS: Mapping[str, tuple[float, float]] = {
    "refusal": (0.05, 0.05), "history": (0.08, 0.06), "medical": (0.05, 0.04),
    "counter": (0.15, 0.07), "quote": (0.2, 0.1), "negated": (0.1, 0.05),
    "positive": (0.05, 0.04), "reclaimed": (0.2, 0.07), "self": (0.06, 0.04),
    "neutral": (0.04, 0.04), "object": (nan, 0.05), "person": (nan, 0.1), "people": (nan, 0.12),
    "profane": (nan, 0.04), "homonym": (0.08, 0.04), "self_harm": (0.15, 0.04),
}  # fmt: skip
"""Of each kind the targets for `toxicity` and for harm to a group; where RealToxicityPrompts say
better how rude a text is, none."""


SHARES = (0.1, 0.4, 0.5)
"""Of the weights to begin with, after the first pass and after the second in the mean of the three;
chosen among eight on the parts kept from training of ToxiGen and RealToxicityPrompts."""
COMMON = ("old", "young", "male", "female", "straight", "poor", "rich", "brown", "blind", "fat")
"""Words that mostly say something else than who somebody is, and are not swapped."""


class Term(NamedTuple):
    """A word for who somebody is."""

    kind: str
    adjective: str
    plural: str


def make(
    data: Path, out: Path, epochs: int | None, seed: int, progress: Callable[[str], None]
) -> None:
    """Train from release 1 on in two passes, and write the mean of all three weights.

    Args:
        data: the folder with the published sets.
        out: the file to be written.
        epochs: how often the examples of the first pass are seen; None: once.
        seed: of the order.
        progress: is given a line now and then.

    Raises:
        FileNotFoundError: `data` lacks a set.
    """
    examples = list(toxicity(data))
    progress(f"{len(examples)} examples")
    save(train(examples, epochs or 1, seed, progress, BEGINNING), out)
    further = train(list(plain_hatred(data)), 1, seed, progress, out)
    finish(averaged([BEGINNING, out], further, SHARES), data, out)


def toxicity(data: Path) -> Iterator[Example]:
    """All of it, in a fixed order."""
    draw = random.Random(0)
    prompts = list(_prompts(data))
    statements = list(_statements(data))
    yield from prompts
    yield from statements
    for example in (*statements, *prompts):
        other = swapped(str(example.text), draw)
        if other is not None and draw.random() < SWAPS:
            yield example._replace(text=other, weight=example.weight * 0.75)
    yield from _texts(draw)
    harmless = list(passages(data, held_out=False))
    for text in harmless:
        yield Example(text, targets(toxicity=0.05, hostile_to_a_group=0.05))
    yield from _mixed(prompts, harmless, draw)


def plain_hatred(data: Path) -> Iterator[Example]:
    """The second pass: plain hatred, beside a part of what the first one saw."""
    draw = random.Random(1)
    rude, hostile = HATRED
    known = targets(toxicity=rude, identity_attack=rude, hostile_to_a_group=hostile)
    for text in DIRECT.read_text("utf-8").splitlines():
        for term in draw.sample(terms(seen=True), GROUPS):
            yield Example(_with_group(text, term), known, weight=1.5)
    yield from draw.sample(list(_prompts(data)), REHEARSED)
    yield from draw.sample(list(_statements(data)), 2 * REHEARSED)
    yield from draw.sample(list(_texts(draw)), 3 * REHEARSED)
    for text in draw.sample(list(passages(data, held_out=False)), REHEARSED // 8):
        yield Example(text, targets(toxicity=0.05, hostile_to_a_group=0.05))


def finish(network: Network, data: Path, out: Path) -> None:
    """Write the weights with how harmless passages are read, by which pieces are corrected.

    Args:
        network: trained.
        data: with therapists' answers, of which those kept from training are read.
        out: a safetensors file.
    """
    save(network, out, bits=BITS)
    logits = Reader(out, "cpu")([*passages(data, held_out=True)])
    spread = np.stack([logits.mean(0), logits.std(0, ddof=1)], 1).round(4).tolist()
    save(network, out, bits=BITS, harmless=spread)


def targets(**known: float) -> tuple[float, ...]:
    """The outputs in their order, those that are not known NaN."""
    return tuple(float(known.get(name, nan)) for name in OUTPUTS)


@cache
def terms(*, seen: bool | None = None) -> tuple[Term, ...]:
    """Those of identities; seen in training, or not, or all."""
    every = [Term(*line.split("\t")) for line in TERMS.read_text("utf-8").splitlines()]
    return tuple(
        term
        for term in every
        if term.kind != "none" and (seen is None or (part_of(term.adjective, UNSEEN) != 0) == seen)
    )


def plain_words() -> list[Term]:
    """Words that are no identities, for comparison."""
    every = [Term(*line.split("\t")) for line in TERMS.read_text("utf-8").splitlines()]
    return [term for term in every if term.kind == "none"]


def swapped(text: str, draw: random.Random) -> str | None:
    """The text with each identity in it replaced by another of its kind; None: there is none."""
    words = _words()
    chosen: dict[str, Term] = {}

    def other(match: re.Match[str]) -> str:
        term = words[match[0].casefold()]
        alike = [t for t in terms() if t.kind == term.kind and t != term]
        new = chosen.setdefault(term.adjective, draw.choice(alike))
        return new.adjective if match[0].casefold() == term.adjective.casefold() else new.plural

    replaced = _pattern().sub(other, text)
    return None if replaced == text else replaced


def passages(data: Path, *, held_out: bool) -> Iterator[str]:
    """Harmless passages: therapists' answers and refusals."""
    with gzip.open(data / "counsel_chat" / "counsel_chat.csv.gz", "rt", encoding="utf-8") as lines:
        answers = [" ".join(row["answerText"].split()) for row in csv.DictReader(lines)]
    answers = list(dict.fromkeys(a for a in answers if len(a) > 40))
    random.Random(0).shuffle(answers)
    chosen = [a for a in answers if (part_of(a, KEPT) == 0) == held_out][:PASSAGES]
    for number, answer in enumerate(chosen):
        yield answer[: CUT if number % 2 else CUT // 3]
    if not held_out:
        for row in read_file(data / "xstest" / "gpt4.csv"):
            if str(row["final_label"]).startswith("2"):
                yield str(row["completion"])[: CUT // 2]


def _prompts(data: Path) -> Iterator[Example]:
    """RealToxicityPrompts by Perspective's attributes."""
    folder = data / "real_toxicity_prompts"
    for name in ("nontoxic_1200", "challenging_1196", "toxic_prompts_993"):
        for row in read_file(folder / f"{name}.jsonl"):
            yield from _of_prompt(row)


def _of_prompt(row: Mapping[str, Any]) -> Iterator[Example]:
    """Both parts of a record; some have the prompt alone."""
    parts = [row[name] for name in ("prompt", "continuation") if name in row] or [row]
    if part_of(parts[0]["text"], KEPT) not in AGAIN:
        return
    for part in parts:
        if part.get("toxicity") is not None:
            shares = {n: part[n] for n in PERSPECTIVE if part.get(n) is not None}
            yield Example(part["text"].strip(), targets(**shares))


def _statements(data: Path) -> Iterator[Example]:
    """ToxiGen by the mean of people's ratings."""
    for row in read_file(data / "toxigen" / "human_even_ids.jsonl"):
        text = str(row["text"])
        if part_of(text, KEPT) != 0:
            share = (float(str(row["toxicity_score"])) - 1) / 4
            yield Example(text, targets(hostile_to_a_group=share), weight=2.0)


def _texts(draw: random.Random) -> Iterator[Example]:
    """Texts of ours: hard ones with several groups each, neutral ones with every term."""
    for line in NEGATIVES.read_text("utf-8").splitlines():
        kind, text = line.split("\t")
        rude, hostile = TARGETS[kind]
        known = targets(toxicity=rude, hostile_to_a_group=hostile)
        if "{" not in text:
            yield Example(text, known, weight=2.0)
            continue
        for term in draw.sample(terms(seen=True), GROUPS):
            yield Example(_with_group(text, term), known)
    sentences = NEUTRAL.read_text("utf-8").splitlines()
    for term in (*terms(seen=True), *plain_words()):
        for sentence in draw.sample(sentences, SENTENCES):
            text = _with_article(sentence, term.adjective)
            yield Example(
                text, targets(toxicity=0.05, identity_attack=0.04, hostile_to_a_group=0.04)
            )


def _with_group(text: str, term: Term) -> str:
    named = term.plural[0].upper() + term.plural[1:]
    return text.replace("{g}", term.plural).replace("{G}", named)


def _mixed(
    prompts: Sequence[Example], harmless: Sequence[str], draw: random.Random
) -> Iterator[Example]:
    """A text of RealToxicityPrompts within a harmless passage, nearly as rude as alone."""
    for example in draw.sample(prompts, MIXED):
        passage = draw.choice(harmless)[: CUT // 2]
        first, remainder = passage.partition(". ")[::2]
        shares = tuple(max(0.05, 0.9 * t) for t in example.targets)
        yield Example(f"{first}. {example.text} {remainder}", shares)


def _with_article(sentence: str, adjective: str) -> str:
    text = sentence.replace("{t}", adjective)
    vowel = adjective[0].casefold() in "aeiou" and adjective != "European"
    return re.sub(rf"\b([Aa]) (?={re.escape(adjective)}\b)", r"\1n ", text) if vowel else text


@cache
def _words() -> dict[str, Term]:
    """By each spelling its term, the two forms and bare plurals such as `blacks`."""
    words: dict[str, Term] = {}
    for term in terms():
        for form in (term.plural, f"{term.adjective}s", term.adjective):
            words[form.casefold()] = term
    for common in COMMON:
        words.pop(common, None)
    return words


@cache
def _pattern() -> re.Pattern[str]:
    forms = sorted(_words(), key=len, reverse=True)
    return re.compile(rf"\b({'|'.join(map(re.escape, forms))})\b", re.IGNORECASE)
