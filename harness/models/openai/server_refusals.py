"""Ends a run that a server refuses altogether, with the server's words and what to set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.models.openai.bodies import Parameters
from harness.models.openai.faults import Fault, UnansweredError
from harness.types import HarnessError

HOPELESS = {401: "does not take the key", 404: "knows no such model or address"}
"""Statuses that every other request would meet as well."""
FORBIDDEN = 403
"""Forbids the key, or a single prompt: the former where nothing was answered yet."""
EQUAL = 8
"""Refusals alike, and nothing else, after which the rest is not asked."""


class ServerRefusals:
    """Counts what a server refuses.

    Args:
        base_url: of the server.
        name: of the model.
        api_key_env: the variable that holds the key.
        parameters: of every request.
    """

    def __init__(self, base_url: str, name: str, api_key_env: str, parameters: Parameters) -> None:
        self.base_url = base_url
        self.name = name
        self.api_key_env = api_key_env
        self.parameters = parameters
        self._alike: str | None = None
        self._count = 0
        self._answered = False

    def answered(self) -> None:
        """Some request was answered: whatever is refused is so for a reason of its own."""
        self._answered = True

    def end_at_probe(self, why: UnansweredError, body: Mapping[str, Any]) -> None:
        """End the run where its very form is refused.

        Raises:
            HarnessError: it is.
        """
        fault = why.fault
        if fault is None or fault.withheld:
            return
        self._end_where_hopeless(fault, why)
        if fault.status is not None and fault.status < 500 and not why.again:
            raise HarnessError(self._refused(why, fault, body)) from None

    def count(self, why: UnansweredError, body: Mapping[str, Any]) -> None:
        """Take in what was not answered.

        Raises:
            HarnessError: nor would anything else be.
        """
        fault = why.fault
        if fault is None or fault.withheld:
            self._answered = self._answered or why.reached
            return
        self._end_where_hopeless(fault, why)
        if why.again:
            return
        self._count = self._count + 1 if fault.alike == self._alike else 1
        self._alike = fault.alike
        if self._count >= EQUAL and not self._answered:
            raise HarnessError(
                f"all {self._count} requests so far were refused: {self._refused(why, fault, body)}"
            ) from None

    def _end_where_hopeless(self, fault: Fault, why: UnansweredError) -> None:
        if fault.spent:
            raise HarnessError(
                f"the account at {self.base_url} has nothing left: {why.reason}; what was answered "
                "is kept, and the same command goes on once it has"
            ) from None
        status = fault.status
        if status in HOPELESS or (status == FORBIDDEN and not self._answered):
            does = HOPELESS.get(status or 0, "forbids it")
            hint = f"; the key is read from ${self.api_key_env}" if status != 404 else ""
            raise HarnessError(
                f"{self.base_url} answered {status}: it {does} (model={self.name!r}){hint}; its "
                f"words: {why.reason}"
            ) from None

    def _refused(self, why: UnansweredError, fault: Fault, body: Mapping[str, Any]) -> str:
        advice = self.parameters.advice(fault.words, body)
        return f"{why.reason} (model={self.name!r} at {self.base_url}); {advice}"
