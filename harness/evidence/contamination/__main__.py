"""`python -m harness.evidence.contamination`: whether a model may have seen a task's items.

    python -m harness.evidence.contamination task=med_harm corpus=train.jsonl
    python -m harness.evidence.contamination prompts=mine.csv corpus=FOLDER judge=JUDGE
    python -m harness.evidence.contamination task=chemistry_safety task.twins=true model=MODEL

In a corpus it looks for ten words in a row, for the nearest text by meaning, and where a judge is
named for its word on whether that asks the same. Of a model alone it asks whether the items are
likelier than held-out texts or than their twins, and their options in the published order.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig

from harness.command import command_line, make, resolve
from harness.types import GenerationConfig, HarnessError, Model, Task, asked

if TYPE_CHECKING:
    from harness.evidence.contamination.accused import Alone
    from harness.evidence.contamination.corpus import Text
    from harness.evidence.contamination.matches import Seen


@dataclass
class ContaminationConfig:
    """Everything that `python -m harness.evidence.contamination` takes."""

    task: Any = None
    prompts: str | None = None
    corpus: str | None = None
    model: str | None = None
    reference: str | None = None
    held_out: str | None = None
    min_k: float = 0.2
    orders: int = 8
    text: str | None = None
    words: int = 10
    nearest: int = 1
    judge: str | None = None
    kind: str = "knowledge"
    out: str | None = None
    judge_backend: Any = field(default_factory=dict)
    backend: Any = field(default_factory=dict)
    reference_backend: Any = field(default_factory=dict)
    protocol: str = "fast"
    protocols: dict[str, Any] = field(default_factory=dict)
    generation: Any = field(default_factory=GenerationConfig)
    scorers: dict[str, Any] = field(default_factory=dict)
    seed: int = 0


def main() -> None:
    """`python -m harness.evidence.contamination`."""
    ConfigStore.instance().store(name="contamination_schema", node=ContaminationConfig)
    command_line("contamination", _work)


def _work(cfg: DictConfig) -> int:
    if (cfg.task is None) == (cfg.prompts is None) or (cfg.corpus is None) == (cfg.model is None):
        raise HarnessError(
            "name task=NAME or prompts=FILE, and corpus=FILE or FOLDER, or model=MODEL alone"
        )
    seen = _alone(cfg) if cfg.corpus is None else _in_corpus(cfg)
    for line in seen.lines():
        print(line)
    if cfg.out is not None:
        lines = (json.dumps(row, ensure_ascii=False) for row in seen.rows())
        try:
            Path(cfg.out).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        except OSError as error:
            raise HarnessError(f"out={cfg.out!r} cannot be written ({error.strerror})") from error
    return 0


def _alone(cfg: DictConfig) -> Alone:
    """What tests of the model alone say."""
    from harness.evidence.contamination.suspect import (
        Suspicion,
        items_of_file,
        items_of_task,
        texts_in,
    )

    if not 0 < cfg.min_k <= 1 or cfg.orders < 0:
        raise HarnessError(
            f"min_k={cfg.min_k} must be above 0 and up to 1, orders={cfg.orders} 0 or more"
        )
    if cfg.judge is not None:
        raise HarnessError("judge= reads texts of a corpus: name corpus=FILE or FOLDER with it")
    resolve(cfg)
    model = make("backend", cfg.backend, Model)
    named = cfg.reference is not None
    reference = make("reference_backend", cfg.reference_backend, Model) if named else None
    if cfg.prompts is not None:
        items = items_of_file(Path(cfg.prompts), cfg.text)
    else:
        items = items_of_task(make("task", cfg.task, Task))
    held_out = cfg.held_out and texts_in(Path(cfg.held_out), cfg.text, "held_out")
    suspicion = Suspicion(model, reference, cfg.min_k, cfg.orders, cfg.seed)
    return suspicion.of(items, held_out or ())


def _in_corpus(cfg: DictConfig) -> Seen:
    """What stands in the corpus."""
    from harness.evidence.contamination.judge import KINDS

    if cfg.words < 1 or cfg.nearest < 0:
        raise HarnessError(f"words={cfg.words} must be at least 1, nearest={cfg.nearest} 0 or more")
    if cfg.kind not in KINDS:
        raise HarnessError(f"kind={cfg.kind!r} is none of {', '.join(KINDS)}")
    if cfg.judge is not None and not cfg.nearest:
        raise HarnessError("a judge is asked of the nearest texts: nearest=1 or more")
    resolve(cfg)
    judge = make("judge_backend", cfg.judge_backend, Model) if cfg.judge is not None else None
    ids, items = _items(cfg)
    return look(ids, items, cfg, judge)


def look(ids: Sequence[str], items: Sequence[str], cfg: DictConfig, judge: Model | None) -> Seen:
    """Look for items in the corpus, which is read once for words and once for meaning."""
    from harness.evidence.contamination.corpus import texts_of
    from harness.evidence.contamination.judge import verdicts
    from harness.evidence.contamination.matches import Seen
    from harness.evidence.contamination.nearest import nearest
    from harness.evidence.contamination.ngrams import RULES, Finder

    corpus, count = Path(cfg.corpus), _Count()
    finders = [Finder(items, rule, cfg.words) for rule in RULES]
    for batch in _parts(count.of(texts_of(corpus, cfg.text))):
        for finder in finders:
            finder.look(batch)
    overlaps = [finder.overlap for finder in finders]
    if not cfg.nearest:
        return Seen(ids, count.texts, overlaps, empty=count.empty)
    from harness.scorers.offline.minilm import SentenceEncoder

    near, empty = nearest(items, texts_of(corpus, cfg.text), SentenceEncoder(), cfg.nearest)
    if judge is None:
        return Seen(ids, count.texts, overlaps, near, empty)
    pairs = [(n, (items[n], each.text.text)) for n, of_item in enumerate(near) for each in of_item]
    answers = verdicts(judge, [pair for _, pair in pairs], cfg.kind)
    by_item = [
        [v for (m, _), v in zip(pairs, answers, strict=True) if m == n] for n in range(len(ids))
    ]
    return Seen(ids, count.texts, overlaps, near, empty, by_item)


class _Count:
    """Counts texts as they go by."""

    def __init__(self) -> None:
        self.texts = self.empty = 0

    def of(self, texts: Iterable[Text]) -> Iterator[Text]:
        for text in texts:
            self.texts += 1
            self.empty += not text.text.strip()
            yield text


def _parts(texts: Iterable[Text]) -> Iterator[list[Text]]:
    from itertools import islice

    stream = iter(texts)
    while part := list(islice(stream, 1024)):
        yield part


def _items(cfg: DictConfig) -> tuple[list[str], list[str]]:
    """The ids and the texts of what is looked for."""
    from harness.evidence.contamination.corpus import texts_of

    if cfg.prompts is not None:
        rows = list(texts_of(Path(cfg.prompts), cfg.text, "prompts"))
        return [str(row.number) for row in rows], [row.text for row in rows]
    task: Task = make("task", cfg.task, Task)
    samples = list(task.samples(task.records()))
    return [sample.id for sample in samples], [asked(sample.prompt) for sample in samples]


if __name__ == "__main__":
    main()
