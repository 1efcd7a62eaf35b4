"""Refuses options of a server's that mean nothing, before anything is asked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from urllib.parse import urlsplit

from harness.types import HarnessError


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


def check_address(base_url: str) -> None:
    """Refuse what is no address of a server, or holds a secret.

    Raises:
        HarnessError: it is, or does.
    """
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise HarnessError(
            f"backend.base_url={base_url!r} is no address of a server; write it as "
            "http://localhost:8000/v1"
        )
    if parts.username or parts.password:
        raise HarnessError(
            "backend.base_url holds a user or a password, which would be written into results; "
            "put the key into an environment variable and name that in backend.api_key_env"
        )


def whole_prices(prices: Mapping[str, float] | None) -> dict[str, float] | None:
    """Both prices, or None where none is given.

    Raises:
        HarnessError: one is missing, or below 0.
    """
    given = {name: price for name, price in (prices or {}).items() if price is not None}
    if given and not (
        given.keys() == {"input", "output"} and all(price >= 0 for price in given.values())
    ):
        raise HarnessError(
            f"backend.prices={given} must give input and output, each at least 0, of a million "
            "tokens"
        )
    return given or None
