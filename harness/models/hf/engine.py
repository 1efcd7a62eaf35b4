"""From requests to generations: what is refused, what is written or weighed, and by which way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from harness.models.hf import plain
from harness.models.hf.choices import no_token
from harness.models.hf.loaded import LoadedModel
from harness.models.hf.rows import NO_NUMBERS, Row, Weighing
from harness.models.hf.sampling import uniforms
from harness.models.hf.weighing import weigh
from harness.models.hf.writing import write
from harness.types import Generation, GenerationConfig, Request


def generate(
    loaded: LoadedModel, requests: Sequence[Request], generation: GenerationConfig, seed: int
) -> Iterator[list[Generation]]:
    """Write answers to requests without choices; weigh the choices of the others."""
    rows: list[Row] = []
    weighings: list[Weighing] = []
    refused: list[Generation] = []
    for request in requests:
        items = _items(loaded, request, generation, seed)
        if reason := _refusal(loaded, items[0]):
            refused += [failed for item in items for failed in item.failed(reason)]
            continue
        for item in items:
            rows.append(item) if isinstance(item, Row) else weighings.append(item)
    if refused:
        yield refused
    yield from _answers(loaded, rows, weighings, generation)


def _answers(
    loaded: LoadedModel,
    rows: Sequence[Row],
    weighings: Sequence[Weighing],
    generation: GenerationConfig,
) -> Iterator[list[Generation]]:
    """Answer by our attention; by the model's own what does not fit ours, or broke in it."""
    ours = [row for row in rows if _fits(loaded, row)]
    ours_weighed = [weighing for weighing in weighings if _fits(loaded, weighing)]
    broken: set[tuple[str, int]] = set()
    if ours or ours_weighed:
        loaded.use_cascade(True)
    for answers in chain(write(loaded, ours, generation), weigh(loaded, ours_weighed)):
        # A row that is no number takes those beside it with it: all are asked again, apart.
        lost = [g for g in answers if (g.error or "").startswith(NO_NUMBERS)]
        broken |= {(g.sample_id, g.index) for g in lost}
        yield [g for g in answers if g not in lost] if lost else answers
    remaining = [r for r in rows if not _fits(loaded, r) or (r.sample_id, r.index) in broken]
    names = {sample_id for sample_id, _ in broken}
    weighed = [w for w in weighings if not _fits(loaded, w) or w.request.sample_id in names]
    if remaining or weighed:
        loaded.use_cascade(False)
    yield from plain.write(loaded, remaining, generation)
    yield from plain.weigh(loaded, weighed)


def _fits(loaded: LoadedModel, item: Row | Weighing) -> bool:
    """Whether our attention is right for it, of the model and of its auxiliaries."""
    longer = (len(asked) - len(item.prompt) for asked in item.beside)
    return item.width <= loaded.widest and all(
        item.width + more <= auxiliary.loaded.widest
        for auxiliary, more in zip(loaded.auxiliaries, longer, strict=True)
    )


def _refusal(loaded: LoadedModel, item: Row | Weighing) -> str | None:
    """Why a request cannot be run; None where it can."""
    if item.width > loaded.context:
        return (
            f"{item.width} tokens (prompt and answer) exceed the model's context of "
            f"{loaded.context}"
        )
    for auxiliary, asked in zip(loaded.auxiliaries, item.beside, strict=True):
        width = item.width - len(item.prompt) + len(asked)
        if width > auxiliary.loaded.context:
            return (
                f"{width} tokens (prompt and answer) exceed the context of "
                f"{auxiliary.loaded.context} of auxiliary {auxiliary.loaded.encoder.name!r}"
            )
    return no_token(item.request.choices, item.choices) if isinstance(item, Weighing) else None


def _items(
    loaded: LoadedModel, request: Request, generation: GenerationConfig, seed: int
) -> list[Row] | list[Weighing]:
    """A request in tokens: its choices, or a row for each of its generations."""
    prompt, choices = loaded.tokens(request)
    beside = tuple(auxiliary.prompt(request, prompt) for auxiliary in loaded.auxiliaries)
    if choices:
        return [Weighing(request, prompt, choices, beside=beside)]
    steps = generation.max_new_tokens
    drawn = generation.temperature > 0
    return [
        Row(
            request.sample_id,
            index,
            prompt,
            len(prompt) + steps,
            uniforms(seed, request.sample_id, index, steps) if drawn else None,
            opened=loaded.encoder.opened(request),
            beside=beside,
            after=request.after,
            open=request.open,
        )
        for index in request.indices
    ]
