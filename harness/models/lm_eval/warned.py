"""What lm-eval and transformers warn of while they work, where it changes what is asked."""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Iterator

CHANGES = re.compile(
    r"(?i)truncat|remov|drop|discard|ignor|overrid|overwrit|default(?:ing|s)? to|not support|"
    r"not valid|instead of|could not|cannot|failed|\bnull\b|may (?:trigger|cause|break)|mismatch|"
    r"newly initialized|resiz"
)
"""Words of warnings that something was left out, changed or shortened."""
MOST = 8
"""Different warnings that are kept."""


class Warnings(logging.Handler):
    """Keeps warnings as notes; those that differ only in numbers once."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._notes_by_text: dict[str, str] = {}

    @property
    def notes(self) -> list[str]:
        """Each warning as a sentence."""
        return list(self._notes_by_text.values())

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a warning, if it is of a change."""
        text = " ".join(record.getMessage().split())
        if len(self._notes_by_text) < MOST and CHANGES.search(text):
            source = "lm-eval" if record.name.startswith("lm_eval") else "transformers"
            self._notes_by_text.setdefault(
                re.sub(r"\d+", "#", text), f"{source} warned: {text[:300]}"
            )

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Listen for as long as the context lasts."""
        loggers = [logging.getLogger(name) for name in ("lm_eval", "transformers")]
        for logger in loggers:
            logger.addHandler(self)
        try:
            yield
        finally:
            for logger in loggers:
                logger.removeHandler(self)
