"""How probable texts are to a model, token by token: what tests of a model alone rest on.

Min-k% is Shi et al.'s (2024, arXiv 2310.16789): the mean log-probability of the k % of a text's
tokens that are the least probable. What a model was trained on has few surprises.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil

import numpy as np

from harness.statistics import Floats
from harness.types import Generation, GenerationConfig, HarnessError, Model, Request

Steps = tuple[float, ...]
"""Natural logarithm of each token's probability."""


def check_weighs(model: Model, option: str) -> None:
    """Refuse a model that says nothing of how probable a text is.

    Raises:
        HarnessError: its backend weighs no choices.
    """
    if not model.weighs_choices:
        raise HarnessError(
            f"{option}={model.name!r}: {type(model).__name__} gives no log-probabilities of texts; "
            "choose a backend that does, as hf"
        )


def weighed(model: Model, requests: Sequence[Request]) -> Mapping[str, Generation]:
    """By its name what came of each request, in batches that the model shares between them."""
    answers: dict[str, Generation] = {}
    for finished in model.generate(requests, GenerationConfig(max_new_tokens=1), 0):
        answers |= {answer.sample_id: answer for answer in finished}
    return answers


def min_k(steps: Sequence[float], share: float) -> float:
    """The mean of the least probable tokens' log-probabilities, in nats; the higher the likelier.

    >>> min_k([-1.0, -9.0, -2.0, -3.0], 0.5)
    -6.0

    Args:
        steps: of each token, one at least.
        share: of the tokens that counts, above 0 and up to 1; one token at least does.
    """
    count = max(1, ceil(share * len(steps)))
    return float(np.sort(np.asarray(steps, np.float64))[:count].mean())


def min_k_of(model: Model, texts: Sequence[str], share: float) -> tuple[Floats, dict[int, str]]:
    """Min-k% of each text; NaN where it could not be had, with the reason by the text's number.

    Raises:
        HarnessError: the backend does not give the probabilities of single tokens.
    """
    values, reasons = np.full(len(texts), np.nan), {}
    requests = [Request(str(n), "", choices=(t,)) for n, t in enumerate(texts) if t.strip()]
    answers = weighed(model, requests) if requests else {}
    for number, text in enumerate(texts):
        answer = answers.get(str(number))
        if answer is None or answer.error is not None:
            empty = "empty text" if not text.strip() else "no answer"
            reasons[number] = empty if answer is None else str(answer.error)
            continue
        if answer.choice_steps is None:
            raise HarnessError(
                f"model={model.name!r}: {type(model).__name__} gives no log-probability of each "
                "token, which Min-k% needs; choose backend=hf"
            )
        values[number] = min_k(answer.choice_steps[0], share)
    return values, reasons
