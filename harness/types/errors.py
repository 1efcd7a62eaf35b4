"""What a user can put right."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


class HarnessError(Exception):
    """Something a user can put right; the message is one sentence that says how."""
