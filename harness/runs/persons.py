"""What a model says in the part of the person: asked turn by turn, stored as it comes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from harness.store import RunStore, generation_rows, to_generations
from harness.types import Generation, HarnessError, Person, Prompt, Request, Sample, Task, trait

EMPTY = "the person's model said nothing"
SUFFIX = "\x1fperson"
"""Of the sample's id in a request to the person, whose noise is another than the answer's."""
Key = tuple[str, int]
"""A sample, and which of its generations."""


@dataclass(frozen=True, slots=True)
class Line:
    """What the person is to say next."""

    sample_id: str
    index: int
    prompt: Prompt
    """What the person's model is asked."""
    after: str | None
    """The sample before which the person spoke last; None: this is the first time."""
    open: bool
    """Whether the dialogue goes on after it."""


class PersonWords:
    """What a person's model has said before each turn.

    Args:
        store: of the run.
        person: that speaks; None: what is stored is read.
        seed: of the person's noise.
    """

    def __init__(self, store: RunStore, person: Person | None = None, seed: int = 0) -> None:
        self.store, self.person, self.seed = store, person, seed
        self.spoken = person is not None or any((store.folder / "persons").glob("*.parquet"))
        """Whether the person of this run is a model."""
        self._words: dict[Key, Generation] = {}

    def read(self, samples: Collection[str]) -> None:
        """Take in what is stored for these samples, and forget the others; failures aside."""
        self._words = {}
        for _, table in self.store.shards("persons") if self.spoken else ():
            self._words |= {
                (words.sample_id, words.index): words
                for words in to_generations(table)
                if words.sample_id in samples and words.error is None
            }

    def check_asked(self, window: Sequence[Sample]) -> None:
        """Refuse a model as the person of samples that do not come after each other.

        Raises:
            HarnessError: the person has said all of it already.
        """
        if self.person is not None and window:
            raise HarnessError(
                f"person={self.person.name!r} has no turn to speak in, since sample "
                f"{window[0].id!r} and those after it say all of the talk; leave person= away"
            )

    def text(self, sample_id: str, index: int) -> str | None:
        """What the person said before a turn; None where that is not known."""
        words = self._words.get((sample_id, index))
        return None if words is None else words.text

    def error(self, sample_id: str, index: int) -> str | None:
        """Why there are no words; None where there are, or nobody was asked yet."""
        words = self._words.get((sample_id, index))
        return None if words is None else words.error

    def lacks(self, sample_id: str, index: int) -> bool:
        """Whether the person's model is still to be asked."""
        return self.person is not None and (sample_id, index) not in self._words

    def speak(self, lines: Sequence[Line]) -> None:
        """Ask the person's model for all of these together, and store what it says.

        Raises:
            HarnessError: it left one unanswered.
        """
        if not lines or self.person is None:
            return
        requests = [
            Request(
                line.sample_id + SUFFIX,
                line.prompt,
                (line.index,),
                after=None if line.after is None else line.after + SUFFIX,
                open=line.open,
            )
            for line in lines
        ]
        for finished in self.person.speak(requests, self.seed):
            words = [_with_sample_id(generation) for generation in finished]
            self.store.append("persons", generation_rows(words))
            self._words |= {(turn.sample_id, turn.index): turn for turn in words}
        missing = [line for line in lines if (line.sample_id, line.index) not in self._words]
        if missing:
            raise HarnessError(
                f"person={self.person.name!r} gave nothing before {missing[0].sample_id!r}; a "
                "backend must answer every request, with Generation.failed where it cannot"
            )


def _with_sample_id(generation: Generation) -> Generation:
    """Under the sample's own id; failed where nothing was said."""
    sample_id = generation.sample_id.removesuffix(SUFFIX)
    text = (generation.text or "").strip()
    if generation.error is not None or not text:
        return Generation.failed(sample_id, generation.index, generation.error or EMPTY)
    return Generation(
        sample_id, generation.index, text, generation.finish_reason,
        generation.prompt_tokens, generation.tokens, thinking=generation.thinking,
    )  # fmt: skip


def check_person(task: Task, person: Person | None) -> None:
    """Refuse a model as the person of a task that has none.

    Raises:
        HarnessError: it does not say what a person's model is asked.
    """
    if person is not None and trait(task, "person_prompt") is None:
        raise HarnessError(
            f"person={person.name!r} is for tasks whose person a model can be, and task "
            f"{task.name!r} has no person_prompt; leave person= away"
        )
