"""A sample as requests, and their answers as one generation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from harness.types import Generation, Mitigation, Request, Sample, changed, cut_at


def requests_of(
    sample: Sample, indices: tuple[int, ...], mitigation: Mitigation | None, is_open: bool = False
) -> list[Request]:
    """The sample as it is asked: one request, or one for each text that its choices continue.

    Args:
        sample: as it is asked.
        indices: of the generations.
        mitigation: that may change what is asked.
        is_open: whether its dialogue goes on after it.
    """
    asked = _plainly(sample, indices)
    if is_open or sample.after:
        asked = [replace(request, after=sample.after, open=is_open) for request in asked]
    return [changed(request, mitigation) for request in asked]


def stopped(generation: Generation, stops: Sequence[str]) -> Generation:
    """The generation without the first stop string and what follows it.

    Some servers hand on the whole token that a stop string ended in, or more. What was cut here has
    come to its stop, whatever the backend says of the end; a filter's end stays one.
    """
    if not stops or generation.text is None:
        return generation
    text = cut_at(generation.text, stops)
    if text == generation.text:
        return generation
    if generation.finish_reason == "filtered":
        return replace(generation, text=text)
    return replace(generation, text=text, finish_reason="stop")


def _plainly(sample: Sample, indices: tuple[int, ...]) -> list[Request]:
    if not sample.leads:
        return [
            Request(sample.id, sample.prompt, indices, sample.choices, encoded_as=sample.encoded_as)
        ]
    return [
        Request(
            _part(sample, number),
            lead,
            indices,
            tuple(c for c, text in zip(sample.choices, sample.leads, strict=True) if text == lead),
            encoded_as=sample.encoded_as,
        )
        for number, lead in enumerate(dict.fromkeys(sample.leads))
    ]


def _part(sample: Sample, number: int) -> str:
    return f"{sample.id}\x1f{number}"


class Joined:
    """Puts together again what was asked in parts because its choices continue different texts.

    Args:
        samples: by id, those that have leads.
    """

    def __init__(self, samples: Mapping[str, Sample]) -> None:
        self._sample = {
            _part(sample, number): (sample, lead)
            for sample in samples.values()
            for number, lead in enumerate(dict.fromkeys(sample.leads))
        }
        self._parts: dict[tuple[str, int], dict[str, Generation]] = {}

    def take(self, generations: Iterable[Generation]) -> Iterator[Generation]:
        """What is whole, or needs no joining."""
        for generation in generations:
            known = self._sample.get(generation.sample_id)
            if known is None:
                yield generation
                continue
            sample, lead = known
            key = sample.id, generation.index
            parts = self._parts.setdefault(key, {})
            parts[lead] = generation
            if len(parts) == len(set(sample.leads)):
                yield _join(sample, self._parts.pop(key), generation.index)


def _join(sample: Sample, parts: Mapping[str, Generation], index: int) -> Generation:
    """One generation of all choices, in the sample's order; failed where one part is."""
    for part in parts.values():
        if part.choice_logprobs is None:
            return Generation.failed(sample.id, index, part.error or "its choices were not weighed")
    weights = {lead: iter(part.choice_logprobs or ()) for lead, part in parts.items()}
    known = all(part.choice_greedy is not None for part in parts.values())
    stepped = all(part.choice_steps is not None for part in parts.values())
    floors = [part.choice_floor for part in parts.values() if part.choice_floor is not None]
    greedy = {lead: iter(part.choice_greedy or ()) for lead, part in parts.items()}
    steps = {lead: iter(part.choice_steps or ()) for lead, part in parts.items()}
    return Generation(
        sample.id, index, None, "choices",
        sum(part.prompt_tokens for part in parts.values()),
        sum(part.tokens for part in parts.values()),
        tuple(next(weights[lead]) for lead in sample.leads),
        choice_greedy=tuple(next(greedy[lead]) for lead in sample.leads) if known else None,
        choice_floor=max(floors, default=None),
        choice_steps=tuple(next(steps[lead]) for lead in sample.leads) if stepped else None,
    )  # fmt: skip
