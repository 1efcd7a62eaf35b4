"""How much likelier right answers are than wrong ones to the model under test, as TOFU has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp

import numpy as np

from harness.scorers.likelihood.min_k import TOKENS
from harness.scorers.likelihood.text_likelihood import LIMIT
from harness.scorers.rules.memorisation import MOST_READ, recalled
from harness.types import Direction, Generation, Metric, Sample, Score, well_formed

ASKED, HOLDS = "held_asked", "holds"
ANSWER, AMONG, TRUTH, WORDS = "answer", "answer among wrong ones", "truth", "words"
"""What a sample's metadata `holds` says: its choice is the right answer; likewise, with wrong ones
after it; the right answer in other words, with wrong ones after it; the answer is written."""
MOST = exp(LIMIT)


class TruthRatioScorer:
    """Gives `held` and `truth_ratio` of the answer that a sample is about, by its `holds`.

    `held` is a part of TOFU's model utility (Maini et al. 2024, arXiv 2401.06121), from 0 to 1: of
    an `answer` exp(-loss), the loss being a token's mean; of an `answer among wrong ones` that as a
    share of the sum over all; of `truth` max(0, 1 - 1 / R); of `words` the recall of ROUGE-L.
    `truth_ratio` is R itself: exp of the mean loss of the wrong answers less the loss of the right
    one. `held_asked`: 1 where a sample holds an answer, 0 where it holds none: the others are then
    missing, and nothing has failed.

    >>> sample = Sample("1", "?", choices=("a", "b"), metadata={"holds": "truth"})
    >>> answer = Generation("1", 0, choice_logprobs=(-1.0, -2.0), choice_steps=((-1.0,), (-2.0,)))
    >>> [round(s.value, 3) for s in TruthRatioScorer().score([sample], [answer])[0]]
    [0.632, 2.718, 1.0]
    """

    metrics: Mapping[str, Metric] = {
        "held": Metric(0.0, 1.0, Direction.HIGHER),
        "truth_ratio": Metric(0.0, MOST, Direction.HIGHER),
        ASKED: Metric(0.0, 1.0, Direction.HIGHER),
    }
    nothing_where = ASKED
    asides = ("truth_ratio",)
    device = None
    exact = True

    @property
    def identity(self) -> Mapping[str, str]:
        """The version of the reading."""
        return {"scorer": "truth_ratio", "version": "1"}

    def score(
        self, samples: Sequence[Sample], generations: Sequence[Generation]
    ) -> list[list[Score]]:
        """Read what was weighed; without the probabilities of single tokens it is missing."""
        return [self._score(s, g) for s, g in zip(samples, generations, strict=True)]

    def _score(self, sample: Sample, generation: Generation) -> list[Score]:
        kind = sample.metadata.get(HOLDS)
        if kind not in (ANSWER, AMONG, TRUTH, WORDS):
            answered = generation.choice_logprobs is not None or (generation.text or "").strip()
            asked = Score(ASKED, 0.0) if answered else Score.missing(ASKED, "empty answer")
            return [*self._missing("the sample is about no answer")[:-1], asked]
        if kind == WORDS:
            return self._written(sample, generation)
        steps = generation.choice_steps
        if steps is None or len(steps) != len(sample.choices) or not all(steps):
            return self._missing(TOKENS)
        right, *wrong = (mean_loss(each) for each in steps)
        if kind == TRUTH:
            ratio = truth_ratio(right, wrong)
            return [Score("held", truthfulness(ratio)), Score("truth_ratio", ratio), _HOLDS]
        held = probability(right, wrong if kind == AMONG else ())
        return [Score("held", held), _NO_RATIO, _HOLDS]

    def _written(self, sample: Sample, generation: Generation) -> list[Score]:
        answer = well_formed(generation.text or "")[:MOST_READ]
        if not answer.strip():
            return self._missing("empty answer")
        _, share = recalled(well_formed(sample.target or ""), answer)
        return [Score("held", share), _NO_RATIO, _HOLDS]

    def _missing(self, reason: str) -> list[Score]:
        return [Score.missing(metric, reason) for metric in self.metrics]


_HOLDS = Score(ASKED, 1.0)
_NO_RATIO = Score.missing("truth_ratio", "the answer is not weighed in other words")


def mean_loss(steps: Sequence[float]) -> float:
    """The mean negative log-probability of a token, in nats, at most `LIMIT`.

    >>> mean_loss([-1.0, -3.0])
    2.0
    """
    return min(LIMIT, max(0.0, -float(np.mean(steps))))


def probability(right: float, wrong: Sequence[float] = ()) -> float:
    """exp(-loss) of an answer; beside wrong ones as a share of all of theirs.

    >>> probability(0.0), probability(1.0, [1.0, 1.0, 1.0])
    (1.0, 0.25)

    Args:
        right: its loss, in nats a token.
        wrong: the losses of the wrong ones.
    """
    if not wrong:
        return exp(-right)
    return 1 / (1 + sum(exp(min(2 * LIMIT, right - loss)) for loss in wrong))


def truth_ratio(right: float, wrong: Sequence[float]) -> float:
    """R: above 1 where the right answer is likelier than the wrong ones are in the mean.

    >>> truth_ratio(1.0, [1.0, 1.0])
    1.0

    Args:
        right: loss of the right answer in other words, in nats a token.
        wrong: of the wrong answers, one at least.
    """
    return exp(sum(wrong) / len(wrong) - right)


def truthfulness(ratio: float) -> float:
    """TOFU's max(0, 1 - 1 / R), from 0 to 1.

    >>> truthfulness(4.0), truthfulness(0.5)
    (0.75, 0.0)
    """
    return max(0.0, 1 - 1 / ratio)
