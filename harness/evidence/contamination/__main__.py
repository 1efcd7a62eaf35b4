"""`python -m harness.evidence.contamination`: whether a task's items stand in a corpus.

    python -m harness.evidence.contamination task=med_harm corpus=train.jsonl
    python -m harness.evidence.contamination prompts=mine.csv corpus=FOLDER judge=JUDGE

Looks for ten words in a row, for the nearest text by meaning, and where a judge is named for its
word on whether that asks the same.
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
    from harness.evidence.contamination.corpus import Text
    from harness.evidence.contamination.found import Seen


@dataclass
class ContaminationConfig:
    """Everything that `python -m harness.evidence.contamination` takes."""

    task: Any = None
    prompts: str | None = None
    corpus: str | None = None
    text: str | None = None
    words: int = 10
    nearest: int = 1
    judge: str | None = None
    kind: str = "knowledge"
    out: str | None = None
    judge_backend: Any = field(default_factory=dict)
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
    from harness.evidence.contamination.judge import KINDS

    if (cfg.task is None) == (cfg.prompts is None) or cfg.corpus is None:
        raise HarnessError("name task=NAME or prompts=FILE, and corpus=FILE or FOLDER")
    if cfg.words < 1 or cfg.nearest < 0:
        raise HarnessError(f"words={cfg.words} must be at least 1, nearest={cfg.nearest} 0 or more")
    if cfg.kind not in KINDS:
        raise HarnessError(f"kind={cfg.kind!r} is none of {', '.join(KINDS)}")
    if cfg.judge is not None and not cfg.nearest:
        raise HarnessError("a judge is asked of the nearest texts: nearest=1 or more")
    resolve(cfg)
    judge = make("judge_backend", cfg.judge_backend, Model) if cfg.judge is not None else None
    ids, items = _items(cfg)
    seen = look(ids, items, cfg, judge)
    for line in seen.lines():
        print(line)
    if cfg.out is not None:
        lines = (json.dumps(row, ensure_ascii=False) for row in seen.rows())
        try:
            Path(cfg.out).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        except OSError as error:
            raise HarnessError(f"out={cfg.out!r} cannot be written ({error.strerror})") from error
    return 0


def look(ids: Sequence[str], items: Sequence[str], cfg: DictConfig, judge: Model | None) -> Seen:
    """Look for items in the corpus, which is read once for words and once for meaning."""
    from harness.evidence.contamination.corpus import texts_of
    from harness.evidence.contamination.found import Seen
    from harness.evidence.contamination.judge import verdicts
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
    said = verdicts(judge, [pair for _, pair in pairs], cfg.kind)
    by_item = [
        [v for (m, _), v in zip(pairs, said, strict=True) if m == n] for n in range(len(ids))
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
