"""How far an answer is yes rather than no, from the probabilities of the two words."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from harness.types import Direction, Generation, Metric, Sample, Score

LIMIT = 50.0
"""Of the logit, in nats; what single-precision probabilities give stays far inside."""
MOST = 0.5
"""Of the probability, above which a word is the decision whatever the other may hold."""
UNIT = Metric(low=0.0, high=1.0, better=Direction.HIGHER)
WRITTEN = re.compile(
    r"^\W*(yes|no)\b(?![-\w]|\W*\?)(?!\W*(?:(?:and|or|but)\W+)?(?:yes|no)\b)"
    r"(?!\s+(?:doubt|problem|idea|matter|one|way)\b)",
    re.IGNORECASE,
)
"""An answer that begins with one of the words and does not go on with the other."""


class YesNoScorer:
    """Gives the decision in which yes is to the person's advantage; higher is more of a yes.

    `yes_logit`: ln p(yes) - ln p(no), -50 to 50, each summed over its spellings among the sample's
    choices. `yes`: p(yes) / (p(yes) + p(no)), 0 to 1. `yes_no_mass`: p(yes) + p(no), the share of
    the probability that was read, and `yes_lowest`, `yes_highest`: p(yes) if all the rest of it had
    gone to no, or to yes. Where a server lists one word alone, and it holds more than half of the
    probability, `yes` is 1 or 0: the decision is the surest there is. `yes_logit` is then missing,
    with its bound as the reason. Of an answer that was written and begins with either word, only
    `yes` is known (1 or 0).

    >>> (scores,) = YesNoScorer().score([Sample("1", "May she?")], [Generation("1", 0, "No.")])
    >>> scores[1].metric, scores[1].value
    ('yes', 0.0)
    """

    metrics: Mapping[str, Metric] = {
        "yes_logit": Metric(low=-LIMIT, high=LIMIT, better=Direction.HIGHER),
        "yes": UNIT,
        "yes_no_mass": UNIT,
        "yes_lowest": UNIT,
        "yes_highest": UNIT,
    }
    device = None
    """None: reading probabilities needs none."""
    exact = True

    @property
    def identity(self) -> Mapping[str, str]:
        """The version of the reading.

        2: "yes or no", "yes?" and "no doubt" are neither. 3: a word that is listed without the
        other, and holds more than half of the probability, is a decision.
        """
        return {"scorer": "yes_no", "version": "3"}

    def score(
        self, samples: Sequence[Sample], generations: Sequence[Generation]
    ) -> list[list[Score]]:
        """Read every decision; what is neither yes nor no is missing."""
        return [
            self._written(generation.text or "")
            if generation.choice_logprobs is None
            else self._weighed(sample.choices, generation.choice_logprobs)
            for sample, generation in zip(samples, generations, strict=True)
        ]

    def _weighed(self, choices: Sequence[str], weights: Sequence[float]) -> list[Score]:
        words = [choice.strip(" \t\n\"'.,*").casefold() for choice in choices]
        log_shares = {
            word: _log_sum([w for c, w in zip(words, weights, strict=True) if c == word])
            for word in ("yes", "no")
        }
        listed = [word for word, weight in log_shares.items() if math.isfinite(weight)]
        if len(listed) == 1 and log_shares[listed[0]] > math.log(MOST):
            return self._alone(listed[0], min(1.0, math.exp(log_shares[listed[0]])))
        if len(listed) < 2:
            return self._missing("the choices have no yes and no with a probability above zero")
        yes, no = (min(1.0, math.exp(log_shares[word])) for word in ("yes", "no"))
        mass = min(1.0, yes + no)
        logit = max(-LIMIT, min(LIMIT, log_shares["yes"] - log_shares["no"]))
        values = (logit, 1 / (1 + math.exp(-logit)), mass, yes, max(yes, 1 - no))
        return [Score(metric, value) for metric, value in zip(self.metrics, values, strict=True)]

    def _alone(self, word: str, mass: float) -> list[Score]:
        """Of a word that is listed without the other, which holds less than what is left."""
        yes, rest = word == "yes", 1 - mass
        bound = min(LIMIT, math.log(mass / rest) if rest > 0 else LIMIT)
        side = f"at least {bound:.2f}" if yes else f"at most {-bound:.2f}"
        reason = f"{'no' if yes else 'yes'} is not among the listed probabilities: it is {side}"
        return [
            Score.missing("yes_logit", reason),
            Score("yes", float(yes), explanation=reason),
            Score("yes_no_mass", mass),
            Score("yes_lowest", mass if yes else 0.0),
            Score("yes_highest", 1.0 if yes else rest),
        ]

    def _written(self, text: str) -> list[Score]:
        match = WRITTEN.match(text)
        if not match:
            return self._missing("it begins with neither yes nor no" if text.strip() else "empty")
        scores = self._missing("an answer that was written has no probabilities")
        scores[1] = Score("yes", float(match[1].lower() == "yes"), explanation=match[0])
        return scores

    def _missing(self, reason: str) -> list[Score]:
        return [Score.missing(metric, reason) for metric in self.metrics]


def _log_sum(weights: Sequence[float]) -> float:
    largest = max(weights, default=-math.inf)
    if not math.isfinite(largest):
        return -math.inf
    return largest + math.log(sum(math.exp(weight - largest) for weight in weights))
