"""How far an answer is yes rather than no, from the probabilities of the two words."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.types import Direction, Generation, Metric, Sample, Score

LIMIT = 50.0
"""Of the logit, in nats; what single-precision probabilities give stays far inside."""
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
    gone to no, or to yes. Where a server lists one word alone, and the other cannot hold as much,
    `yes` is 1 or 0: the decision is the surest there is. `yes_logit` then has a bound alone, which
    contrasts use: ln p of the word that is listed over the most that the other can hold, which is
    what is left, and for each of its spellings no more than the least likely token that is listed.
    Of an answer that was written and begins with either word, only `yes` is known (1 or 0).

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
        other, and holds more than half of the probability, is a decision. 4: so is one that holds
        more than the other can, by the least likely token that is listed; the logit has a bound.
        """
        return {"scorer": "yes_no", "version": "4"}

    def score(
        self, samples: Sequence[Sample], generations: Sequence[Generation]
    ) -> list[list[Score]]:
        """Read every decision; what is neither yes nor no is missing."""
        return [
            self._written(generation.text or "")
            if generation.choice_logprobs is None
            else self._weighed(sample.choices, generation.choice_logprobs, generation.choice_floor)
            for sample, generation in zip(samples, generations, strict=True)
        ]

    def _weighed(
        self, choices: Sequence[str], weights: Sequence[float], floor: float | None
    ) -> list[Score]:
        words = [choice.strip(" \t\n\"'.,*").casefold() for choice in choices]
        log_shares = {
            word: _log_sum([w for c, w in zip(words, weights, strict=True) if c == word])
            for word in ("yes", "no")
        }
        listed = [word for word, weight in log_shares.items() if math.isfinite(weight)]
        if len(listed) == 1:
            pairs = zip(choices, words, strict=True)
            spellings = {c.strip() for c, word in pairs if word in log_shares.keys() - {listed[0]}}
            unlisted = math.inf if floor is None else math.log(max(1, len(spellings))) + floor
            if decided := self._alone(listed[0], min(0.0, log_shares[listed[0]]), unlisted):
                return decided
        if len(listed) < 2:
            return self._missing("the choices have no yes and no with a probability above zero")
        yes, no = (min(1.0, math.exp(log_shares[word])) for word in ("yes", "no"))
        mass = min(1.0, yes + no)
        logit = max(-LIMIT, min(LIMIT, log_shares["yes"] - log_shares["no"]))
        values = (logit, 1 / (1 + math.exp(-logit)), mass, yes, max(yes, 1 - no))
        return [Score(metric, value) for metric, value in zip(self.metrics, values, strict=True)]

    def _alone(self, word: str, weight: float, unlisted: float) -> list[Score]:
        """Of a word that is listed without the other; nothing where the other may hold as much.

        Args:
            word: that is listed.
            weight: its log-probability.
            unlisted: the most that the other's can be, by the least likely token that is listed.
        """
        yes, mass = word == "yes", math.exp(weight)
        unlisted_mass = 1 - mass
        most = min(unlisted, math.log(unlisted_mass) if unlisted_mass > 0 else -math.inf)
        bound = min(LIMIT, weight - most)
        if bound <= 0:
            return []
        reason = f"{'no' if yes else 'yes'} is not among the listed probabilities"
        side = f"at least {bound:.2f}" if yes else f"at most {-bound:.2f}"
        logit = Score.missing("yes_logit", f"{reason}: a bound alone is known", side)
        return [
            replace(logit, at_least=bound) if yes else replace(logit, at_most=-bound),
            Score("yes", float(yes), explanation=reason),
            Score("yes_no_mass", mass),
            Score("yes_lowest", mass if yes else 0.0),
            Score("yes_highest", 1.0 if yes else unlisted_mass),
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
