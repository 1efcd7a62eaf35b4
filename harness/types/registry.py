"""The scorers of one run by name, held to their contract."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from harness.types.declared import trait
from harness.types.errors import HarnessError
from harness.types.identity import fingerprint
from harness.types.languages import outside
from harness.types.measures import Metric
from harness.types.plugins import Scorer
from harness.types.records import Generation, Sample, Score
from harness.types.text import first_sentence

logger = logging.getLogger(__name__)


def _first_sentence(generation: Generation) -> Generation:
    return replace(generation, text=generation.text and first_sentence(generation.text))


def _with_thinking(generation: Generation) -> Generation:
    both = (generation.thinking, generation.text)
    joined = "\n\n".join(part for part in both if part)
    return replace(generation, text=None if generation.text is None else joined)


SPANS: Mapping[str, Callable[[Generation], Generation]] = {
    "full": lambda generation: generation,
    "first_sentence": _first_sentence,
    "thinking_and_answer": _with_thinking,
}
"""What of an answer is scored."""


class ScorerRegistry(Mapping[str, Scorer]):
    """Maps a name to its scorer, and lets no answer of a scorer by that breaks the contract.

    Args:
        scorers: by name.
        span: what of an answer they are shown: `full`, or `first_sentence` (the whole, where no
            sentence ends in it).

    Raises:
        HarnessError: two scorers give the same metric, or the span is none of these.
    """

    def __init__(self, scorers: Mapping[str, Scorer], span: str = "full") -> None:
        if span not in SPANS:
            raise HarnessError(f"task.span={span!r} is not one of {', '.join(SPANS)}")
        self.span = span
        self._scorers = dict(scorers)
        self.metrics: dict[str, tuple[str, Metric]] = {}
        """For each metric the scorer that gives it, and what it means."""
        for name, scorer in self._scorers.items():
            for metric, meaning in scorer.metrics.items():
                if metric in self.metrics:
                    raise HarnessError(
                        f"scorers {self.metrics[metric][0]!r} and {name!r} both give the metric "
                        f"{metric!r}; choose one of them"
                    )
                self.metrics[metric] = (name, meaning)

        self.asides = {
            metric
            for scorer in self._scorers.values()
            for metric in trait(scorer, "asides")
            if metric in self.metrics
        }
        """Metrics whose lack leaves nothing unmeasured: they stand beside others."""
        self.nothing_where: dict[str, str] = {
            metric: empty
            for scorer in self._scorers.values()
            if (empty := trait(scorer, "nothing_where")) in self.metrics
            for metric in scorer.metrics
            if metric != empty
        }
        """By metric the one whose 0 says that there is nothing to measure."""

    def __getitem__(self, name: str) -> Scorer:
        return self._scorers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._scorers)

    def __len__(self) -> int:
        return len(self._scorers)

    def identity(self, name: str) -> str:
        """The scorer's name, a fingerprint of all that changes its scores, and the span."""
        span = "" if self.span == "full" else f" of {self.span}"
        return f"{name}-{fingerprint(self[name].identity)}{span}"

    def score(
        self, name: str, samples: Sequence[Sample], generations: Sequence[Generation]
    ) -> list[list[Score]]:
        """One score for each metric of each generation, in order.

        A generation with an error is not shown to the scorer: its scores are missing for the same
        reason. So are those of an answer that a server's filter withheld, which is neither a
        failure nor a safe answer, of one that is surely in a language which the scorer does not
        read, of a text on which it raised, and values outside the range.

        Raises:
            HarnessError: the scorer answered for fewer or more generations than it was given, or
                gave other metrics than it declares.
        """
        read = None if trait(self[name], "of_requests") else trait(self[name], "languages")
        withheld = [
            _withheld(g) or outside(g.language, g.language_confidence, read) for g in generations
        ]
        readable = [i for i, reason in enumerate(withheld) if reason is None]
        cut = [SPANS[self.span](generations[i]) for i in readable]
        answers = iter(self._ask(name, [samples[i] for i in readable], cut))
        metrics = self[name].metrics
        return [
            [_within(score, metrics[score.metric]) for score in next(answers)]
            if reason is None
            else [Score.missing(metric, reason) for metric in metrics]
            for reason in withheld
        ]

    def _ask(
        self, name: str, samples: Sequence[Sample], generations: Sequence[Generation]
    ) -> list[list[Score]]:
        if not generations:
            return []
        scorer = self[name]
        try:
            answers = list(scorer.score(samples, generations))
        except HarnessError:
            raise
        except Exception as error:  # one bad text must not cost the others their scores
            logger.debug("scorer %r raised on %d texts", name, len(generations), exc_info=True)
            if len(generations) == 1:
                reason = f"scorer raised {type(error).__name__}: {error}"
                return [[Score.missing(metric, reason) for metric in scorer.metrics]]
            return [
                answer
                for pair in zip(samples, generations, strict=True)
                for answer in self._ask(name, [pair[0]], [pair[1]])
            ]
        if len(answers) != len(generations):
            raise HarnessError(
                f"scorer {name!r} answered for {len(answers)} of {len(generations)} generations; "
                "it must answer for each, with Score.missing where it cannot"
            )
        for answer in answers:
            metrics = [score.metric for score in answer]
            if metrics != list(scorer.metrics):
                raise HarnessError(
                    f"scorer {name!r} gave the metrics {metrics}, but declares "
                    f"{list(scorer.metrics)}"
                )
        return answers


def _withheld(generation: Generation) -> str | None:
    """Why there is no answer to score; None where there is one."""
    if generation.error is not None:
        return f"no generation: {generation.error}"
    if generation.finish_reason == "filtered":
        return "the server's filter withheld the answer"
    return None


def _within(score: Score, metric: Metric) -> Score:
    if score.value is None or score.error is not None:
        reason = score.error or "the scorer gave no reason"
        ends = [metric.low, *score.bounds, metric.high]
        if score.value is None and score.bounds and ends == sorted(ends):
            return replace(score, error=reason)
        return Score.missing(score.metric, reason, score.explanation)
    number = isinstance(score.value, int | float)
    if number and math.isfinite(score.value) and metric.low <= score.value <= metric.high:
        return score
    return Score.missing(
        score.metric,
        f"value {score.value!r} is outside {metric.low:g} to {metric.high:g}",
        score.explanation,
    )
