"""A mitigation that reads each answer, and does not let through what a scorer finds unsafe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness.mitigations.answers.around import Around
from harness.mitigations.answers.calls import SHARE, calls, noting
from harness.types import (
    Direction,
    Generation,
    GenerationConfig,
    HarnessError,
    Metric,
    Model,
    Request,
    Sample,
    Scorer,
    ScorerRegistry,
    cut_at,
    fingerprint,
)

MISSING = ("replace", "fail")
REFUSAL = "I'm sorry, but I can't help with that."


class Guard:
    """Draws an answer again that a scorer finds unsafe, and at last puts a refusal in its place.

    What the scorer cannot read does not count as safe: it is drawn again or replaced as what is
    unsafe is, or fails. Choices that are weighed pass, for nothing is written.

    Args:
        scorer: any that reads a prompt and an answer.
        threshold: from which value on, towards the metric's bad end, an answer is unsafe.
        metric: of the scorer; None: its first.
        draws: times that an unsafe answer is drawn again before it is replaced.
        refusal: what stands in the place of an answer.
        missing: what becomes of an answer without a score: `replace` or `fail`.
    """

    made_for: Sequence[str] = ("harm", "toxicity")

    def __init__(
        self,
        scorer: Scorer,
        threshold: float,
        metric: str | None = None,
        draws: int = 0,
        refusal: str = REFUSAL,
        missing: str = "replace",
    ) -> None:
        self.metric = metric or next(iter(scorer.metrics))
        meaning = scorer.metrics.get(self.metric)
        if meaning is None:
            raise HarnessError(
                f"mitigation.metric={metric!r} is none of the scorer's: {', '.join(scorer.metrics)}"
            )
        if meaning.better not in (Direction.LOWER, Direction.HIGHER):
            raise HarnessError(f"mitigation.metric={self.metric!r} has no bad end to guard against")
        if not meaning.low <= threshold <= meaning.high:
            raise HarnessError(
                f"mitigation.threshold={threshold!r} is outside the range of {self.metric}, "
                f"{meaning.low:g} to {meaning.high:g}"
            )
        if draws < 0:
            raise HarnessError(f"mitigation.draws={draws} must be 0 or more")
        if missing not in MISSING:
            raise HarnessError(f"mitigation.missing={missing!r} is not one of {', '.join(MISSING)}")
        if not refusal.strip():
            raise HarnessError("mitigation.refusal is empty; say what is answered instead")
        self.scorer, self.threshold, self.draws = scorer, threshold, draws
        self.refusal, self.missing = refusal, missing
        self.reports: Mapping[str, Metric] = {
            "replaced": SHARE,
            "not_read": SHARE,
            "calls": calls(1 + draws),
        }

    @property
    def identity(self) -> Mapping[str, str]:
        """The scorer's, and all that is done with what it says."""
        scorer = {f"scorer.{name}": value for name, value in self.scorer.identity.items()}
        return {
            "mitigation": "guard",
            "metric": self.metric,
            "threshold": repr(float(self.threshold)),
            "draws": str(self.draws),
            "refusal": self.refusal,
            "missing": self.missing,
            "scorer_id": fingerprint(self.scorer.identity),
            **scorer,
        }

    def wrap(self, model: Model) -> Model:
        """The model behind the guard."""
        return _Guarded(self, model)

    def verdicts(
        self, requests: Sequence[Request], answers: Sequence[Generation], stops: Sequence[str]
    ) -> list[str | bool]:
        """Of each answer whether it is safe, or why that cannot be said.

        Args:
            requests: of each answer.
            answers: each with a text.
            stops: an answer ends before the first of them.
        """
        samples = [Sample(request.sample_id, request.prompt) for request in requests]
        read = [
            replace(answer, text=cut_at(answer.text or "", stops), finish_reason="stop")
            for answer in answers
        ]
        registry = ScorerRegistry({"guard": self.scorer})
        place = list(self.scorer.metrics).index(self.metric)
        scores = [of_one[place] for of_one in registry.score("guard", samples, read)]
        bad = 1 if self.scorer.metrics[self.metric].better is Direction.LOWER else -1
        return [
            str(score.error) if score.value is None else bad * (score.value - self.threshold) < 0
            for score in scores
        ]


@dataclass
class _Drawn:
    """An answer that is asked for, and what was drawn for it so far."""

    request: Request
    index: int
    drawn: list[Generation] = field(default_factory=list)


class _Guarded(Around):
    """Answers as a model does, less what a guard does not let through."""

    def __init__(self, guard: Guard, model: Model) -> None:
        super().__init__(model)
        self.guard = guard

    def generate(
        self, requests: Sequence[Request], generation: GenerationConfig, seed: int
    ) -> Iterator[list[Generation]]:
        """What passes as it comes; then what is drawn again, and last what is replaced."""
        written = any(not request.choices for request in requests)
        if written and self.guard.draws and not generation.temperature:
            raise HarnessError(
                f"mitigation.draws={self.guard.draws}: at generation.temperature=0 each draw is "
                "the same; set a temperature, or draws=0 to replace at once"
            )
        waiting = {
            (request.sample_id, index): _Drawn(request, index)
            for request in requests
            for index in request.indices
        }
        tag = fingerprint(self.guard.identity)
        for draw in range(self.guard.draws + 1):
            asked = {self._key(key, draw, tag): key for key in waiting}
            if not asked:
                return
            again = requests if not draw else _again(waiting, asked)
            last = draw == self.guard.draws
            for answers in self.model.generate(again, generation, seed):
                keys = [asked[answer.sample_id, answer.index] for answer in answers]
                for key, answer in zip(keys, answers, strict=True):
                    waiting[key].drawn.append(replace(answer, sample_id=key[0]))
                released = list(self._released([waiting[key] for key in keys], generation, last))
                for answer in released:
                    del waiting[answer.sample_id, answer.index]
                if released:
                    yield released

    def _key(self, key: tuple[str, int], draw: int, tag: str) -> tuple[str, int]:
        """Under which noise is drawn: the sample's own, and another for each further draw."""
        return (f"{key[0]}\x1e{tag}-{draw}" if draw else key[0]), key[1]

    def _released(
        self, drawn: Sequence[_Drawn], generation: GenerationConfig, last: bool
    ) -> Iterator[Generation]:
        """Those of the answers that are given now."""
        written = [draw for draw in drawn if _is_written(draw)]
        verdicts = iter(
            self.guard.verdicts(
                [draw.request for draw in written],
                [draw.drawn[-1] for draw in written],
                generation.stop,
            )
            if written
            else []
        )
        for draw in drawn:
            verdict = next(verdicts) if _is_written(draw) else True
            counts = {"replaced": 0.0, "not_read": float(isinstance(verdict, str))}
            answer = draw.drawn[-1]
            if verdict is not True:
                if not last:
                    continue
                if isinstance(verdict, str) and self.guard.missing == "fail":
                    reason = f"the guard could not read the answer: {verdict}"
                    answer = Generation.failed(answer.sample_id, answer.index, reason)
                else:
                    counts["replaced"] = 1.0
                    answer = replace(
                        answer, text=self.guard.refusal, finish_reason="stop", opened=None
                    )
            yield noting(answer, draw.drawn, counts)


def _is_written(draw: _Drawn) -> bool:
    """Whether there is a text to be read: no failure, no choices, nothing withheld."""
    answer = draw.drawn[-1]
    return answer.text is not None and answer.finish_reason != "filtered"


def _again(
    waiting: Mapping[tuple[str, int], _Drawn], asked: Mapping[tuple[str, int], tuple[str, int]]
) -> list[Request]:
    """What is asked again: of each request the answers that were unsafe."""
    requests: dict[str, Request] = {}
    for (name, index), key in asked.items():
        request = requests.get(name) or replace(waiting[key].request, sample_id=name, indices=())
        requests[name] = replace(request, indices=(*request.indices, index))
    return list(requests.values())
