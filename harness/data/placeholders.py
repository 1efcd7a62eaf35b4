"""Texts with places to fill."""

from __future__ import annotations

import re
from collections.abc import Mapping

from harness.types import HarnessError

PLACEHOLDER = re.compile(r"\{(\w+)\}")


def fill(template: str, words: Mapping[str, str | int], where: str) -> str:
    """A template with its placeholders filled; other braces stay.

    Raises:
        HarnessError: a placeholder is none of these.
    """
    try:
        return PLACEHOLDER.sub(lambda place: str(words[place[1]]), template)
    except KeyError as error:
        raise HarnessError(
            f"{where}: {{{error.args[0]}}} in the template is none of "
            f"{', '.join(f'{{{known}}}' for known in words)}"
        ) from None
