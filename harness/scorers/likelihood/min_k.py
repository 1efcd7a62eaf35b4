"""How few surprises a text holds for the model under test: Min-k%."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.scorers.likelihood.text_likelihood import LIMIT
from harness.statistics import min_k
from harness.types import Direction, Generation, HarnessError, Metric, Sample, Score

ASKED = "min_k_asked"
TOKENS = "the backend does not say how probable single tokens are; choose backend=hf"


class MinKScorer:
    """Gives `min_k`, the mean log-probability of a text's least probable tokens, in nats.

    Min-k% (Shi et al. 2024, arXiv 2310.16789): the higher, the fewer surprises, and so the likelier
    that the text was learned; whether it was shows only beside texts that were not. It reads the
    only choice of a sample. `min_k_asked`: 1 where there is such a choice, 0 where there is none:
    `min_k` is then missing, and nothing has failed.

    >>> text = Generation("1", 0, finish_reason="choices", choice_logprobs=(-15.0,),
    ...     choice_steps=((-1.0, -9.0, -2.0, -3.0),))
    >>> MinKScorer(0.5).score([Sample("1", "", choices=("a text",))], [text])[0][0].value
    -6.0

    Args:
        share: of a text's tokens that counts, above 0 and up to 1; MUSE takes .4.

    Raises:
        HarnessError: the share is none.
    """

    metrics: Mapping[str, Metric] = {
        "min_k": Metric(-LIMIT, 0.0, Direction.LOWER),
        ASKED: Metric(0.0, 1.0, Direction.HIGHER),
    }
    nothing_where = ASKED
    device = None
    exact = True

    def __init__(self, share: float = 0.4) -> None:
        if not 0 < share <= 1:
            raise HarnessError(f"scorers.min_k.share={share} must be above 0 and up to 1")
        self.share = share

    @property
    def identity(self) -> Mapping[str, str]:
        """The version of the reading, and the share."""
        return {"scorer": "min_k", "version": "1", "share": f"{self.share:g}"}

    def score(
        self, samples: Sequence[Sample], generations: Sequence[Generation]
    ) -> list[list[Score]]:
        """Read what was weighed; without the probabilities of single tokens it is missing."""
        return [self._score(s, g) for s, g in zip(samples, generations, strict=True)]

    def _score(self, sample: Sample, generation: Generation) -> list[Score]:
        if len(sample.choices) != 1:
            why = "no single text was to be weighed"
            answered = generation.choice_logprobs is not None or (generation.text or "").strip()
            asked = Score(ASKED, 0.0) if answered else Score.missing(ASKED, "empty answer")
            return [Score.missing("min_k", why), asked]
        steps = generation.choice_steps
        if steps is None or len(steps) != 1 or not steps[0]:
            return [Score.missing(metric, TOKENS) for metric in self.metrics]
        value = max(-LIMIT, min(0.0, min_k(steps[0], self.share)))
        return [Score("min_k", value), Score(ASKED, 1.0)]
