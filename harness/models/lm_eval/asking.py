"""Asks lm-eval chunk by chunk, so that what raises costs only itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from harness.types import Generation, HarnessError, Request

ALONE = 3
"""Requests that may fail one after another, with none answered before, until the run ends."""

Asked = tuple[Request, int]
"""A request and which of its generations."""


class Asking:
    """Asks chunk by chunk; where one raises, asks for each of it alone.

    Args:
        ask: gives the generations of some requests, or raises.
        subject: what is asked, for messages.
    """

    def __init__(self, ask: Callable[[Sequence[Asked]], list[Generation]], subject: str) -> None:
        self.ask = ask
        self.subject = subject
        self._answered = False
        self._lost = 0

    def all(self, chunks: Iterator[Sequence[Asked]]) -> Iterator[list[Generation]]:
        """The generations of every chunk.

        Raises:
            HarnessError: the first few all failed, as the next ones would.
        """
        for chunk in chunks:
            try:
                answers = self.ask(chunk)
                self._answered = True
                yield answers
            except HarnessError:
                raise
            except Exception as error:
                if len(chunk) > 1:
                    yield from self.all(iter([[request] for request in chunk]))
                    continue
                reason = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
                self._lost += 1
                if not self._answered and self._lost >= ALONE:
                    raise HarnessError(f"{self.subject} answers nothing: {reason}") from error
                request, index = chunk[0]
                indices = request.indices if request.choices else (index,)
                yield [Generation.failed(request.sample_id, i, reason) for i in indices]


def chunks(asked: Sequence[Asked], size: int) -> Iterator[Sequence[Asked]]:
    """Some of what is asked at a time."""
    return (asked[first : first + size] for first in range(0, len(asked), size))
