"""How likely a given text is to the model under test, from the log-probability that it gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.types import Direction, Generation, Metric, Sample, Score

LIMIT = 50.0
"""Of a token's loss, in nats; what single-precision probabilities give stays far inside."""
LOSS = Metric(low=0.0, high=LIMIT, better=Direction.LOWER)


class TextLikelihoodScorer:
    """Gives `text_nll`, the mean negative log-likelihood of a token, in nats; lower is better.

    It reads the weight of a sample's only choice. exp of it is the text's perplexity, which depends
    on the tokenizer: compare only models that share one.
    """

    metrics: Mapping[str, Metric] = {"text_nll": LOSS}
    device = None
    exact = True

    @property
    def identity(self) -> Mapping[str, str]:
        """The version of the reading."""
        return {"scorer": "text_likelihood", "version": "1"}

    def score(
        self, samples: Sequence[Sample], generations: Sequence[Generation]
    ) -> list[list[Score]]:
        """Read every weight; what has none, or no number of tokens, is missing."""
        return [
            [per_token("text_nll", generation)]
            for _, generation in zip(samples, generations, strict=True)
        ]


def per_token(metric: str, weighed: Generation) -> Score:
    """The loss of the only choice that was weighed, for each of its tokens."""
    if weighed.error is not None:
        return Score.missing(metric, weighed.error)
    weights = weighed.choice_logprobs
    if weights is None or len(weights) != 1:
        return Score.missing(metric, "no single text was weighed: the backend has to weigh choices")
    if weighed.tokens < 1:
        return Score.missing(metric, "the backend does not say how many tokens the text has")
    loss = max(0.0, -weights[0] / weighed.tokens)
    return Score(metric, loss, explanation=f"{weighed.tokens} tokens")
