"""How probable texts are to a model, token by token: what tests of a model alone rest on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from harness.statistics import Floats, min_k
from harness.types import Generation, GenerationConfig, HarnessError, Model, Request


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
