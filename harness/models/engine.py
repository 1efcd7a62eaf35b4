"""From requests to generations: what is refused, what is written or weighed, and by which way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.models import plain
from harness.models.encoder import no_token
from harness.models.loaded import LoadedModel
from harness.models.rows import Row, Weighing
from harness.models.sampling import uniforms
from harness.models.weighing import weigh
from harness.models.writing import write
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
    for fits, write_rows, weigh_choices in (
        (True, write, weigh),
        (False, plain.write, plain.weigh),
    ):
        some = [row for row in rows if (row.width <= loaded.widest) is fits]
        others = [weighing for weighing in weighings if (weighing.width <= loaded.widest) is fits]
        if some or others:
            loaded.use_cascade(fits)
        yield from write_rows(loaded, some, generation)
        yield from weigh_choices(loaded, others)


def _refusal(loaded: LoadedModel, item: Row | Weighing) -> str | None:
    """Why a request cannot be run; None where it can."""
    if item.width > loaded.context:
        return (
            f"{item.width} tokens (prompt and answer) exceed the model's context of "
            f"{loaded.context}"
        )
    return no_token(item.request.choices, item.choices) if isinstance(item, Weighing) else None


def _items(
    loaded: LoadedModel, request: Request, generation: GenerationConfig, seed: int
) -> list[Row] | list[Weighing]:
    """A request in tokens: its choices, or a row for each of its generations."""
    prompt = tuple(loaded.encoder.encode(request))
    if request.choices:
        choices = loaded.encoder.choices(request, list(prompt))
        return [Weighing(request, prompt, tuple(map(tuple, choices)))]
    steps = generation.max_new_tokens
    drawn = generation.temperature > 0
    return [
        Row(
            request.sample_id,
            index,
            prompt,
            len(prompt) + steps,
            uniforms(seed, request.sample_id, index, steps) if drawn else None,
        )
        for index in request.indices
    ]
