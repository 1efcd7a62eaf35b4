"""Texts with places to fill."""

from __future__ import annotations

import re
from collections.abc import Mapping

from harness.types import HarnessError

PLACEHOLDER = re.compile(r"\{(\w+)\}")


def fill(template: str, words: Mapping[str, str], where: str) -> str:
    """A template with its placeholders filled; other braces stay.

    Raises:
        HarnessError: a placeholder is none of these.
    """
    for name in PLACEHOLDER.findall(template):
        if name not in words:
            raise HarnessError(
                f"{where}: {{{name}}} in the template is none of "
                f"{', '.join(f'{{{known}}}' for known in words)}"
            )
    return PLACEHOLDER.sub(lambda found: words[found[1]], template)
