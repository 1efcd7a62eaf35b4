"""Refuses, before anything is asked, options that mean nothing and what no server can answer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from urllib.parse import urlsplit

from harness.models.openai.bodies import is_begun
from harness.models.openai.spellings import MARKS
from harness.types import HarnessError, Request


def check_numbers(concurrency: int, retries: int, timeout: float) -> None:
    """Refuse numbers outside their ranges.

    Raises:
        HarnessError: one is.
    """
    for option, value, least in (("concurrency", concurrency, 1), ("retries", retries, 0)):
        if value < least:
            raise HarnessError(f"backend.{option}={value} must be at least {least}")
    if not 0 < timeout < math.inf:
        raise HarnessError(f"backend.timeout={timeout} must be a number of seconds above 0")


def check_address(base_url: str, option: str = "base_url") -> None:
    """Refuse what is no address of a server, or holds a secret.

    Raises:
        HarnessError: it is, or does.
    """
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise HarnessError(
            f"backend.{option}={base_url!r} is no address of a server; write it as "
            "http://localhost:8000/v1"
        )
    if parts.username or parts.password:
        raise HarnessError(
            f"backend.{option} holds a user or a password, which would be written into results; "
            "put the key into an environment variable and name that in backend.api_key_env"
        )


def whole_prices(prices: Mapping[str, float] | None) -> dict[str, float] | None:
    """Both prices, or None where none is given.

    Raises:
        HarnessError: one is missing, or below 0.
    """
    stated_prices = {name: price for name, price in (prices or {}).items() if price is not None}
    if stated_prices and not (
        stated_prices.keys() == {"input", "output"}
        and all(price >= 0 for price in stated_prices.values())
    ):
        raise HarnessError(
            f"backend.prices={stated_prices} must give input and output, each at least 0, of a "
            "million tokens"
        )
    return stated_prices or None


def check_request(request: Request, continues: bool, choices: bool) -> None:
    """Refuse what a server cannot be asked.

    Args:
        request: of the run.
        continues: whether the server goes on with an answer that was begun.
        choices: whether it weighs choices by its first token's log-probabilities.

    Raises:
        HarnessError: it cannot be asked this.
    """
    if is_begun(request) and not continues:
        raise HarnessError(
            f"sample {request.sample_id!r} begins the model's answer, which most servers do "
            "not go on with; where this one does (vLLM), set backend.continues=true"
        )
    if not request.choices:
        return
    if not choices:
        raise HarnessError(
            "this task weighs choices; where the server gives log-probabilities, set "
            "backend.choices=true, or choose a protocol in which answers are written"
        )
    words: dict[str, str] = {}
    for choice in request.choices:
        if len(choice.split()) != 1:
            raise HarnessError(
                f"choice {choice!r} is not one word: a server's first token does not weigh it"
            )
        other = words.setdefault(choice.strip(MARKS), choice)
        if other != choice:
            raise HarnessError(
                f"choices {other!r} and {choice!r} are one word: a server's first token does "
                "not tell them apart"
            )
