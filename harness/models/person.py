"""A model that speaks for the person of a dialogue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from harness.types import (
    Generation,
    GenerationConfig,
    HarnessError,
    Model,
    Request,
    Thinking,
    fingerprint,
    notes_of,
)


class ModelPerson:
    """Any model in the part of the person, asked by what the task says that the person is.

    Args:
        model: its name, as the run's `model` is one.
        backend: what runs it.
        max_new_tokens: of a turn at most.
        temperature: 0: always the likeliest token; repeats then say the same.
        top_p: least probability that the tokens have which are drawn from.
    """

    def __init__(
        self,
        model: str,
        backend: Model,
        max_new_tokens: int = 64,
        temperature: float = 1.0,
        top_p: float = 0.95,
    ) -> None:
        if max_new_tokens < 1:
            raise HarnessError(f"person.max_new_tokens={max_new_tokens} must be at least 1")
        self.name = model
        self.model = backend
        self.generation = GenerationConfig(
            max_new_tokens=max_new_tokens, temperature=temperature, top_p=top_p
        )

    @property
    def identity(self) -> Mapping[str, str]:
        """The model and how its words are drawn; loads no weights."""
        settings = self.generation
        drawn = f"{settings.temperature:g}, top_p {settings.top_p:g}"
        return {
            "name": self.name,
            "model": fingerprint(self.model.identity),
            "drawn": f"{settings.max_new_tokens} tokens at {drawn}",
        }

    @property
    def notes(self) -> list[str]:
        """What was found of the model's files."""
        return [f"person: {note}" for note in notes_of(self.model)]

    def speak(self, requests: Sequence[Request], seed: int) -> Iterator[list[Generation]]:
        """What the person says next in each dialogue; without what the model thought."""
        for finished in self.model.generate(requests, self.generation, seed):
            yield [Thinking().part(generation) for generation in finished]
